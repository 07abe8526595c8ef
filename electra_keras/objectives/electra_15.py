"""ELECTRA 15%: the discriminator learns from the masked positions alone."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from electra_keras.objectives.electra import ElectraObjective
from electra_keras.objectives.shared.losses import (
    replaced_losses,
    share_of_mean,
    token_losses,
)
from electra_keras.objectives.shared.objective import Batch


class Electra15Objective(ElectraObjective):
    """As ELECTRA, but for the sum of the discriminator's loss.

    Source: Clark et al. 2020, section 3.5, "ELECTRA 15%".
    """

    loss_counts: ClassVar[dict[str, str]] = {
        "masked_lm_loss": "masked_tokens",
        "disc_loss": "masked_tokens",
    }

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums masked LM and, over the masked positions, the discriminator's."""

        def at_masks(values: tf.Tensor) -> tf.Tensor:
            return tf.gather(values, batch["mask_positions"], batch_dims=1)

        masked_lm_loss = share_of_mean(
            token_losses(outputs["mask_logits"], batch["mask_ids"]),
            batch["mask_weights"],
            counts["masked_tokens"],
        )
        disc_loss = share_of_mean(
            replaced_losses(
                at_masks(outputs["replaced_logits"]), at_masks(outputs["is_replaced"])
            ),
            batch["mask_weights"],
            counts["masked_tokens"],
        )
        weighted = self.settings.discriminator_loss_weight * disc_loss
        return {
            "loss": masked_lm_loss + weighted,
            "masked_lm_loss": masked_lm_loss,
            "disc_loss": disc_loss,
        }
