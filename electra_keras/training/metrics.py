"""What is measured while training and on held-out text.

Reads the objective's outputs, feeds the pretrainer's logs. Padding never
counts. Names as in the reference (`run_pretraining.py:131-161`).
"""

from __future__ import annotations

import keras
import tensorflow as tf

Batch = dict[str, tf.Tensor]

# Logits between -8 and 8 in steps of 0.04 resolve the area under the curve,
# also where every probability is small.
_AUC_LOGIT_RANGE = 16.0
_AUC_THRESHOLDS = 402


class ElectraMetrics:
    """Masked-LM and replaced-token metrics, summed over replicas by Keras.

    | name                         | meaning                                 |
    |------------------------------|-----------------------------------------|
    | `loss`                       | masked_lm_loss + weight x disc_loss     |
    | `masked_lm_loss`             | nats per masked token                   |
    | `masked_lm_accuracy`         | generator's best guess is the original  |
    | `sampled_masked_lm_accuracy` | generator's sample is the original      |
    | `disc_loss`                  | nats per real token                     |
    | `disc_accuracy`              | at probability 0.5                      |
    | `disc_precision`             | replaced among those called replaced    |
    | `disc_recall`                | called replaced among the replaced      |
    | `disc_auc`                   | area under the ROC curve                |
    | `replaced_rate`              | truly replaced among real tokens        |
    | `real_tokens`                | tokens seen, padding not counted        |
    """

    _MEANS = (
        "loss",
        "masked_lm_loss",
        "masked_lm_accuracy",
        "sampled_masked_lm_accuracy",
        "disc_loss",
        "disc_accuracy",
        "disc_precision",
        "disc_recall",
        "replaced_rate",
    )

    def __init__(self) -> None:
        self.means = {name: keras.metrics.Mean(name=name) for name in self._MEANS}
        self.auc = keras.metrics.AUC(num_thresholds=_AUC_THRESHOLDS, name="disc_auc")
        self.real_tokens = keras.metrics.Sum(name="real_tokens")
        self.all: list[keras.metrics.Metric] = [
            *self.means.values(),
            self.auc,
            self.real_tokens,
        ]

    def update(
        self,
        batch: Batch,
        outputs: Batch,
        losses: Batch,
        local_counts: Batch,
        counts: Batch,
    ) -> None:
        """Adds one batch of this replica.

        Args:
            batch: The masked batch, on this replica.
            outputs: Of the objective's `forward`, on this replica.
            losses: Of the objective's `losses`, on this replica.
            local_counts: The objective's counts on this replica.
            counts: The same, summed over replicas.
        """
        for name, count in (
            ("masked_lm_loss", "masked_tokens"),
            ("disc_loss", "real_tokens"),
        ):
            # A replica's share x global count is its plain sum of losses.
            local_sum = losses[name] * counts[count]
            local_mean = tf.math.divide_no_nan(local_sum, local_counts[count])
            self._add(name, local_mean, local_counts[count])
        # The same weight on every replica makes the sum of shares exact.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self._add("loss", losses["loss"] * replicas, counts["real_tokens"])

        weights = batch["mask_weights"]
        guess = tf.argmax(outputs["mask_logits"], axis=-1, output_type=tf.int32)
        for name, ids in (
            ("masked_lm_accuracy", guess),
            ("sampled_masked_lm_accuracy", outputs["sampled_ids"]),
        ):
            self._add(name, tf.cast(ids == batch["mask_ids"], tf.float32), weights)
        self._update_discriminator(batch, outputs)

    def _update_discriminator(self, batch: Batch, outputs: Batch) -> None:
        is_real = tf.cast(batch["padding_mask"], tf.float32)
        replaced = tf.cast(outputs["is_replaced"], tf.float32)
        logits = outputs["replaced_logits"]
        called = tf.cast(logits > 0.0, tf.float32)
        self._add("disc_accuracy", tf.cast(called == replaced, tf.float32), is_real)
        # Means whose weights are the denominators; without any they are 0.
        self._add("disc_precision", replaced, called * is_real)
        self._add("disc_recall", called, replaced * is_real)
        self._add("replaced_rate", replaced, is_real)
        score = tf.clip_by_value(logits / _AUC_LOGIT_RANGE + 0.5, 0.0, 1.0)
        self.auc.update_state(replaced, score, sample_weight=is_real)
        self.real_tokens.update_state(is_real)

    def _add(self, name: str, values: tf.Tensor, weights: tf.Tensor | None = None):
        self.means[name].update_state(values, sample_weight=weights)
