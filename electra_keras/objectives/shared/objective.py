"""What an objective is: networks, a forward pass, losses and what is measured.

The files of `objectives/` derive from it; `training/pretrainer.py` trains it.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from electra_keras.config import ExperimentConfig, TrainConfig
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.model_config import ModelConfig
from electra_keras.models.randomness import row_uniform
from electra_keras.objectives.shared.corruption import corrupt_tokens, sample_tokens

Batch = dict[str, tf.Tensor]
Networks = dict[str, keras.Model]

# Inputs of every network beside the ids; the last one comes with dense rows.
_ABOUT_ROWS = ("segment_ids", "padding_mask", "block_ids")


@dataclasses.dataclass(frozen=True)
class ObjectiveSettings:
    """What the objectives can be set to; each reads what it needs.

    Attributes:
        discriminator_loss_weight: Lambda of the paper.
        temperature: Of the generator's sampling.
        unsampled_token_ids: Ids that the generator never samples.
        disallow_correct: The generator never samples the original token.
        uniform_generator: Samples are uniform over the vocabulary; there is no
            generator.
        generator_steps: Of two stages: optimizer steps of the first one.
    """

    discriminator_loss_weight: float = 50.0
    temperature: float = 1.0
    unsampled_token_ids: tuple[int, ...] = (0, 1, 2, 3, 4)
    disallow_correct: bool = False
    uniform_generator: bool = False
    generator_steps: int = 0

    @classmethod
    def of(cls, config: ExperimentConfig, vocabulary: Vocabulary) -> ObjectiveSettings:
        """Takes the settings of a run.

        Raises:
            UsageError: The first of two stages ends within a window of steps.
        """
        train = config.train
        if train.objective == "two_stage":
            _check_boundary(train)
        unsampled = (
            () if train.sample_special_tokens else vocabulary.unsampled_token_ids
        )
        return cls(
            discriminator_loss_weight=train.discriminator_loss_weight,
            temperature=train.temperature,
            unsampled_token_ids=tuple(unsampled),
            disallow_correct=train.disallow_correct,
            uniform_generator=train.uniform_generator,
            generator_steps=train.effective_generator_steps,
        )


def _check_boundary(train: TrainConfig) -> None:
    """Checks that a window, which is what Keras calls an epoch, ends there."""
    steps = train.effective_generator_steps
    window = min(train.log_every_steps, train.train_steps)
    if not 0 < steps < train.train_steps or steps % window:
        raise UsageError(
            f"train.generator_steps {steps} of train.train_steps {train.train_steps}",
            expected="steps for both stages, the first a multiple of "
            f"train.log_every_steps {window}",
            fix="Set train.generator_steps to such a multiple.",
        )


class Trainable(abc.ABC):
    """What `training/pretrainer.py` trains, and how wrong it is.

    Args:
        networks: Built inside the strategy's scope.

    Attributes:
        loss_counts: Each loss beside `loss`, and the count that it is a mean over.
        metric_names: What `measure` gives; `training/metrics.py` knows the names
            of masked LM, sampling and discriminator.
        first_step: Optimizer step at which the present variables began to be
            trained.
    """

    loss_counts: ClassVar[dict[str, str]]
    metric_names: ClassVar[tuple[str, ...]]
    first_step: int = 0

    def __init__(self, networks: Networks) -> None:
        self.networks = networks

    @abc.abstractmethod
    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Runs the networks; noise comes from the open `randomness.noise_key`.

        Returns:
            What `losses` and `measure` need.
        """

    @abc.abstractmethod
    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums this replica's losses and divides by the global counts.

        Args:
            batch: The masked batch.
            outputs: From `forward`.
            counts: Global: `counts` summed over all replicas.

        Returns:
            `loss` and those of `loss_counts`: float32 (), this replica's share;
            summed over replicas they are the batch's losses.
        """

    @abc.abstractmethod
    def counts(self, batch: Batch) -> Batch:
        """Counts what the losses are means over, on this replica.

        Returns:
            `real_tokens` and those that `loss_counts` names: float32 (). Summed
            over replicas they become the denominators, so that the loss does not
            depend on how a batch is split.
        """

    def start(self, step: int) -> bool:
        """Prepares the networks for training on from an optimizer step.

        Called before the first step and between windows of steps.

        Returns:
            Whether other variables are trained from now on.
        """
        return False

    def measure(
        self, batch: Batch, outputs: Batch
    ) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
        """Gives values and weights by name, for weighted means."""
        return {}


class Objective(Trainable):
    """One way to pre-train.

    Args:
        networks: From `build_networks`. "discriminator" is the one that is kept for
            downstream tasks.
        settings: Of the run.
    """

    def __init__(
        self, networks: Networks, settings: ObjectiveSettings | None = None
    ) -> None:
        super().__init__(networks)
        self.settings = settings or ObjectiveSettings()

    @classmethod
    @abc.abstractmethod
    def build_networks(
        cls, config: ModelConfig, settings: ObjectiveSettings, *, seed: int = 1
    ) -> Networks:
        """Builds the networks that the objective trains."""

    @classmethod
    def build(
        cls, config: ModelConfig, settings: ObjectiveSettings | None = None, **seed: int
    ) -> Objective:
        """Builds networks and objective."""
        settings = settings or ObjectiveSettings()
        return cls(cls.build_networks(config, settings, **seed), settings)

    @classmethod
    def copies(cls, settings: ObjectiveSettings, step: int) -> dict[str, str]:
        """Says which networks are not trained at a step yet, and copies of which.

        Their training begins with embeddings and encoder of the other one. What a
        checkpoint of that step holds of them is from before: initial weights.
        """
        return {}

    def fill_untrained(self, step: int) -> None:
        """Fills the networks of `copies` as their training would begin.

        For those who read a run. Training does so when it comes there, in `start`.
        """

    def counts(self, batch: Batch) -> Batch:
        """Counts `masked_tokens` and `real_tokens`."""
        return {
            "masked_tokens": tf.reduce_sum(batch["mask_weights"]),
            "real_tokens": count_real_tokens(batch),
        }

    def generate(self, batch: Batch, *, training: bool) -> Batch:
        """Masks to samples to labels.

        Returns:
            `mask_logits` float32 (B, M, V); `sampled_ids` int32 (B, M);
            `corrupted_token_ids`, `is_replaced` int32 (B, S); of a generator
            `generator_hidden_states` (B, S, H), the last ones.
        """
        settings, states = self.settings, {}
        if settings.uniform_generator:
            mask_logits = self._equal_logits(batch)
        else:
            said = ask_masked_lm(
                self.networks["generator"], batch["masked_token_ids"], batch, training
            )
            mask_logits = said["mask_logits"]
            states = {"generator_hidden_states": said["hidden_states"]}
        sampled_ids = sample_tokens(
            mask_logits,
            row_uniform(*row_shape(batch["mask_positions"]), "sample_tokens"),
            unsampled_token_ids=settings.unsampled_token_ids,
            temperature=settings.temperature,
            disallowed_ids=batch["mask_ids"] if settings.disallow_correct else None,
        )
        corrupted_token_ids, is_replaced = corrupt_tokens(
            batch["token_ids"],
            batch["mask_positions"],
            batch["mask_weights"],
            sampled_ids,
        )
        return {
            **states,
            "mask_logits": mask_logits,
            "sampled_ids": sampled_ids,
            "corrupted_token_ids": corrupted_token_ids,
            "is_replaced": is_replaced,
        }

    def _equal_logits(self, batch: Batch) -> tf.Tensor:
        embeddings = self.networks["discriminator"].get_layer("embeddings")
        shape = tf.shape(batch["mask_positions"])
        return tf.zeros([shape[0], shape[1], embeddings.vocabulary_size])


def count_real_tokens(batch: Batch) -> tf.Tensor:
    """Tokens of a batch that are no padding: float32 ()."""
    return tf.cast(tf.reduce_sum(batch["padding_mask"]), tf.float32)


def row_shape(values: tf.Tensor) -> tuple[tf.Tensor | int, int]:
    """Rows and columns of (B, N); both static where they are known."""
    rows, columns = values.shape
    return tf.shape(values)[0] if rows is None else rows, columns


def about_rows(batch: Batch) -> Batch:
    """The inputs of a network beside the ids."""
    return {name: batch[name] for name in _ABOUT_ROWS if name in batch}


def ask_masked_lm(
    network: keras.Model, token_ids: tf.Tensor, batch: Batch, training: bool
) -> Batch:
    """Runs a masked LM on ids in the place of the batch's; gives its outputs."""
    inputs = {
        "token_ids": token_ids,
        "mask_positions": batch["mask_positions"],
        **about_rows(batch),
    }
    return network(inputs, training=training)


def run_masked_lm(
    network: keras.Model, token_ids: tf.Tensor, batch: Batch, training: bool
) -> tf.Tensor:
    """Logits of `ask_masked_lm`: float32 (B, M, V)."""
    return ask_masked_lm(network, token_ids, batch, training)["mask_logits"]
