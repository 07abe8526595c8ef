"""The folder of a run: opened, known again, and where its weights started.

Used by `run.py`. What a run starts from comes in as an argument, since the
formats of other programs are a later room.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import keras

from electra_keras.config import ExperimentConfig
from electra_keras.config_files import load_config
from electra_keras.data.info import VOCABULARY_FILE, DatasetInfo
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.training.changes import (
    accept_changes,
    check_changes,
    find_changes,
    find_other_data,
)
from electra_keras.training.checkpoints import CheckpointFolder
from electra_keras.whole_files import write_text

CONFIG_FILE = "config.yaml"
DATA_INFO_FILE = "data_info.json"
CHECKPOINTS_FOLDER = "checkpoints"
INITIAL_WEIGHTS_FILE = "initial_weights.json"


class InitialWeights(Protocol):
    """Weights that a run starts from; see `interchange/initial_weights.py`."""

    @property
    def source(self) -> str:
        """Their path, as it was given."""

    def load(
        self, networks: Mapping[str, keras.Model], vocabulary: Vocabulary
    ) -> dict[str, Any]:
        """Fills the networks; returns what is recorded.

        Returns:
            `source`, `notes`, `trained_sequence_length` and more.
        """


def start_networks(
    initial_weights: InitialWeights | None,
    networks: Mapping[str, keras.Model],
    vocabulary: Vocabulary,
    folder: Path,
) -> str | None:
    """Fills the networks of a run that has no checkpoint yet.

    Returns:
        The record for `open_run_folder`, or None where nothing was filled.

    Raises:
        UsageError: The run in `folder` started from other weights.
    """
    path = folder / INITIAL_WEIGHTS_FILE
    if (folder / CONFIG_FILE).is_file():
        known = None
        if path.is_file():
            known = json.loads(path.read_text("utf-8"))["source"]
        given = None if initial_weights is None else initial_weights.source
        is_under_way = (known is not None or given is not None) and CheckpointFolder(
            folder / CHECKPOINTS_FOLDER
        ).latest() is not None
        # On the way no weights are needed, and the flag may be left out.
        if given != known and not (is_under_way and given is None):
            raise UsageError(
                f"--init_from={given}" if given else "no --init_from",
                expected=f"--init_from={known}, from which the run in {folder} started"
                if known
                else f"no --init_from for the run in {folder}",
                fix="Call it as before, or choose another --output.",
            )
        if is_under_way:
            return None
    if initial_weights is None:
        return None
    record = initial_weights.load(networks, vocabulary)
    for note in record["notes"]:
        print(f"initial weights: {note}")
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def find_trained_sequence_length(
    folder: Path, config: ExperimentConfig, info: DatasetInfo
) -> int:
    """Tokens of the longest rows that the weights of a run are trained on.

    Args:
        folder: Of the run, opened.
        config: Its resolved settings.
        info: Of its data.

    Returns:
        The length of the data's rows; of initial weights that know longer ones
        theirs, as far as the table of positions goes.
    """
    path = folder / INITIAL_WEIGHTS_FILE
    known = 0
    if path.is_file():
        record = json.loads(path.read_text("utf-8"))
        known = record.get("trained_sequence_length", 0)
    return max(info.sequence_length, min(known, config.model.max_sequence_length))


def open_run_folder(
    folder: Path,
    config: ExperimentConfig,
    info: DatasetInfo,
    vocabulary: Vocabulary,
    initial_weights: str | None = None,
    *,
    is_writer: bool = True,
    allow_changes: bool = False,
) -> None:
    """Makes a run folder, or checks that it is this very run's.

    Args:
        folder: Absent, empty, or this very run.
        config: Its resolved settings.
        info: Of its data.
        vocabulary: Of its data.
        initial_weights: From `start_networks`.
        is_writer: Of several workers one makes it; the others only check.
        allow_changes: Take over the settings that may change in a run; see
            `changes.py`.

    Raises:
        UsageError: It holds another run (the difference is named) or
            something else.
    """
    if (folder / CONFIG_FILE).is_file():
        _go_on(
            *(folder, config, info),
            is_writer=is_writer,
            allow_changes=allow_changes,
        )
        return
    if not is_writer:
        return
    # What a run that was killed at its very start left is no obstacle.
    started = {DATA_INFO_FILE, VOCABULARY_FILE, INITIAL_WEIGHTS_FILE}
    is_folder = folder.is_dir() or not folder.exists()
    if not is_folder or {path.name for path in folder.glob("*")} - started:
        raise UsageError(
            f"{folder} {'holds other files' if is_folder else 'is a file'}",
            expected="a new or empty folder, or a run to go on with",
            fix="Choose another --output.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INITIAL_WEIGHTS_FILE).unlink(missing_ok=True)
    files = {
        **({INITIAL_WEIGHTS_FILE: initial_weights} if initial_weights else {}),
        DATA_INFO_FILE: info.to_json(),
        VOCABULARY_FILE: vocabulary.text(),
        CONFIG_FILE: config.to_yaml(),  # Last: it makes the folder a run.
    }
    for name, text in files.items():
        write_text(folder / name, text)


def _go_on(
    folder: Path,
    config: ExperimentConfig,
    info: DatasetInfo,
    *,
    is_writer: bool,
    allow_changes: bool,
) -> None:
    """Checks that a run is this very one, but for what may change."""
    known = DatasetInfo.from_json((folder / DATA_INFO_FILE).read_text("utf-8"))
    changes = find_changes(load_config(folder / CONFIG_FILE), config)
    changes += find_other_data(known, info)
    if not changes:
        return
    checkpoint = CheckpointFolder(folder / CHECKPOINTS_FOLDER).latest()
    step = 0 if checkpoint is None else checkpoint.step
    check_changes(folder, changes, config, step=step, allow_changes=allow_changes)
    if is_writer:
        accept_changes(folder, changes, step)
        write_text(folder / CONFIG_FILE, config.to_yaml())
