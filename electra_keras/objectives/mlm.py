"""Masked language modelling (BERT): the main network predicts masked tokens."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from electra_keras.model_config import ModelConfig
from electra_keras.models.networks import build_main_lm_networks
from electra_keras.objectives.shared.losses import share_of_mean, token_losses
from electra_keras.objectives.shared.objective import (
    Batch,
    Networks,
    Objective,
    ObjectiveSettings,
    run_masked_lm,
)


class MaskedLMObjective(Objective):
    """One network of the discriminator's size; there is no generator.

    It is shown what the generator of ELECTRA is shown: `data.mask_token_rate` of
    the masked tokens as [MASK], the rest as they are. Masks are drawn anew in
    every epoch; BERT drew them before training, and put a random token in a tenth.

    Source: Devlin et al. 2018; google-research/electra, `electra_objective=False`.
    """

    loss_counts: ClassVar[dict[str, str]] = {"masked_lm_loss": "masked_tokens"}
    metric_names = ("masked_lm",)

    @classmethod
    def build_networks(
        cls, config: ModelConfig, settings: ObjectiveSettings, *, seed: int = 1
    ) -> Networks:
        """Builds the main network."""
        return build_main_lm_networks(config, with_generator=False, seed=seed)

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Masks to logits.

        Returns:
            `mask_logits` float32 (B, M, V); `guessed_ids` int32 (B, M).
        """
        network = self.networks["discriminator"]
        logits = run_masked_lm(network, batch["masked_token_ids"], batch, training)
        guessed_ids = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return {"mask_logits": logits, "guessed_ids": guessed_ids}

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums the cross-entropy over the masked tokens."""
        masked_lm_loss = share_of_mean(
            token_losses(outputs["mask_logits"], batch["mask_ids"]),
            batch["mask_weights"],
            counts["masked_tokens"],
        )
        return {"loss": masked_lm_loss, "masked_lm_loss": masked_lm_loss}
