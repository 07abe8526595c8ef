"""The same few held-out rows after every evaluation, shown by several boards.

Reads the first rows that are evaluated, once, feeds `sample_board.py` and
`histogram_board.py`. The networks are run eagerly: no graph is built for it, so
that nothing slows the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import keras
import tensorflow as tf

from electra_keras.objectives.shared.objective import Batch, Objective
from electra_keras.training.history import split_logs
from electra_keras.training.samples import run_quietly

_MOST_ROWS = 16


class Board(Protocol):
    """Shows something of a batch in TensorBoard."""

    def show(self, objective: Objective, batch: Batch, outputs: Batch) -> None:
        """Writes summaries with the open writer, at its step.

        Args:
            objective: With its networks.
            batch: Masked, (B, ...) each; the same every time.
            outputs: Of the objective on it.
        """


class HeldOutBoards(keras.callbacks.Callback):
    """Runs the networks on the fixed batch and asks the boards to show it.

    Args:
        boards: In order.
        held_out: Masked batches. Read at the first evaluation after step 0, the
            first rows alone.
        writer: Of TensorBoard.
        seed: Of what the generator draws.
    """

    def __init__(
        self,
        boards: Sequence[Board],
        held_out: tf.data.Dataset,
        *,
        writer: tf.summary.SummaryWriter,
        seed: int,
    ):
        super().__init__()
        self._boards = boards
        self._held_out = held_out
        self._batch: Batch | None = None
        self._writer = writer
        self._seed = seed

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        _, held_out = split_logs(logs)
        if not held_out:
            return
        if self._batch is None:
            self._batch = take_rows(self._held_out)
        objective = self.model.objective
        outputs = run_quietly(objective, self._batch, seed=self._seed)
        with self._writer.as_default(step=self.model.global_step):
            for board in self._boards:
                board.show(objective, self._batch, outputs)
        self._writer.flush()


def take_rows(dataset: tf.data.Dataset) -> Batch:
    """Takes the first rows of the first batch, at most 16."""
    batch = next(iter(dataset))
    return {name: value[:_MOST_ROWS] for name, value in batch.items()}
