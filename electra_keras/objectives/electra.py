"""The ELECTRA objective: masked LM + 50 x replaced-token detection."""

from __future__ import annotations

from typing import ClassVar

from electra_keras.model_config import ModelConfig
from electra_keras.models.networks import build_replaced_token_networks
from electra_keras.objectives.shared.losses import (
    replaced_losses,
    share_of_mean,
    token_losses,
)
from electra_keras.objectives.shared.objective import (
    Batch,
    Networks,
    Objective,
    ObjectiveSettings,
    about_rows,
)


class ElectraObjective(Objective):
    """Generator and discriminator trained jointly, not adversarially.

    Source: Clark et al. 2020, section 2.
    """

    loss_counts: ClassVar[dict[str, str]] = {
        "masked_lm_loss": "masked_tokens",
        "disc_loss": "real_tokens",
    }
    metric_names = ("masked_lm", "sampling", "discriminator")

    @classmethod
    def build_networks(
        cls, config: ModelConfig, settings: ObjectiveSettings, *, seed: int = 1
    ) -> Networks:
        """Builds generator and discriminator."""
        return build_replaced_token_networks(
            config, with_generator=not settings.uniform_generator, seed=seed
        )

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Masks to samples to labels to logits.

        Returns:
            What `generate` gives, and `replaced_logits` float32 (B, S).
        """
        outputs = self.generate(batch, training=training)
        inputs = {"token_ids": outputs["corrupted_token_ids"], **about_rows(batch)}
        said = self.networks["discriminator"](inputs, training=training)
        return {**outputs, "replaced_logits": said["replaced_logits"]}

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums masked LM and, over all real tokens, the discriminator's."""
        masked_lm_loss = share_of_mean(
            token_losses(outputs["mask_logits"], batch["mask_ids"]),
            batch["mask_weights"],
            counts["masked_tokens"],
        )
        disc_loss = share_of_mean(
            replaced_losses(outputs["replaced_logits"], outputs["is_replaced"]),
            batch["padding_mask"],
            counts["real_tokens"],
        )
        weighted = self.settings.discriminator_loss_weight * disc_loss
        return {
            "loss": masked_lm_loss + weighted,
            "masked_lm_loss": masked_lm_loss,
            "disc_loss": disc_loss,
        }
