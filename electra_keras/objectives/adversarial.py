"""Adversarial ELECTRA: the generator learns to raise the discriminator's loss."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.model_config import ModelConfig
from electra_keras.models.baseline_head import build_baseline
from electra_keras.models.initializers import child_seed
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

# Far below any logit, and finite: -inf times 0 would be NaN.
_NEVER = -1e9


class AdversarialObjective(Objective):
    """Policy loss + baseline loss + weight x the discriminator's loss.

    Samples have no gradient, so the generator is trained by REINFORCE with one
    sample x^_t for each masked position t, as if what the discriminator D says
    of a sample depended on no other sample:

        R_t = -log D(x^_t) if x^_t = x_t, else -log(1 - D(x^_t))
        b_t = -log sigmoid(w^T h_t), h the generator's hidden states
        policy loss = mean over t of -(R_t - b_t) log p_G(x^_t)

    with D the probability of "original". R_t is the discriminator's loss at t,
    so that descending the policy loss ascends it. w is trained by the
    cross-entropy between sigmoid(w^T h_t) and exp(-R_t), the probability that D
    gave to the truth. p_G is the distribution of the samples: with its
    temperature, and without the tokens that are never sampled.

    The paper leaves open, and we chose: both losses are means over the masked
    positions with weight 1, as masked LM has in ELECTRA; R_t and b_t are
    constants to the generator, and h_t to the baseline, so that w alone learns
    from its loss. `masked_lm_loss` is reported and trains nothing.

    Source: Clark et al. 2020, section 3.2 and appendix F.
    """

    loss_counts: ClassVar[dict[str, str]] = {
        "policy_loss": "masked_tokens",
        "baseline_loss": "masked_tokens",
        "disc_loss": "real_tokens",
        "masked_lm_loss": "masked_tokens",
    }
    metric_names = (
        *("masked_lm", "sampling", "discriminator"),
        *("reward", "generator_entropy"),
    )

    @classmethod
    def build_networks(
        cls, config: ModelConfig, settings: ObjectiveSettings, *, seed: int = 1
    ) -> Networks:
        """Builds generator, discriminator and the generator's baseline.

        Raises:
            UsageError: There would be no generator to train.
        """
        if settings.uniform_generator:
            raise UsageError(
                "train.objective adversarial with train.uniform_generator",
                expected="a generator, which is what learns from the discriminator",
                fix="Remove train.uniform_generator.",
            )
        networks = build_replaced_token_networks(config, seed=seed)
        hidden_dim = networks["generator"].output["hidden_states"].shape[-1]
        networks["baseline"] = build_baseline(
            hidden_dim,
            initializer_range=config.initializer_range,
            seed=child_seed(seed, "baseline"),
        )
        return networks

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Masks to samples to labels to logits, and what is expected of them.

        Returns:
            What `generate` gives; `replaced_logits` float32 (B, S); `policy_logits`
            float32 (B, M, V), whose softmax is sampled from; `baseline_logits`
            float32 (B, M).
        """
        outputs = self.generate(batch, training=training)
        expected = self.networks["baseline"](
            {
                "hidden_states": tf.stop_gradient(outputs["generator_hidden_states"]),
                "mask_positions": batch["mask_positions"],
            }
        )
        inputs = {"token_ids": outputs["corrupted_token_ids"], **about_rows(batch)}
        said = self.networks["discriminator"](inputs, training=training)
        return {
            **outputs,
            "policy_logits": policy_logits(batch, outputs, self.settings),
            "baseline_logits": expected["baseline_logits"],
            "replaced_logits": said["replaced_logits"],
        }

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums policy, baseline and, over all real tokens, the discriminator's."""
        reward = rewards(batch, outputs)
        logits = outputs["baseline_logits"]
        baseline = tf.stop_gradient(tf.nn.softplus(-logits))  # -log sigmoid.
        # Its cross-entropy is -log p_G of the sample.
        surprise = token_losses(outputs["policy_logits"], outputs["sampled_ids"])
        by_slot = {
            "policy_loss": (reward - baseline) * surprise,
            "baseline_loss": tf.nn.sigmoid_cross_entropy_with_logits(
                labels=tf.exp(-reward), logits=logits
            ),
            "masked_lm_loss": token_losses(outputs["mask_logits"], batch["mask_ids"]),
        }
        losses = {
            name: share_of_mean(values, batch["mask_weights"], counts["masked_tokens"])
            for name, values in by_slot.items()
        }
        losses["disc_loss"] = share_of_mean(
            replaced_losses(outputs["replaced_logits"], outputs["is_replaced"]),
            batch["padding_mask"],
            counts["real_tokens"],
        )
        weighted = self.settings.discriminator_loss_weight * losses["disc_loss"]
        losses["loss"] = losses["policy_loss"] + losses["baseline_loss"] + weighted
        return losses

    def measure(
        self, batch: Batch, outputs: Batch
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """Gives the mean `reward` and `generator_entropy`, nats per sample.

        The paper found that the entropy collapses: samples lose their variety.
        """
        log_p = tf.nn.log_softmax(outputs["policy_logits"])
        entropy = -tf.reduce_sum(tf.exp(log_p) * log_p, axis=-1)
        return {
            "reward": (rewards(batch, outputs), batch["mask_weights"]),
            "generator_entropy": (entropy, batch["mask_weights"]),
        }


def rewards(batch: Batch, outputs: Batch) -> tf.Tensor:
    """The discriminator's loss at each sample: float32 (B, M), nats, a constant."""
    logits, is_replaced = (
        tf.gather(outputs[name], batch["mask_positions"], batch_dims=1)
        for name in ("replaced_logits", "is_replaced")
    )
    return tf.stop_gradient(replaced_losses(logits, is_replaced))


def policy_logits(
    batch: Batch, outputs: Batch, settings: ObjectiveSettings
) -> tf.Tensor:
    """Logits whose softmax is what `sample_tokens` draws from: float32 (B, M, V).

    Unlike there, the gradient flows back.
    """
    logits = outputs["mask_logits"] / settings.temperature
    never = np.zeros([logits.shape[-1]], np.float32)
    never[list(settings.unsampled_token_ids)] = _NEVER
    logits += never
    if settings.disallow_correct:
        logits += _NEVER * tf.one_hot(batch["mask_ids"], logits.shape[-1])
    return logits
