"""The training of a trial: resumed, watched, stopped in time, its best weights kept.

Joins the training of `training/` for `trial.py` and `retrieval/retrieval_trial.py`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.finetuning.batches import TaskBatches
from electra_keras.training.checkpoints import CheckpointFolder, network_variables
from electra_keras.training.history import History
from electra_keras.training.interruption import Interruption
from electra_keras.training.monitoring import RunMonitor
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.run_folder import CHECKPOINTS_FOLDER
from electra_keras.training.saver import Saver
from electra_keras.training.windowed_fit import fit_windows
from electra_keras.training.workers import Workers


def fit_resumably(
    tuner: ElectraPretrainer,
    batches: TaskBatches,
    config: ExperimentConfig,
    folder: Path,
    strategy: tf.distribute.Strategy,
    *,
    patience_epochs: int,
    data_fingerprint: str,
    trained_sequence_length: int,
) -> float:
    """Trains to the end, or goes on where the trial in `folder` stopped.

    Args:
        tuner: Compiled; its evaluations give `task_score`.
        batches: Of the trial.
        config: From `make_run_config`.
        folder: Of the trial.
        strategy: That the tuner was built under.
        patience_epochs: Evaluations without a better one after which it stops; 0:
            never.
        data_fingerprint: Of what is trained on.
        trained_sequence_length: Tokens of the longest rows.

    Returns: Seconds of training, without evaluations.

    Raises:
        SystemExit: After SIGTERM; the same call goes on.
        KeyboardInterrupt: After Ctrl-C; so it does then.
    """
    interruption = Interruption(Workers(strategy))
    saver = Saver(
        *(tuner, folder, config, interruption),
        data_fingerprint=data_fingerprint,
        trained_sequence_length=trained_sequence_length,
    )
    start_step = saver.resume()
    monitor = RunMonitor(
        folder, start_step=start_step, train_steps=config.train.train_steps
    )
    monitor.set_model(tuner)
    monitor.history.cut_after(start_step or -1)
    patience = Patience(folder, patience_epochs)
    interruption.listen()
    try:
        with contextlib.closing(monitor):
            if not patience.is_exhausted():
                onlookers = _Onlookers(monitor, patience)
                fit_windows(*(tuner, batches, config, start_step, saver, onlookers))
    finally:
        interruption.close()
    return monitor.train_secs


def restore_best(tuner: ElectraPretrainer, folder: Path) -> int:
    """Gives a trained tuner the best weights of its trial; returns their step."""
    best = CheckpointFolder(folder / CHECKPOINTS_FOLDER).choose("best")
    if best is None:
        raise ValueError(f"{folder} holds no checkpoint")
    best.restore(network_variables(tuner.objective.networks))
    return best.step


@dataclasses.dataclass
class _Onlookers:
    """The callbacks of a trial, and what records its start."""

    monitor: RunMonitor
    patience: Patience

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        return [self.monitor, self.patience]

    def record_start(self, values: dict[str, float]) -> None:
        self.monitor.record("validation", values)


class Patience(keras.callbacks.Callback):
    """Stops a trial that has not got better for a while.

    Asks `metrics.jsonl`, so that a resumed trial knows what was before.

    Args:
        folder: Of the trial.
        epochs: Evaluations without a better one after which it stops; 0: never.
    """

    def __init__(self, folder: Path, epochs: int) -> None:
        super().__init__()
        self._history = History(folder)
        self._epochs = epochs

    def is_exhausted(self) -> bool:
        """Whether the last evaluations were all no better than one before."""
        if not self._epochs:
            return False
        scores = [row["task_score"] for row in self._history.rows("validation")]
        since = len(scores) - 1 - scores.index(max(scores)) if scores else 0
        return since >= self._epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if any(name.startswith("val_") for name in logs or {}) and self.is_exhausted():
            self.model.stop_training = True
