"""Electric: energies of tokens, by noise-contrastive estimation (NCE).

A two-tower cloze model q draws the noise. The discriminator's logit is an
energy E: after training, -E(x_t) estimates log p(x_t | the other tokens), which
nothing has normalised. The sum over a text is its pseudo-log-likelihood, from one
pass over the text with nothing masked. Only the discriminator is kept.
"""

from __future__ import annotations

import math
from typing import ClassVar

import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.model_config import ModelConfig
from electra_keras.models.networks import build_discriminator, build_embeddings
from electra_keras.models.two_tower import build_two_tower_generator
from electra_keras.models.tying import tie_embeddings
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

# Far below any log-probability, and finite: -inf times 0 would be NaN.
_NEVER = -1e9


class ElectricObjective(Objective):
    """Cloze loss + weight x NCE loss.

    With q the distribution of the samples, n real tokens in a row and k of them
    noised, the discriminator says at each token

        P(x_t is noise) = sigmoid(E(x_t) + log q(x_t | others) + log(k / (n - k)))

    and a noised token is noise even where the sample equals the original. q is
    given the original text. It is 0 for tokens that are never sampled ([CLS],
    [SEP], [UNK]...): they cannot be noise and teach nothing, so that their
    energies mean nothing. What little q's softmax gives to them, since no loss
    ever asks for it, is not divided out.

    Source: Clark et al. 2020b, "Pre-Training Transformers as Energy-Based Cloze
        Models"; google-research/electra `run_pretraining.py:52-106, 194-201,
        230-262`. There k / (n - k) is p / (1 - p) of the mask rate p, and tokens
        that are never noise have their q as any other.
    """

    loss_counts: ClassVar[dict[str, str]] = {
        "cloze_loss": "cloze_tokens",
        "masked_lm_loss": "masked_tokens",
        "disc_loss": "real_tokens",
    }
    metric_names = ("masked_lm", "sampling", "discriminator")

    @classmethod
    def build_networks(
        cls, config: ModelConfig, settings: ObjectiveSettings, *, seed: int = 1
    ) -> Networks:
        """Builds the cloze model and the discriminator.

        Raises:
            UsageError: The samples would not be distributed as q, or the towers
                would have to be the discriminator's encoder.
        """
        _check_can_be_trained(config, settings)
        if settings.uniform_generator:
            embeddings = build_embeddings(config, seed=seed)
            return {"discriminator": build_discriminator(config, embeddings, seed=seed)}
        theirs, ours = tie_embeddings(config, seed=seed)
        return {
            "generator": build_two_tower_generator(config, theirs, seed=seed),
            "discriminator": build_discriminator(config, ours, seed=seed),
        }

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Original text to noise to energies to logits.

        Returns:
            What `generate` gives, with `is_replaced` 1 where noise was put;
            float32 (B, S): `cloze_log_probabilities`, of the original tokens,
            and `energies`, nats; `replaced_logits`, with q and the odds.
        """
        # Nothing is masked: the state of a token does not know it.
        shown = {**batch, "masked_token_ids": batch["token_ids"]}
        outputs = self.generate(shown, training=training)
        is_noised = find_noised(batch)
        corrupted_token_ids = outputs["corrupted_token_ids"]
        of_original, of_corrupted = tf.unstack(
            self._log_probabilities(
                outputs, tf.stack([batch["token_ids"], corrupted_token_ids], axis=-1)
            ),
            axis=-1,
        )
        is_never = is_one_of(corrupted_token_ids, self.settings.unsampled_token_ids)
        log_q = tf.where(is_never, _NEVER, tf.stop_gradient(of_corrupted))
        inputs = {"token_ids": corrupted_token_ids, **about_rows(batch)}
        said = self.networks["discriminator"](inputs, training=training)
        energies = said["replaced_logits"]
        log_odds = noise_log_odds(is_noised, batch["padding_mask"])
        return {
            **outputs,
            "is_replaced": is_noised,
            "cloze_log_probabilities": of_original,
            "energies": energies,
            "replaced_logits": energies + log_q + log_odds,
        }

    def _log_probabilities(self, outputs: Batch, token_ids: tf.Tensor) -> tf.Tensor:
        """Log q of some tokens at each position: float32 (B, S, K), as the ids."""
        if self.settings.uniform_generator:
            embeddings = self.networks["discriminator"].get_layer("embeddings")
            unsampled = len(self.settings.unsampled_token_ids)
            sampled = embeddings.vocabulary_size - unsampled
            return tf.fill(tf.shape(token_ids), -math.log(sampled))
        head = self.networks["generator"].get_layer("masked_lm_head")
        states = outputs["generator_hidden_states"]
        return head.log_probabilities(states, token_ids)[0]

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums the cloze loss of all tokens that can be noise, and the NCE loss.

        `masked_lm_loss` is the cloze loss at the noised positions, reported only.
        """
        cloze_loss = share_of_mean(
            -outputs["cloze_log_probabilities"],
            self._is_cloze_target(batch),
            counts["cloze_tokens"],
        )
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
            "loss": cloze_loss + weighted,
            "cloze_loss": cloze_loss,
            "masked_lm_loss": masked_lm_loss,
            "disc_loss": disc_loss,
        }

    def counts(self, batch: Batch) -> Batch:
        """Counts as every objective, and `cloze_tokens`: those q is trained on."""
        is_target = tf.cast(self._is_cloze_target(batch), tf.float32)
        return {**super().counts(batch), "cloze_tokens": tf.reduce_sum(is_target)}

    def _is_cloze_target(self, batch: Batch) -> tf.Tensor:
        """The reference's candidates: real tokens that may be sampled, (B, S)."""
        is_never = is_one_of(batch["token_ids"], self.settings.unsampled_token_ids)
        return (batch["padding_mask"] > 0) & ~is_never


def _check_can_be_trained(config: ModelConfig, settings: ObjectiveSettings) -> None:
    if settings.disallow_correct or settings.temperature != 1.0:
        raise UsageError(
            "train.objective electric with train.disallow_correct "
            f"{settings.disallow_correct}, train.temperature {settings.temperature}",
            expected="samples that are distributed as the cloze model says",
            fix="Remove both.",
        )
    if config.tied_weights == "all" and not settings.uniform_generator:
        raise UsageError(
            "train.objective electric with model.tied_weights all",
            expected="towers of their own, which read one way",
            fix="Set model.tied_weights=embeddings.",
        )


def is_one_of(token_ids: tf.Tensor, some_ids: tuple[int, ...]) -> tf.Tensor:
    """Whether each id is among some: bool, the shape of `token_ids`."""
    some = tf.constant(some_ids, tf.int32)
    return tf.reduce_any(token_ids[..., tf.newaxis] == some, axis=-1)


def find_noised(batch: Batch) -> tf.Tensor:
    """Where samples are put, whatever they are: int32 (B, S)."""
    positions = batch["mask_positions"]
    rows = tf.broadcast_to(
        tf.range(tf.shape(positions)[0])[:, tf.newaxis], tf.shape(positions)
    )
    draws = tf.scatter_nd(
        tf.stack([rows, positions], axis=-1),
        tf.cast(batch["mask_weights"], tf.int32),
        tf.shape(batch["token_ids"]),
    )
    return tf.minimum(draws, 1)  # A position may be drawn twice.


def noise_log_odds(is_noised: tf.Tensor, padding_mask: tf.Tensor) -> tf.Tensor:
    """log(k / (n - k)) of each row: float32 (B, 1), nats.

    A row without noise is surely original: -1e9.
    """
    noised = tf.reduce_sum(is_noised, axis=1, keepdims=True)
    kept = tf.reduce_sum(padding_mask, axis=1, keepdims=True) - noised
    odds = tf.cast(noised, tf.float32) / tf.cast(tf.maximum(kept, 1), tf.float32)
    return tf.where(noised > 0, tf.math.log(tf.maximum(odds, 1e-9)), _NEVER)
