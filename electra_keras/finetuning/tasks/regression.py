"""Regression: a number for a text or a pair of texts, such as a similarity.

Joins `text_files.py` and `text_encoding.py`; found by `registry.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.heads import TaskHead
from electra_keras.finetuning.metrics.correlation import measure_correlation
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.tasks.task_kind import (
    Batch,
    Encoded,
    Example,
    Outputs,
    make_example,
)
from electra_keras.finetuning.tasks.text_encoding import encode_texts
from electra_keras.finetuning.tasks.text_task import TextTask
from electra_keras.finetuning.text_files import TextRow


class Regression(TextTask):
    """A number, by the squared error.

    State: `low` and `high`, the smallest and largest number of the training
    file; the network learns where between them a number lies, as in the
    reference. A prediction is a float, which may lie outside.
    """

    score = "spearman"
    features: ClassVar[dict[str, int | None]] = {"targets": None}
    no_label = 0.0

    @staticmethod
    def learn(rows: Sequence[TextRow], config: TaskConfig) -> dict[str, Any]:
        """Finds the range of the numbers."""
        numbers = [float(row.label) for row in rows]
        low, high = min(numbers), max(numbers)
        if low == high:
            raise UsageError(
                f"the number {low} in every training row",
                expected="different numbers to learn from",
                fix="Check columns.label.",
            )
        return {"low": low, "high": high}

    def encode(self, rows: Sequence[TextRow], finder: PieceFinder) -> Encoded:
        """Encodes texts, and numbers as shares of the range."""
        found = encode_texts(rows, finder, self.sequence_length)
        low, high = self.state["low"], self.state["high"]
        examples = [
            make_example(
                encoded, targets=np.float32((float(row.label) - low) / (high - low))
            )
            for row, encoded in zip(rows, found.rows, strict=True)
        ]
        return Encoded(examples, found.notes)

    def build_head(self, hidden_dim: int, dropout_rate: float, seed: int) -> TaskHead:
        """Builds one number."""
        return TaskHead(
            1,
            pooling=self.config.training.pooling,
            dropout_rate=dropout_rate,
            seed=seed,
            name="task_head",
        )

    def loss(self, batch: Batch, outputs: Batch) -> tf.Tensor:
        """Sums the squared error, in squared shares of the range."""
        errors = outputs["logits"][:, 0] - batch["targets"]
        return tf.reduce_sum(tf.square(errors) * batch["weights"])

    def predict(
        self,
        rows: Sequence[TextRow],
        examples: Sequence[Example],
        outputs: Sequence[Outputs],
    ) -> list[float]:
        """Gives numbers on the scale of the file."""
        low, high = self.state["low"], self.state["high"]
        return [float(low + (high - low) * output["logits"][0]) for output in outputs]

    def measure(
        self, rows: Sequence[TextRow], predictions: Sequence[float]
    ) -> dict[str, float]:
        """Gives Pearson's and Spearman's correlation and the squared error."""
        return measure_correlation(
            np.array([float(row.label) for row in rows]), np.array(predictions)
        )
