"""A task as an objective, so that what pre-trains a run also tunes it.

Joins a kind of task and its network for `training/pretrainer.py`: strategies,
parts of a batch, noise and checkpoints are those of a pre-training.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf

from electra_keras.finetuning.task_network import INPUTS
from electra_keras.finetuning.tasks.task_kind import TaskKind
from electra_keras.objectives.shared.objective import (
    Batch,
    Trainable,
    count_real_tokens,
)

NETWORK = "task"


class TaskObjective(Trainable):
    """The loss of a task.

    Args:
        network: From `build_task_network`.
        kind: Of the task.
    """

    loss_counts: ClassVar[dict[str, str]] = {"task_loss": "items"}
    metric_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, network: keras.Model, kind: TaskKind) -> None:
        super().__init__({NETWORK: network})
        self.kind = kind

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Runs the network."""
        inputs = {name: batch[name] for name in INPUTS}
        return self.networks[NETWORK](inputs, training=training)

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Divides this part's loss by the count of the whole batch."""
        loss = tf.math.divide_no_nan(self.kind.loss(batch, outputs), counts["items"])
        return {"loss": loss, "task_loss": loss}

    def counts(self, batch: Batch) -> Batch:
        """Counts what the loss is a mean over, and tokens."""
        return {
            "items": self.kind.count(batch),
            "real_tokens": count_real_tokens(batch),
        }
