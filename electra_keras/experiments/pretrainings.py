"""Stage 1 of a comparison: its run folders, each resumed where it stopped.

Asks `training/run.py`; feeds `trials.py` and the report.
"""

from __future__ import annotations

import gc
from pathlib import Path

import keras

from electra_keras.config_files import load_config
from electra_keras.errors import UsageError
from electra_keras.experiments.budgets import PretrainingRun
from electra_keras.training.changes import FREE, find_changes
from electra_keras.training.checkpoints import CheckpointFolder
from electra_keras.training.history import History
from electra_keras.training.run import CHECKPOINTS_FOLDER, CONFIG_FILE, train

RUNS_FOLDER = "runs"


def find_step(folder: Path) -> int:
    """Optimizer steps that are saved of a run; 0: none."""
    if not (folder / CHECKPOINTS_FOLDER).is_dir():
        return 0
    latest = CheckpointFolder(folder / CHECKPOINTS_FOLDER).latest()
    return 0 if latest is None else latest.step


def check_same(run: PretrainingRun, folder: Path) -> bool:
    """Checks that a folder is absent or this very run's.

    Returns: Whether settings differ that decide no weight, such as intervals.

    Raises:
        UsageError: It holds a run with other settings.
    """
    if not (folder / CONFIG_FILE).is_file():
        return False
    changes = find_changes(load_config(folder / CONFIG_FILE), run.config)
    others = [change for change in changes if change.setting not in FREE]
    if others:
        raise UsageError(
            f"{folder} holds another run: {'; '.join(map(str, others))}",
            expected="a run with the settings of the comparison",
            fix="Undo the change, or choose another --output.",
        )
    return bool(changes)


def pretrain(run: PretrainingRun, data: str, folder: Path) -> None:
    """Pre-trains to the end.

    Args:
        run: What it is.
        data: Folder of the data.
        folder: Of the run.

    Raises:
        UsageError: The folder holds a run with other settings.
        SystemExit: After SIGTERM, its step saved.
        KeyboardInterrupt: After Ctrl-C; the same.
    """
    train(run.config, data, folder, allow_changes=check_same(run, folder))
    # A process that trains many networks keeps none of them.
    keras.backend.clear_session()
    gc.collect()


def read_held_out(folder: Path) -> dict[str, float]:
    """Reads the last held-out metrics of a run; empty: none."""
    rows = History(folder).rows("validation")
    if not rows:
        return {}
    return {name: value for name, value in rows[-1].items() if name != "split"}
