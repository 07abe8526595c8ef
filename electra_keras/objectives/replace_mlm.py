"""Replace MLM: masked language modelling on samples in the place of [MASK]."""

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


class ReplaceMLMObjective(Objective):
    """Generator's masked LM + the main network's, at the same positions.

    The main network is shown the generator's samples and predicts the original
    tokens; as downstream, it never sees [MASK]. Which positions hold samples it
    has to find out: the loss knows, the network is not told.

    The paper leaves the weights of the two losses open. Both are nats per masked
    token, so that they have weight 1; `discriminator_loss_weight` is not read.

    Source: Clark et al. 2020, section 3.5, "Replace MLM".
    """

    loss_counts: ClassVar[dict[str, str]] = {
        "masked_lm_loss": "masked_tokens",
        "main_lm_loss": "masked_tokens",
    }
    metric_names = ("masked_lm", "sampling", "main_lm_accuracy")

    @classmethod
    def build_networks(
        cls, config: ModelConfig, settings: ObjectiveSettings, *, seed: int = 1
    ) -> Networks:
        """Builds the generator and the main network."""
        return build_main_lm_networks(
            config, with_generator=not settings.uniform_generator, seed=seed
        )

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Masks to samples to logits.

        Returns:
            What `generate` gives; `main_logits` float32 (B, M, V) and
            `guessed_ids` int32 (B, M), of the main network.
        """
        outputs = self.generate(batch, training=training)
        network = self.networks["discriminator"]
        shown = outputs["corrupted_token_ids"]
        logits = run_masked_lm(network, shown, batch, training)
        guessed_ids = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return {**outputs, "main_logits": logits, "guessed_ids": guessed_ids}

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums both cross-entropies over the masked tokens."""
        masked_lm_loss, main_lm_loss = (
            share_of_mean(
                token_losses(outputs[name], batch["mask_ids"]),
                batch["mask_weights"],
                counts["masked_tokens"],
            )
            for name in ("mask_logits", "main_logits")
        )
        return {
            "loss": masked_lm_loss + main_lm_loss,
            "masked_lm_loss": masked_lm_loss,
            "main_lm_loss": main_lm_loss,
        }

    def measure(
        self, batch: Batch, outputs: Batch
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """Gives how often the main network's best guess is the original."""
        is_right = tf.cast(outputs["guessed_ids"] == batch["mask_ids"], tf.float32)
        return {"main_lm_accuracy": (is_right, batch["mask_weights"])}
