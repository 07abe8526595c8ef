"""Two-stage training: the generator alone, then the discriminator alone."""

from __future__ import annotations

import keras

from electra_keras.errors import UsageError
from electra_keras.model_config import ModelConfig
from electra_keras.models.encoder import Encoder
from electra_keras.models.layers import Embeddings
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
    run_masked_lm,
)

_SIZES = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")


class TwoStageObjective(Objective):
    """Masked LM for `generator_steps`, then replaced-token detection.

    At the boundary the discriminator's embeddings and encoder become copies of
    the generator's; its head keeps its initial weights. From there on the
    generator draws samples without dropout and never changes. Each stage has its
    own loss with weight 1; one learning-rate schedule runs over both.

    Attributes:
        stage: "generator" or "discriminator": what is trained, and measured.

    Source: Clark et al. 2020, section 3.2. Without the copy, the paper says, the
        discriminator may never learn more than to call everything original.
    """

    def __init__(
        self, networks: Networks, settings: ObjectiveSettings | None = None
    ) -> None:
        super().__init__(networks, settings)
        self._started_at: int | None = None
        self._enter("generator")

    @classmethod
    def build_networks(
        cls, config: ModelConfig, settings: ObjectiveSettings, *, seed: int = 1
    ) -> Networks:
        """Builds two networks of one size that share nothing.

        Raises:
            UsageError: They differ in size or share weights, or there would be
                no first stage.
        """
        check_networks_fit(config)
        if settings.uniform_generator or settings.generator_steps < 1:
            raise UsageError(
                "train.objective two_stage without a generator to train: "
                f"train.generator_steps {settings.generator_steps}, "
                f"train.uniform_generator {settings.uniform_generator}",
                expected="steps for a generator",
                fix="Remove train.uniform_generator and set train.generator_steps "
                "to 1 or more.",
            )
        return build_replaced_token_networks(config, seed=seed)

    @classmethod
    def copies(cls, settings: ObjectiveSettings, step: int) -> dict[str, str]:
        """Up to the boundary the discriminator has yet to copy the generator."""
        if step <= settings.generator_steps:
            return {"discriminator": "generator"}
        return {}

    def fill_untrained(self, step: int) -> None:
        """Copies embeddings and encoder; heads stay as they are."""
        for copy, original in self.copies(self.settings, step).items():
            copy_weights(self.networks[original], self.networks[copy])

    def start(self, step: int) -> bool:
        """Enters the stage of a step; at the boundary, copies the weights.

        A resume at the boundary copies once more, from the same weights, since
        the checkpoint there was written before.

        Raises:
            UsageError: The boundary was passed within a window of steps.
        """
        boundary = self.settings.generator_steps
        if self._started_at is not None and self._started_at < boundary < step:
            raise UsageError(
                f"steps {self._started_at:,} to {step:,} in one go",
                expected=f"a window of steps that ends at generator_steps {boundary:,}",
                fix="Make generator_steps a multiple of the steps of a window.",
            )
        if step == boundary:
            self.fill_untrained(step)
        stage = "generator" if step < boundary else "discriminator"
        # Before the first start nothing has been trained, and nothing is traced.
        is_other = stage != self.stage
        self._started_at = step
        self._enter(stage)
        for name, network in self.networks.items():
            network.trainable = name == stage
        return is_other

    def _enter(self, stage: str) -> None:
        """Chooses what is measured: what a stage does not train has no curve."""
        self.stage = stage
        is_second = stage == "discriminator"
        self.first_step = self.settings.generator_steps if is_second else 0
        counts = {"masked_lm_loss": "masked_tokens"}
        names: tuple[str, ...] = ("masked_lm",)
        if is_second:
            counts["disc_loss"] = "real_tokens"
            names += ("sampling", "discriminator")
        # Of the class with other objectives, which have one stage.
        self.loss_counts = counts  # type: ignore[misc]
        self.metric_names = names  # type: ignore[misc]

    def forward(self, batch: Batch, *, training: bool) -> Batch:
        """Runs what the stage trains; outside of training, both networks.

        Returns:
            `mask_logits` float32 (B, M, V); but for training the generator also
            the rest of what `generate` gives, and `replaced_logits` float32
            (B, S).
        """
        if training and self.stage == "generator":
            generator = self.networks["generator"]
            ids = batch["masked_token_ids"]
            return {"mask_logits": run_masked_lm(generator, ids, batch, training)}
        outputs = self.generate(batch, training=False)
        inputs = {"token_ids": outputs["corrupted_token_ids"], **about_rows(batch)}
        said = self.networks["discriminator"](inputs, training=training)
        return {**outputs, "replaced_logits": said["replaced_logits"]}

    def losses(self, batch: Batch, outputs: Batch, counts: Batch) -> Batch:
        """Sums the stage's loss; `masked_lm_loss` is reported in both stages."""
        masked_lm_loss = share_of_mean(
            token_losses(outputs["mask_logits"], batch["mask_ids"]),
            batch["mask_weights"],
            counts["masked_tokens"],
        )
        if self.stage == "generator":
            return {"loss": masked_lm_loss, "masked_lm_loss": masked_lm_loss}
        disc_loss = share_of_mean(
            replaced_losses(outputs["replaced_logits"], outputs["is_replaced"]),
            batch["padding_mask"],
            counts["real_tokens"],
        )
        return {
            "loss": disc_loss,
            "masked_lm_loss": masked_lm_loss,
            "disc_loss": disc_loss,
        }


def check_networks_fit(config: ModelConfig) -> None:
    """Checks that one network can take over the other's weights, and keep them.

    Raises:
        UsageError: It cannot.
    """
    differing = [
        f"model.{name} {getattr(config, name)} and model.generator_{name} "
        f"{getattr(config, f'generator_{name}')}"
        for name in _SIZES
        if getattr(config, name) != getattr(config, f"generator_{name}")
    ]
    if config.tied_weights != "none":
        differing.append(f"model.tied_weights {config.tied_weights}")
    if differing:
        raise UsageError(
            f"train.objective two_stage with {', '.join(differing)}",
            expected="networks of one size that share no weights",
            fix="Set model.tied_weights=none and model.generator_fraction=1, and "
            "give the other model.generator_ sizes the discriminator's values.",
        )


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies embeddings and encoder; heads stay as they are."""
    for theirs, ours in zip(_body(source), _body(target), strict=True):
        ours.assign(theirs.value)


def _body(network: keras.Model) -> list[keras.Variable]:
    """Weights of embeddings and encoder, in the order of their layers."""
    layers = [x for x in network.layers if isinstance(x, Embeddings | Encoder)]
    return [variable for layer in layers for variable in layer.variables]
