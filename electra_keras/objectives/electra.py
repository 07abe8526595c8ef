"""The ELECTRA objective: masked LM + 50 x replaced-token detection.

Reads a masked batch, feeds `training/pretrainer.py`. A further objective is
another file with a class of the same three methods.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from electra_keras.models.randomness import uniform
from electra_keras.objectives.corruption import corrupt_tokens, sample_tokens

Batch = dict[str, tf.Tensor]

# Inputs of both networks beside the ids; the last one comes with dense rows.
_ABOUT_ROWS = ("segment_ids", "padding_mask", "block_ids")


class ElectraObjective:
    """Generator and discriminator trained jointly, not adversarially.

    Args:
        generator, discriminator: From `models/networks.py`.
        discriminator_loss_weight: Lambda of the paper.
        temperature: Of the generator's sampling.
        unsampled_token_ids: Ids that the generator never samples.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        discriminator_loss_weight: float = 50.0,
        temperature: float = 1.0,
        unsampled_token_ids: Sequence[int] = (0, 1, 2, 3, 4),
    ):
        self.generator = generator
        self.discriminator = discriminator
        self.discriminator_loss_weight = discriminator_loss_weight
        self.temperature = temperature
        self.unsampled_token_ids = tuple(unsampled_token_ids)

    def counts(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Counts what the losses are means over, on this replica.

        Returns:
            `masked_tokens`, `real_tokens`: float32 (). Summed over replicas
            they become the denominators, so that the loss does not depend on
            how a batch is split.
        """
        return {
            "masked_tokens": tf.reduce_sum(batch["mask_weights"]),
            "real_tokens": tf.cast(tf.reduce_sum(batch["padding_mask"]), tf.float32),
        }

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Masks to samples to labels to logits.

        Noise comes from the open `randomness.noise_key`.

        Returns:
            `mask_logits`, `sampled_ids`, `corrupted_token_ids`,
            `is_replaced`, `replaced_logits`.
        """
        about_rows = {name: batch[name] for name in _ABOUT_ROWS if name in batch}
        mask_logits = self.generator(
            {
                "token_ids": batch["masked_token_ids"],
                "mask_positions": batch["mask_positions"],
                **about_rows,
            },
            training=training,
        )["mask_logits"]
        sampled_ids = sample_tokens(
            mask_logits,
            uniform(tf.shape(batch["mask_positions"]), "sample_tokens"),
            unsampled_token_ids=self.unsampled_token_ids,
            temperature=self.temperature,
        )
        corrupted_token_ids, is_replaced = corrupt_tokens(
            batch["token_ids"],
            batch["mask_positions"],
            batch["mask_weights"],
            sampled_ids,
        )
        replaced_logits = self.discriminator(
            {"token_ids": corrupted_token_ids, **about_rows},
            training=training,
        )["replaced_logits"]
        return {
            "mask_logits": mask_logits,
            "sampled_ids": sampled_ids,
            "corrupted_token_ids": corrupted_token_ids,
            "is_replaced": is_replaced,
            "replaced_logits": replaced_logits,
        }

    def losses(
        self, batch: Batch, outputs: Batch, counts: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Sums this replica's losses and divides by the global counts.

        Args:
            batch: The masked batch.
            outputs: From `forward`.
            counts: Global: `counts` summed over all replicas.

        Returns:
            `loss`, `masked_lm_loss`, `disc_loss`: float32 (), this replica's
            share; summed over replicas they are the batch's losses.
        """
        mask_losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=batch["mask_ids"], logits=outputs["mask_logits"]
        )
        token_losses = tf.nn.sigmoid_cross_entropy_with_logits(
            labels=tf.cast(outputs["is_replaced"], tf.float32),
            logits=outputs["replaced_logits"],
        )
        is_real = tf.cast(batch["padding_mask"], tf.float32)
        masked_lm_loss = tf.math.divide_no_nan(
            tf.reduce_sum(mask_losses * batch["mask_weights"]), counts["masked_tokens"]
        )
        disc_loss = tf.math.divide_no_nan(
            tf.reduce_sum(token_losses * is_real), counts["real_tokens"]
        )
        return {
            "loss": masked_lm_loss + self.discriminator_loss_weight * disc_loss,
            "masked_lm_loss": masked_lm_loss,
            "disc_loss": disc_loss,
        }
