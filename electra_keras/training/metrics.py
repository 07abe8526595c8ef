"""What is measured while training and on held-out text.

Reads the objective's outputs, feeds the pretrainer's logs. Padding never
counts. Names as in the reference (`run_pretraining.py:131-161`).
"""

from __future__ import annotations

import keras
import tensorflow as tf

from electra_keras.objectives.shared.objective import Batch, Trainable

# What each group of metrics is made of; names as in the reference.
_GROUPS = {
    "masked_lm": ("masked_lm_accuracy",),
    "sampling": ("sampled_masked_lm_accuracy", "replaced_rate"),
    "discriminator": ("disc_accuracy", "disc_precision", "disc_recall"),
}

# Logits between -8 and 8 in steps of 0.04 resolve the area under the curve,
# also where every probability is small.
_AUC_LOGIT_RANGE = 16.0
_AUC_THRESHOLDS = 402


class ElectraMetrics:
    """What an objective is measured by, summed over replicas by Keras.

    | name                         | meaning                                 |
    |------------------------------|-----------------------------------------|
    | `loss`                       | the objective's weighted sum of losses  |
    | `masked_lm_loss`             | nats per masked token                   |
    | `masked_lm_accuracy`         | masked LM's best guess is the original  |
    | `sampled_masked_lm_accuracy` | generator's sample is the original      |
    | `disc_loss`                  | nats per real token                     |
    | `disc_accuracy`              | at probability 0.5                      |
    | `disc_precision`             | replaced among those called replaced    |
    | `disc_recall`                | called replaced among the replaced      |
    | `disc_auc`                   | area under the ROC curve                |
    | `replaced_rate`              | truly replaced among real tokens        |
    | `real_tokens`                | tokens seen, padding not counted        |
    | `padding_rate`               | padding among all tokens of the rows    |
    | `unreadable_examples`        | rows without any token, see data        |
    | `gradient_norm`              | of all gradients, before clipping       |
    | `waited_secs`                | for batches to come                     |

    What an objective has no loss or output for is left out; losses of its own
    and what its `measure` gives come on top: of a main network that predicts
    tokens, `main_lm_loss` (nats per masked or per real token) and
    `main_lm_accuracy` (its best guess at a masked position is the original).

    The last four are of training only.

    Args:
        objective: Its losses and groups of metrics are taken.
    """

    of_training = (
        *("padding_rate", "unreadable_examples"),
        *("gradient_norm", "waited_secs"),
    )

    def __init__(self, objective: Trainable) -> None:
        self._objective = objective
        self._groups = tuple(n for n in objective.metric_names if n in _GROUPS)
        names = ["loss", *objective.loss_counts, "padding_rate", "gradient_norm"]
        for name in objective.metric_names:
            names += _GROUPS.get(name, (name,))
        self.means = {name: keras.metrics.Mean(name=name) for name in names}
        self.real_tokens = keras.metrics.Sum(name="real_tokens")
        self.waited_secs = keras.metrics.Sum(name="waited_secs")
        self.unreadable_examples = keras.metrics.Sum(name="unreadable_examples")
        self.all: list[keras.metrics.Metric] = [
            *self.means.values(),
            self.real_tokens,
            self.waited_secs,
            self.unreadable_examples,
        ]
        if "discriminator" in self._groups:
            self.auc = keras.metrics.AUC(
                num_thresholds=_AUC_THRESHOLDS, name="disc_auc"
            )
            self.all.append(self.auc)

    @property
    def of_evaluation(self) -> list[keras.metrics.Metric]:
        """All but those of training."""
        return [metric for metric in self.all if metric.name not in self.of_training]

    def update(
        self,
        batch: Batch,
        outputs: Batch,
        losses: Batch,
        counts: Batch,
        parts: int,
    ) -> None:
        """Adds one part of a batch: what a replica works through at once.

        Args:
            batch: The part, masked.
            outputs: Of the objective's `forward`, on it.
            losses: Of the objective's `losses`, on it.
            counts: The objective's counts of the whole batch.
            parts: Of the whole batch, on all replicas.
        """
        local_counts = self._objective.counts(batch)
        for name, count in self._objective.loss_counts.items():
            # A part's share x global count is its plain sum of losses.
            local_sum = losses[name] * counts[count]
            local_mean = tf.math.divide_no_nan(local_sum, local_counts[count])
            self._add(name, local_mean, local_counts[count])
        # The same weight for every part makes the sum of shares exact.
        self._add("loss", losses["loss"] * parts, counts["real_tokens"])

        for group in self._groups:
            getattr(self, f"_update_{group}")(batch, outputs)
        for name, (values, weights) in self._objective.measure(batch, outputs).items():
            self._add(name, values, weights)
        is_real = tf.cast(batch["padding_mask"], tf.float32)
        self.real_tokens.update_state(is_real)
        self._add("padding_rate", 1.0 - is_real)
        is_blank = tf.reduce_max(is_real, axis=-1) == 0.0
        self.unreadable_examples.update_state(tf.cast(is_blank, tf.float32))

    def update_step(
        self, waited_secs: tf.Tensor | float, gradient_norm: tf.Tensor | None
    ) -> None:
        """Adds what is known of a whole step, on each replica.

        Args:
            waited_secs: Until its batch came.
            gradient_norm: float32 (), or None where it is not known.
        """
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        self.waited_secs.update_state(tf.cast(waited_secs, tf.float32) / replicas)
        if gradient_norm is not None:
            self._add("gradient_norm", gradient_norm)

    def _update_masked_lm(self, batch: Batch, outputs: Batch) -> None:
        guess = tf.argmax(outputs["mask_logits"], axis=-1, output_type=tf.int32)
        is_right = tf.cast(guess == batch["mask_ids"], tf.float32)
        self._add("masked_lm_accuracy", is_right, batch["mask_weights"])

    def _update_sampling(self, batch: Batch, outputs: Batch) -> None:
        is_same = tf.cast(outputs["sampled_ids"] == batch["mask_ids"], tf.float32)
        self._add("sampled_masked_lm_accuracy", is_same, batch["mask_weights"])
        replaced = tf.cast(outputs["is_replaced"], tf.float32)
        self._add("replaced_rate", replaced, batch["padding_mask"])

    def _update_discriminator(self, batch: Batch, outputs: Batch) -> None:
        is_real = tf.cast(batch["padding_mask"], tf.float32)
        replaced = tf.cast(outputs["is_replaced"], tf.float32)
        logits = outputs["replaced_logits"]
        called = tf.cast(logits > 0.0, tf.float32)
        self._add("disc_accuracy", tf.cast(called == replaced, tf.float32), is_real)
        # Means whose weights are the denominators; without any they are 0.
        self._add("disc_precision", replaced, called * is_real)
        self._add("disc_recall", called, replaced * is_real)
        score = tf.clip_by_value(logits / _AUC_LOGIT_RANGE + 0.5, 0.0, 1.0)
        self.auc.update_state(replaced, score, sample_weight=is_real)

    def _add(self, name: str, values: tf.Tensor, weights: tf.Tensor | None = None):
        self.means[name].update_state(values, sample_weight=weights)
