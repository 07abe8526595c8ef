"""Classification: one of several labels for a text or a pair of texts.

Joins `text_files.py`, `label_set.py` and `text_encoding.py`; found by
`registry.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.heads import TaskHead
from electra_keras.finetuning.label_set import (
    LabelSet,
    balance_weights,
    find_labels,
    set_unknown_labels_aside,
    warn_of_rare_labels,
)
from electra_keras.finetuning.metrics.classification import (
    count_confusions,
    measure_classification,
)
from electra_keras.finetuning.set_aside import LabelledFile
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


class Classification(TextTask):
    """One of several labels, by the softmax of the head's logits.

    State: `values` and `names` of the labels, and the `weights` of each in the
    loss. A prediction is a dict: `label`, its `name`, and `probabilities`, one
    a label.
    """

    score = "accuracy"
    features: ClassVar[dict[str, int | None]] = {"label_ids": None}
    no_label = ""

    def __init__(self, config: TaskConfig, state: dict[str, Any]) -> None:
        super().__init__(config, state)
        self.labels = LabelSet(tuple(state["values"]), tuple(state["names"]))
        self._ids = {value: place for place, value in enumerate(self.labels.values)}

    @staticmethod
    def learn(rows: Sequence[TextRow], config: TaskConfig) -> dict[str, Any]:
        """Finds the labels, and their weights."""
        found = [str(row.label) for row in rows]
        labels = find_labels(found, config.labels)
        weights = np.ones(len(labels.values), np.float32)
        if config.task.class_weights == "balanced":
            weights = balance_weights(found, labels)
        return {
            "values": list(labels.values),
            "names": list(labels.names),
            "weights": weights.tolist(),
        }

    def warnings(self, rows: Sequence[TextRow]) -> list[str]:
        """Names labels with one example or none."""
        return warn_of_rare_labels([str(row.label) for row in rows], self.labels)

    def keep_known(self, labelled: LabelledFile[TextRow]) -> LabelledFile[TextRow]:
        """Sets rows with other labels aside."""
        return set_unknown_labels_aside(labelled, self.labels)

    def encode(self, rows: Sequence[TextRow], finder: PieceFinder) -> Encoded:
        """Encodes texts; the label of a row that has none that is known is 0."""
        found = encode_texts(rows, finder, self.sequence_length)
        examples = [
            make_example(encoded, label_ids=np.int32(self._ids.get(str(row.label), 0)))
            for row, encoded in zip(rows, found.rows, strict=True)
        ]
        return Encoded(examples, found.notes)

    def build_head(self, hidden_dim: int, dropout_rate: float, seed: int) -> TaskHead:
        """Builds one logit a label."""
        return TaskHead(
            len(self.labels.values),
            pooling=self.config.training.pooling,
            dropout_rate=dropout_rate,
            seed=seed,
            name="task_head",
        )

    def loss(self, batch: Batch, outputs: Batch) -> tf.Tensor:
        """Sums the cross-entropy, in nats, times the weight of the label."""
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            batch["label_ids"], outputs["logits"]
        )
        weights = tf.gather(tf.constant(self.state["weights"]), batch["label_ids"])
        return tf.reduce_sum(losses * weights * batch["weights"])

    def predict(
        self,
        rows: Sequence[TextRow],
        examples: Sequence[Example],
        outputs: Sequence[Outputs],
    ) -> list[dict[str, Any]]:
        """Takes the most probable label."""
        logits = np.stack([output["logits"] for output in outputs])
        probabilities = _softmax(logits)
        return [
            {
                "label": self.labels.values[place],
                "name": self.labels.names[place],
                "probabilities": [round(float(p), 6) for p in row],
            }
            for place, row in zip(logits.argmax(axis=1), probabilities, strict=True)
        ]

    def measure(
        self, rows: Sequence[TextRow], predictions: Sequence[dict[str, Any]]
    ) -> dict[str, float]:
        """Gives accuracy, macro F1 and others."""
        return measure_classification(self.confusions(rows, predictions))

    def confusions(
        self, rows: Sequence[TextRow], predictions: Sequence[dict[str, Any]]
    ) -> np.ndarray:
        """Counts what was taken for what: int64 (L, L), a label a row."""
        ids = self._ids
        return count_confusions(
            np.array([ids[str(row.label)] for row in rows], int),
            np.array([ids[predicted["label"]] for predicted in predictions], int),
            len(ids),
        )


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits (N, L), in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)
