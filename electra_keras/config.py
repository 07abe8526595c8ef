"""Configuration: frozen dataclasses own the defaults, units and checks.

`config_files.py` reads what differs from these defaults; the resolved
configuration is written beside every output.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from typing import Any

import yaml

from electra_keras.errors import UsageError

# The largest number that the noise keys hold.
_MAX_SEED = 2**31 - 1
_MODEL_RATES = ("dropout_rate", "attention_dropout_rate")
_MASK_RATES = ("mask_rate", "mask_token_rate")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Both networks. The defaults are ELECTRA-Small (paper, table 6).

    Attributes:
        vocabulary_size: V. None takes it from the data.
        max_sequence_length: Rows of the position table, tokens.
        num_segments: Rows of the segment table.
        embedding_dim: Width of the shared embeddings, projected where a
            network is wider or narrower.
        hidden_dim: H of the discriminator.
        num_layers: Transformer blocks of the discriminator.
        num_heads: None: hidden_dim / 64, at least 1.
        intermediate_dim: None: 4 x hidden_dim.
        generator_hidden_dim: H of the generator.
        generator_num_layers: Transformer blocks of the generator.
        generator_num_heads: None: generator_hidden_dim / 64, at least 1.
        generator_intermediate_dim: None: 4 x generator_hidden_dim.
        dropout_rate: Of embeddings and of both sublayers' outputs.
        attention_dropout_rate: Of the attention probabilities.
        initializer_range: Standard deviation of the initial weights. 0.02
            suits widths from 256; narrower networks learn faster from more.
        position_initializer: "truncated_normal", or "sinusoidal": positions
            start as waves, so that "the token before" is the same direction
            everywhere and need not be learnt row by row; for short runs.
    """

    vocabulary_size: int | None = None
    max_sequence_length: int = 512
    num_segments: int = 2
    embedding_dim: int = 128
    hidden_dim: int = 256
    num_layers: int = 12
    num_heads: int | None = None
    intermediate_dim: int | None = None
    generator_hidden_dim: int = 64
    generator_num_layers: int = 12
    generator_num_heads: int | None = None
    generator_intermediate_dim: int | None = None
    dropout_rate: float = 0.1
    attention_dropout_rate: float = 0.1
    initializer_range: float = 0.02
    position_initializer: str = "truncated_normal"

    def __post_init__(self) -> None:
        for prefix in ("", "generator_"):
            hidden_dim = getattr(self, f"{prefix}hidden_dim")
            derived = {"num_heads": max(1, hidden_dim // 64)}
            derived["intermediate_dim"] = 4 * hidden_dim
            for name, value in derived.items():
                if getattr(self, prefix + name) is None:
                    object.__setattr__(self, prefix + name, value)
            num_heads = getattr(self, f"{prefix}num_heads")
            if num_heads < 1 or hidden_dim % num_heads:
                raise UsageError(
                    f"model.{prefix}hidden_dim {hidden_dim} with {num_heads} heads",
                    expected="a width that the heads divide evenly",
                    fix=f"Set model.{prefix}num_heads to a divisor.",
                )
        if self.num_segments < 2:
            raise _out_of_range("model.num_segments", self.num_segments, "at least 2")
        _check_choice(
            "model.position_initializer",
            self.position_initializer,
            ("truncated_normal", "sinusoidal"),
        )
        _check_positive(self, "model", skip=("vocabulary_size",), rates=_MODEL_RATES)


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
    """

    sequence_length: int | None = None
    mask_rate: float = 0.15
    mask_token_rate: float = 0.85
    mixed_shards: int = 4

    def __post_init__(self) -> None:
        _check_positive(self, "data", skip=("sequence_length",), rates=_MASK_RATES)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Objective, optimiser, schedule and what is written when.

    Attributes:
        objective: "electra".
        discriminator_loss_weight: Lambda of the paper.
        temperature: Of the generator's sampling; below 1 is sharper.
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
        strategy: "none" (one device) or "mirrored" (all local devices).
        jit_compile: Compile forward and backward with XLA.
        steps_per_execution: Optimizer steps per call of the graph.
        log_every_steps: Optimizer steps between two points of the curves.
        evaluate_every_steps: Optimizer steps between held-out evaluations.
        evaluate_examples: At most so many held-out examples each time.
        checkpoint_every_steps: Optimizer steps between checkpoints.
        kept_checkpoints: The newest so many are kept.
    """

    objective: str = "electra"
    discriminator_loss_weight: float = 50.0
    temperature: float = 1.0
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
    jit_compile: bool = False
    steps_per_execution: int = 1
    log_every_steps: int = 100
    evaluate_every_steps: int = 1_000
    evaluate_examples: int = 2_048
    checkpoint_every_steps: int = 1_000
    kept_checkpoints: int = 3

    def __post_init__(self) -> None:
        _check_positive(
            self,
            "train",
            skip=("warmup_steps", "weight_decay_rate", "seed"),
            rates=("adam_beta_1", "adam_beta_2"),
        )
        if self.seed > _MAX_SEED:
            raise _out_of_range("train.seed", self.seed, f"at most {_MAX_SEED}")
        _check_choice("train.objective", self.objective, ("electra",))
        _check_choice("train.strategy", self.strategy, ("none", "mirrored"))
        every = ("log_every_steps", "evaluate_every_steps", "checkpoint_every_steps")
        for name in (*every, "train_steps"):
            steps = getattr(self, name)
            if steps % self.steps_per_execution:
                raise UsageError(
                    f"train.{name} {steps}",
                    expected="a multiple of train.steps_per_execution "
                    f"{self.steps_per_execution}",
                    fix="Change one of the two.",
                )

    @property
    def effective_warmup_steps(self) -> int:
        """Warm-up steps, never beyond a tenth of the run."""
        return min(self.warmup_steps, self.train_steps // 10)


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """One training run."""

    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def to_dict(self) -> dict[str, Any]:
        """Returns the nested dict that YAML files and fingerprints hold."""
        return dataclasses.asdict(self)

    def to_yaml(self) -> str:
        """Returns the resolved configuration as YAML."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    @property
    def fingerprint(self) -> str:
        """Hash of every setting."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _check_positive(
    config: Any, section: str, *, skip: tuple[str, ...], rates: tuple[str, ...]
) -> None:
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        key = f"{section}.{field.name}"
        is_closed = field.name in _MASK_RATES
        if field.name in rates:
            if not (0.0 <= value < 1.0 or (is_closed and value == 1.0)):
                raise UsageError(
                    f"{key} {value}",
                    expected=f"a rate from 0 to {'1' if is_closed else 'below 1'}",
                    fix="Write 15 percent as 0.15.",
                )
        elif field.name in skip:
            if value is not None and not 0 <= value < math.inf:
                raise _out_of_range(key, value, "a number not below 0")
        elif not isinstance(value, bool | str) and not 0 < value < math.inf:
            raise _out_of_range(key, value, "a number above 0")


def _out_of_range(key: str, value: Any, expected: str) -> UsageError:
    return UsageError(f"{key} {value}", expected=expected, fix="Change it.")


def _check_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(
            f"{key} {value!r}",
            expected=f"one of {', '.join(choices)}",
            fix="Choose one of these.",
        )
