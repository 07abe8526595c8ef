"""All-Tokens MLM: the identity of every token, which may be copied."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from electra_keras.model_config import ModelConfig
from electra_keras.models.networks import MAIN_LM_HEAD, build_main_lm_networks
from electra_keras.objectives.shared.losses import share_of_mean, token_losses
from electra_keras.objectives.shared.objective import (
    Batch,
    Networks,
    Objective,
    ObjectiveSettings,
    about_rows,
)


class AllTokensMLMObjective(Objective):
    """Generator's masked LM + the main network's, over all real tokens.

    The main network is shown the generator's samples, as in Replace MLM. Its
    distribution at a token is a mixture of copying what is shown there and of a
    softmax over the vocabulary,

        p(x) = D [x = shown] + (1 - D) softmax(x),  D = sigmoid(copy logit),

    and its loss is the mean of -log p(original) over all real tokens, [CLS] and
    [SEP] too, as the discriminator's in ELECTRA.

    The paper leaves the weights of the two losses open. Both are nats per token
    and have weight 1; `discriminator_loss_weight` is not read.

    Source: Clark et al. 2020, section 3.5, "All-Tokens MLM".
    """

    loss_counts: ClassVar[dict[str, str]] = {
        "masked_lm_loss": "masked_tokens",
        "main_lm_loss": "real_tokens",
    }
    metric_names = ("masked_lm", "sampling", "discriminator", "main_lm_accuracy")

    @classmethod
    def build_networks(
        cls, config: ModelConfig, settings: ObjectiveSettings, *, seed: int = 1
    ) -> Networks:
        """Builds the generator, and the main network with its copy head."""
        return build_main_lm_networks(
            config,
            copies=True,
            with_generator=not settings.uniform_generator,
            seed=seed,
        )

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Masks to samples to probabilities; logits of all tokens are never kept.

        Returns:
            What `generate` gives; float32 (B, S): `copy_logits`,
            `replaced_logits` (their negative), `token_log_probabilities`, what
            the softmax gives the original, nats; `guessed_ids` int32 (B, M),
            the mixture's best at the masked positions.
        """
        outputs = self.generate(batch, training=training)
        shown = outputs["corrupted_token_ids"]
        network = self.networks["discriminator"]
        said = network({"token_ids": shown, **about_rows(batch)}, training=training)
        log_probabilities, best_ids, best = network.get_layer(
            MAIN_LM_HEAD
        ).log_probabilities(
            said["hidden_states"], tf.stack([batch["token_ids"], shown], axis=-1)
        )
        of_original, of_shown = tf.unstack(log_probabilities, axis=-1)
        copy_logits = said["copy_logits"]
        # Copying is the best guess where it is likelier than the softmax's best.
        if_shown = mixture_losses(copy_logits, of_shown, True)
        if_best = mixture_losses(copy_logits, best, best_ids == shown)
        guesses = tf.where(if_shown <= if_best, shown, best_ids)
        return {
            **outputs,
            "copy_logits": copy_logits,
            "replaced_logits": said["replaced_logits"],
            "token_log_probabilities": of_original,
            "guessed_ids": tf.gather(guesses, batch["mask_positions"], batch_dims=1),
        }

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums masked LM and, over all real tokens, the mixture's loss."""
        masked_lm_loss = share_of_mean(
            token_losses(outputs["mask_logits"], batch["mask_ids"]),
            batch["mask_weights"],
            counts["masked_tokens"],
        )
        main_lm_loss = share_of_mean(
            mixture_losses(
                outputs["copy_logits"],
                outputs["token_log_probabilities"],
                outputs["is_replaced"] == 0,
            ),
            batch["padding_mask"],
            counts["real_tokens"],
        )
        return {
            "loss": masked_lm_loss + main_lm_loss,
            "masked_lm_loss": masked_lm_loss,
            "main_lm_loss": main_lm_loss,
        }

    def measure(
        self, batch: Batch, outputs: Batch
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """Gives how often the best guess at a masked position is the original."""
        is_right = tf.cast(outputs["guessed_ids"] == batch["mask_ids"], tf.float32)
        return {"main_lm_accuracy": (is_right, batch["mask_weights"])}


def mixture_losses(
    copy_logits: tf.Tensor, log_probabilities: tf.Tensor, is_shown: tf.Tensor | bool
) -> tf.Tensor:
    """-log of D [x = shown] + (1 - D) softmax(x), for one x at each token.

    In log space, so that no probability is rounded to 0 or 1 before its logarithm.

    Args:
        copy_logits: float32, any shape. D is their sigmoid.
        log_probabilities: float32, same shape. Of x, by the softmax; nats.
        is_shown: bool, same shape or one for all. Whether x is the shown token.

    Returns:
        float32, same shape, nats.
    """
    copied = tf.nn.softplus(-copy_logits)  # -log D.
    drawn = tf.nn.softplus(copy_logits) - log_probabilities  # 1 - D, and softmax.
    # -log(exp(-a) + exp(-b)) = a - log(1 + exp(a - b)); exact with the smaller as a.
    either = tf.where(
        copied < drawn,
        copied - tf.nn.softplus(copied - drawn),
        drawn - tf.nn.softplus(drawn - copied),
    )
    return tf.where(is_shown, either, drawn)
