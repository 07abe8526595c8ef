"""Saves a run on time, at its best and when it is told to stop; and resumes it.

Joins `checkpoints.py`, `best_checkpoint.py` and `interruption.py` for `run.py` and
for the trials of a fine-tuning.
"""

from __future__ import annotations

from pathlib import Path

import keras

from electra_keras.config import ExperimentConfig
from electra_keras.training.best_checkpoint import BestCheckpoint
from electra_keras.training.checkpoints import (
    Checkpoint,
    CheckpointFolder,
    Variables,
    network_variables,
    optimizer_variables,
)
from electra_keras.training.finite import find_not_finite_variables
from electra_keras.training.history import History, split_logs
from electra_keras.training.interruption import Interruption
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.run_folder import CHECKPOINTS_FOLDER
from electra_keras.training.windows import is_due


class Saver(keras.callbacks.Callback):
    """Resumes from the newest checkpoint and writes new ones.

    Comes after every other callback: what they record of a step is there before
    the step is saved.

    Args:
        pretrainer: Compiled.
        folder: Of the run, opened.
        config: Resolved.
        interruption: Asked after each call of the graph.
        data_fingerprint: Of what is trained on.
        trained_sequence_length: Tokens of the longest rows that the weights are
            trained on, here or before.
        is_writer: Whether this worker saves; the others resume and stop with it.
    """

    def __init__(
        self,
        pretrainer: ElectraPretrainer,
        folder: Path,
        config: ExperimentConfig,
        interruption: Interruption,
        *,
        data_fingerprint: str,
        trained_sequence_length: int,
        is_writer: bool = True,
    ):
        super().__init__()
        self.pretrainer = pretrainer
        self.variables = {
            **network_variables(pretrainer.objective.networks),
            **optimizer_variables(pretrainer.optimizer),
        }
        self.checkpoints = CheckpointFolder(
            folder / CHECKPOINTS_FOLDER, kept=config.train.kept_checkpoints
        )
        self._folder = folder
        self._config = config
        self._data_fingerprint = data_fingerprint
        self._trained_sequence_length = trained_sequence_length
        self._interruption = interruption
        self._is_writer = is_writer
        self._best: BestCheckpoint | None = None
        self._window_start = 0
        self._unfinished: Checkpoint | None = None

    def resume(self) -> int:
        """Restores the newest whole checkpoint; returns its step, or 0."""
        if self._is_writer:
            self.checkpoints.remove_partial()
        checkpoint = self.checkpoints.latest()
        if checkpoint is None:
            return 0
        checkpoint.restore(self.variables)
        if checkpoint.window_start is not None:
            self._unfinished = checkpoint
        # A kill may have come between the save of the best and its name.
        rows = History(self._folder).rows("validation")
        self._best = self.checkpoints.find_best(
            [BestCheckpoint.of(row["step"], row) for row in rows], checkpoint.step
        )
        print(f"resumed from {checkpoint.folder} at step {checkpoint.step:,}")
        return checkpoint.step

    def save(self) -> Checkpoint | None:
        """Writes a checkpoint of the present step; None: another worker does.

        In the middle of a window it holds the window's metrics too, so that its
        point of the curves will be that of a run in one go.
        """
        step = self.pretrainer.global_step
        is_inside = self._window_start < step and not self._is_window_end(step)
        metrics = _read_metrics(self.pretrainer) if is_inside else {}
        if not self._is_writer:
            return None
        return self.checkpoints.save(
            self.variables | metrics,
            step=step,
            config_fingerprint=self._config.fingerprint,
            data_fingerprint=self._data_fingerprint,
            trained_sequence_length=self._trained_sequence_length,
            window_start=self._window_start if is_inside else None,
        )

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._window_start = self.pretrainer.global_step
        if self._unfinished is not None:
            # Keras has just set them to 0, and the objective chosen them anew.
            self._unfinished.restore(metric_variables(self.pretrainer))
            self._window_start = self._unfinished.window_start or 0
            self._unfinished = None
        if self._interruption.is_agreed():  # While the run was being built.
            self._save_and_leave()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        # At the end of a window its metrics are recorded first.
        if not self._interruption.is_agreed() or self._is_window_end(
            self.pretrainer.global_step
        ):
            return
        # Weights that are not finite are left to the watchdog, at the next loss.
        if not find_not_finite_variables(self.pretrainer.objective.networks):
            self._save_and_leave()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        step = self.pretrainer.global_step
        if self._is_writer:
            self._save_if_due(step, BestCheckpoint.of(step, split_logs(logs)[1]))
        # What is finished has no more to go on with.
        if step < self._config.train.train_steps and self._interruption.is_agreed():
            self._save_and_leave()

    def _save_if_due(self, step: int, reached: BestCheckpoint | None) -> None:
        is_best = reached is not None and reached.beats(self._best)
        if is_best or is_due(
            step, self._config.train.checkpoint_every_steps, self._config
        ):
            self.save()
        if reached is not None and is_best:
            self._best = reached
            self.checkpoints.mark_best(reached)

    def _save_and_leave(self) -> None:
        step = self.pretrainer.global_step
        self._interruption.leave(step, self.save() if step else None)

    def _is_window_end(self, step: int) -> bool:
        train = self._config.train
        return step % train.log_every_steps == 0 or step == train.train_steps


def metric_variables(pretrainer: ElectraPretrainer) -> Variables:
    """Names what the present window's metrics have summed up so far."""
    return {
        f"metrics/{metric.name}/{place}": variable
        for metric in pretrainer.metrics
        for place, variable in enumerate(metric.variables)
    }


def _read_metrics(pretrainer: ElectraPretrainer) -> Variables:
    """Copies what the metrics have summed up; all workers must, since all add up."""
    return {
        name: keras.Variable(keras.ops.convert_to_numpy(variable), trainable=False)
        for name, variable in metric_variables(pretrainer).items()
    }
