"""Configuration: frozen dataclasses own the defaults, units and checks.

`config_files.py` reads what differs from these defaults; the resolved
configuration is written beside every output.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import yaml

from electra_keras.config_checks import check_choice, check_positive, out_of_range
from electra_keras.errors import UsageError
from electra_keras.model_config import ModelConfig as ModelConfig

# The largest number that the noise keys hold.
_MAX_SEED = 2**31 - 1
# What "compat: google" sets where it is not set by itself, and what is set else.
_COMPAT_DATA = {
    "mask_with_replacement": (True, False),
    "mask_unknown_tokens": (True, False),
}
_COMPAT_TRAIN = {
    "sample_special_tokens": (True, False),
    "overlapped_warmup": (True, False),
    "adam_bias_correction": (False, True),
}


STRATEGIES = ("none", "mirrored", "multi_worker", "tpu")


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """How shards become masked batches.

    Attributes:
        sequence_length: S, tokens of a row. None takes it from the data; any
            other value must be the data's.
        mask_rate: Share of a row's real tokens that is masked, in [0, 1].
        mask_token_rate: Share of these that is shown as [MASK]; the rest
            keeps its token. 0.85 in the reference code.
        mixed_shards: Shards whose examples are shuffled together.
        mask_with_replacement: Positions may be drawn twice, as in the
            reference, where their samples are then averaged. None: as
            train.compat says.
        mask_unknown_tokens: [UNK] may be masked and be a target, as in the
            reference. None: as train.compat says.
    """

    sequence_length: int | None = None
    mask_rate: float = 0.15
    mask_token_rate: float = 0.85
    mixed_shards: int = 4
    mask_with_replacement: bool | None = None
    mask_unknown_tokens: bool | None = None

    def __post_init__(self) -> None:
        check_positive(
            self,
            "data",
            skip=("sequence_length", *_COMPAT_DATA),
            closed_rates=("mask_rate", "mask_token_rate"),
        )


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Objective, optimiser, schedule and what is written when.

    Attributes:
        objective: Name of a file in `objectives/`, such as "electra" or "mlm".
        discriminator_loss_weight: Lambda of the paper; of objectives with
            replaced-token detection.
        temperature: Of the generator's sampling; below 1 is sharper.
        disallow_correct: The generator never samples the original token.
        uniform_generator: Samples are uniform over the vocabulary, without any
            generator.
        generator_steps: Of "two_stage": optimizer steps of the generator alone.
            None: half of `train_steps`, in whole windows of `log_every_steps`.
        compat: "none", or "google": what we do otherwise than
            google-research/electra is done as there (docs/fidelity.md).
        sample_special_tokens: The generator may sample [PAD], [CLS] and others.
            None, as in the next two: as `compat` says.
        overlapped_warmup: Warm-up and decay multiply, and `warmup_steps` is
            never cut.
        adam_bias_correction: Divide Adam's means by what their start at 0 took.
        train_steps: Optimizer steps in all.
        global_batch_size: Examples per optimizer step, over all replicas.
        learning_rate: Peak.
        warmup_steps: Optimizer steps of linear warm-up, cut to a tenth of
            `train_steps` in a short run.
        weight_decay_rate: Decoupled, times the learning rate; not on biases
            and LayerNorm.
        adam_beta_1, adam_beta_2, adam_epsilon: Of AdamW.
        clip_norm: Bound of the gradients' global norm.
        seed: Of initial weights, data order, masks, dropout and sampling.
        strategy: "none" (one device), "mirrored" (all local devices),
            "multi_worker" (several machines, from TF_CONFIG) or "tpu".
        precision: "float32", or "bfloat16": matrix products in it; variables,
            logits, losses, LayerNorm, softmax and residuals stay float32.
        jit_compile: Compile the Transformer blocks with XLA. None: where there is
            a GPU.
        gradient_checkpointing: Keep of each block its input only, and compute the
            rest once more for its gradient. Takes less memory, and more time.
        steps_per_execution: Optimizer steps per call of the graph.
        micro_batches: Parts in which each replica works through its share of a
            batch, one after the other; their gradients make one optimizer step.
            Takes less memory, not less time.
        log_every_steps: Optimizer steps between two points of the curves.
        evaluate_every_steps: Optimizer steps between held-out evaluations.
        evaluate_examples: At most so many held-out examples each time.
        checkpoint_every_steps: Optimizer steps between checkpoints.
        kept_checkpoints: The newest so many are kept, and the best.
        probe: Path of a task, a file such as those in `configs/tasks/`, whose
            labels a linear probe learns from the frozen network on the way. None:
            no probe.
        probe_every_steps: Optimizer steps between probes. None: as
            `evaluate_every_steps`.
        probe_train_examples: At most so many labelled texts the probe learns from.
        probe_validation_examples: At most so many it is measured on.
    """

    objective: str = "electra"
    discriminator_loss_weight: float = 50.0
    temperature: float = 1.0
    disallow_correct: bool = False
    uniform_generator: bool = False
    generator_steps: int | None = None
    compat: str = "none"
    sample_special_tokens: bool | None = None
    overlapped_warmup: bool | None = None
    adam_bias_correction: bool | None = None
    train_steps: int = 1_000_000
    global_batch_size: int = 128
    learning_rate: float = 5e-4
    warmup_steps: int = 10_000
    weight_decay_rate: float = 0.01
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_epsilon: float = 1e-6
    clip_norm: float = 1.0
    seed: int = 1
    strategy: str = "none"
    precision: str = "float32"
    jit_compile: bool | None = None
    gradient_checkpointing: bool = False
    steps_per_execution: int = 1
    micro_batches: int = 1
    log_every_steps: int = 100
    evaluate_every_steps: int = 1_000
    evaluate_examples: int = 2_048
    checkpoint_every_steps: int = 1_000
    kept_checkpoints: int = 3
    probe: str | None = None
    probe_every_steps: int | None = None
    probe_train_examples: int = 2_000
    probe_validation_examples: int = 2_000

    def __post_init__(self) -> None:
        check_choice("train.compat", self.compat, ("none", "google"))
        _settle(self, _COMPAT_TRAIN, self.compat)
        check_positive(
            self,
            "train",
            skip=(
                *("warmup_steps", "weight_decay_rate", "seed"),
                *("generator_steps", "jit_compile", "probe", "probe_every_steps"),
            ),
            rates=("adam_beta_1", "adam_beta_2"),
        )
        if self.seed > _MAX_SEED:
            raise out_of_range("train.seed", self.seed, f"at most {_MAX_SEED}")
        if self.precision == "float16":
            raise UsageError(
                "train.precision 'float16'",
                expected="float32 or bfloat16",
                fix="Choose bfloat16, which has float32's range. Keras scales float16 "
                "losses by what the first replica sees: an overflow on another one "
                "makes every weight NaN.",
            )
        check_choice("train.precision", self.precision, ("float32", "bfloat16"))
        check_choice("train.strategy", self.strategy, STRATEGIES)
        if self.probe_every_steps == 0:
            raise out_of_range("train.probe_every_steps", 0, "a number above 0")
        every = ("log_every_steps", "evaluate_every_steps", "checkpoint_every_steps")
        for name in (*every, "probe_every_steps", "train_steps"):
            steps = getattr(self, name)
            if steps is not None and steps % self.steps_per_execution:
                raise UsageError(
                    f"train.{name} {steps}",
                    expected="a multiple of train.steps_per_execution "
                    f"{self.steps_per_execution}",
                    fix="Change one of the two.",
                )

    @property
    def effective_warmup_steps(self) -> int:
        """Warm-up steps, never beyond a tenth of the run but in the reference."""
        if self.overlapped_warmup:
            return self.warmup_steps
        return min(self.warmup_steps, self.train_steps // 10)

    @property
    def effective_probe_every_steps(self) -> int:
        """Steps between two probes."""
        return self.probe_every_steps or self.evaluate_every_steps

    @property
    def effective_generator_steps(self) -> int:
        """Steps of the first of two stages; 0 for another objective."""
        if self.objective != "two_stage":
            return 0
        if self.generator_steps is None:
            windows = max(1, self.train_steps // 2 // self.log_every_steps)
            return windows * self.log_every_steps
        return self.generator_steps


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """One training run."""

    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        data = dataclasses.replace(self.data)
        _settle(data, _COMPAT_DATA, self.train.compat)
        object.__setattr__(self, "data", data)

    def to_dict(self) -> dict[str, Any]:
        """Returns the nested dict that YAML files and fingerprints hold."""
        return dataclasses.asdict(self)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by the name that `--set` has for it: "train.seed"."""
        return {
            f"{section}.{name}": value
            for section, values in self.to_dict().items()
            for name, value in values.items()
        }

    def to_yaml(self) -> str:
        """Returns the resolved configuration as YAML."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    @property
    def fingerprint(self) -> str:
        """Hash of every setting."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _settle(section: Any, values: dict[str, tuple[bool, bool]], compat: str) -> None:
    """Sets what was left to `compat`."""
    for name, (google, ours) in values.items():
        if getattr(section, name) is None:
            object.__setattr__(section, name, google if compat == "google" else ours)
