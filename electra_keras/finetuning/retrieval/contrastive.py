"""The contrastive objective: a text lies nearer to its partner than to all others.

Reads batches of `pair_batches.py`, trained by `training/pretrainer.py` as any
objective: strategies, noise and checkpoints are those of a pre-training.
"""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf

from electra_keras.finetuning.retrieval.vector_network import VECTORS
from electra_keras.finetuning.task_network import INPUTS
from electra_keras.objectives.shared.objective import (
    Batch,
    Trainable,
    count_real_tokens,
)

NETWORK = "retrieval"
# Of what is no candidate: exp of it is 0.
_NEVER = -1e9


def compare_texts(
    vectors: tf.Tensor, group_ids: tf.Tensor, weights: tf.Tensor, temperature: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Compares each text with its partner and with all texts of other groups.

    Args:
        vectors: float32 (B, H) of length 1; rows 2i and 2i + 1 are partners.
        group_ids: int32 (B,). Texts of the same group, such as two questions with
            one answer, or one text twice, are never each other's negatives.
        weights: float32 (B,), 0 of rows that only fill up.
        temperature: What cosines are divided by.

    Returns: Of the partner float32 (B,), of the others float32 (B, B), where those
        that do not count are -1e9.

    Source: Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual
        Representations", NT-Xent; the masks are ours.
    """
    similarities = tf.matmul(vectors, vectors, transpose_b=True) / temperature
    rows = tf.range(tf.shape(vectors)[0])
    partners = tf.gather(vectors, tf.bitwise.bitwise_xor(rows, 1))
    partner_logits = tf.reduce_sum(vectors * partners, axis=-1) / temperature
    is_other = group_ids[:, tf.newaxis] != group_ids[tf.newaxis]
    is_other &= weights[tf.newaxis] > 0.0
    return partner_logits, tf.where(is_other, similarities, _NEVER)


def contrastive_losses(partner_logits: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Nats of each text: minus the log-probability of its partner, float32 (B,)."""
    logits = tf.concat([partner_logits[:, tf.newaxis], others], axis=1)
    return tf.reduce_logsumexp(logits, axis=1) - partner_logits


class ContrastiveObjective(Trainable):
    """Draws partners together and pushes texts of other groups apart.

    Negatives are those of the same batch; of several replicas each compares its own
    share, and so does each of `micro_batches`.

    Args:
        network: From `build_vector_network`.
        temperature: Of the softmax.
    """

    loss_counts: ClassVar[dict[str, str]] = {"contrastive_loss": "items"}
    metric_names: ClassVar[tuple[str, ...]] = ("partner_accuracy",)

    def __init__(self, network: keras.Model, temperature: float) -> None:
        super().__init__({NETWORK: network})
        self.temperature = temperature

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Runs the network and compares all texts of the batch."""
        inputs = {name: batch[name] for name in INPUTS}
        outputs = self.networks[NETWORK](inputs, training=training)
        partner_logits, others = compare_texts(
            outputs[VECTORS], batch["group_ids"], batch["weights"], self.temperature
        )
        return {"partner_logits": partner_logits, "other_logits": others}

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Divides this part's loss by the count of the whole batch."""
        losses = contrastive_losses(outputs["partner_logits"], outputs["other_logits"])
        total = tf.reduce_sum(losses * batch["weights"])
        loss = tf.math.divide_no_nan(total, counts["items"])
        return {"loss": loss, "contrastive_loss": loss}

    def counts(self, batch: Batch) -> Batch:
        """Counts texts, and tokens."""
        return {
            "items": tf.reduce_sum(batch["weights"]),
            "real_tokens": count_real_tokens(batch),
        }

    def measure(
        self, batch: Batch, outputs: Batch
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """Tells how often the partner is nearer than all texts of other groups."""
        nearest = tf.reduce_max(outputs["other_logits"], axis=1)
        is_right = tf.cast(outputs["partner_logits"] > nearest, tf.float32)
        return {"partner_accuracy": (is_right, batch["weights"])}
