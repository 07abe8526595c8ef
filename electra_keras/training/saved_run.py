"""A run folder read back: configuration, vocabulary, networks with weights.

Reads what `run.py` wrote, feeds `evaluation.py` and `serving/`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras

from electra_keras.config import ExperimentConfig
from electra_keras.config_files import load_config
from electra_keras.data.info import VOCABULARY_FILE, DatasetInfo
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.objectives.shared.objective import Objective
from electra_keras.training.checkpoints import (
    Checkpoint,
    CheckpointFolder,
    network_variables,
)
from electra_keras.training.run import (
    CHECKPOINTS_FOLDER,
    CONFIG_FILE,
    DATA_INFO_FILE,
    build_objective,
)


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """What a run says of itself, and one of its checkpoints on disk."""

    folder: Path
    config: ExperimentConfig
    info: DatasetInfo
    vocabulary: Vocabulary
    checkpoint: Checkpoint

    @property
    def trained_sequence_length(self) -> int:
        """Tokens of the longest rows that the weights were trained on."""
        return self.checkpoint.trained_sequence_length or self.info.sequence_length


@dataclasses.dataclass(frozen=True)
class SavedRun(RunRecord):
    """A trained run in memory, built outside any strategy."""

    objective: Objective

    @property
    def discriminator(self) -> keras.Model:
        """The network that is kept for downstream tasks."""
        return self.objective.networks["discriminator"]


def read_run(folder: str | Path, checkpoint: str = "latest") -> RunRecord:
    """Reads what a run says of itself, and no weights.

    Args:
        folder: Of the run.
        checkpoint: "latest" (the newest whole one), "best" (by held-out text) or
            a step.

    Raises:
        UsageError: `folder` is no run, or has no such checkpoint.
    """
    folder = Path(folder)
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(
            f"no run in {folder}",
            expected="a folder written by electra_keras.train",
            fix="Check --run.",
        )
    chosen = CheckpointFolder(folder / CHECKPOINTS_FOLDER).choose(checkpoint)
    if chosen is None:
        raise UsageError(
            f"{folder} has no whole checkpoint",
            expected="a run that has trained for a while",
            fix="Run python -m electra_keras.train again.",
        )
    return RunRecord(
        folder,
        load_config(folder / CONFIG_FILE),
        DatasetInfo.from_json((folder / DATA_INFO_FILE).read_text("utf-8")),
        Vocabulary.load(folder / VOCABULARY_FILE),
        chosen,
    )


def load_run(folder: str | Path, checkpoint: str = "latest") -> SavedRun:
    """Loads the weights of a run; a network that is not trained yet begins as a copy.

    Args:
        folder: Of the run.
        checkpoint: As for `read_run`.

    Raises:
        UsageError: As `read_run`.
    """
    record = read_run(folder, checkpoint)
    objective = build_objective(record.config, record.vocabulary)
    record.checkpoint.restore(network_variables(objective.networks))
    objective.start(record.checkpoint.step)
    objective.fill_untrained(record.checkpoint.step)
    return SavedRun(**vars(record), objective=objective)
