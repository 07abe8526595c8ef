"""Sizes of both networks, and what they share.

A section of `config.ExperimentConfig`; read by `models/networks.py`.
"""

from __future__ import annotations

import dataclasses

from electra_keras.config_checks import check_choice, check_positive, out_of_range
from electra_keras.errors import UsageError

TIED_WEIGHTS = ("none", "token_embeddings", "embeddings", "all", "disentangled")
_RATES = ("dropout_rate", "attention_dropout_rate")


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
        generator_fraction: Of the discriminator's hidden_dim, for the
            generator's; rounded.
        generator_hidden_dim: H of the generator. None: by `generator_fraction`.
        generator_num_layers: Transformer blocks of the generator. None: as many
            as the discriminator has.
        generator_num_heads: None: generator_hidden_dim / 64, at least 1.
        generator_intermediate_dim: None: 4 x generator_hidden_dim.
        tied_weights: What the networks share. "none"; "token_embeddings", the
            table alone; "embeddings", with positions, segments and LayerNorm, as
            the reference; "all", the encoder too, which asks for equal sizes;
            "disentangled": the discriminator's embeddings are the generator's,
            without a gradient, plus a difference of its own (DeBERTa-v3).
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
    generator_fraction: float = 0.25
    generator_hidden_dim: int | None = None
    generator_num_layers: int | None = None
    generator_num_heads: int | None = None
    generator_intermediate_dim: int | None = None
    tied_weights: str = "embeddings"
    dropout_rate: float = 0.1
    attention_dropout_rate: float = 0.1
    initializer_range: float = 0.02
    position_initializer: str = "truncated_normal"

    def __post_init__(self) -> None:
        if not 0.0 < self.generator_fraction <= 1.0:
            raise out_of_range(
                "model.generator_fraction", self.generator_fraction, "above 0, up to 1"
            )
        generator_dim = max(1, round(self.generator_fraction * self.hidden_dim))
        self._settle("generator_hidden_dim", generator_dim)
        self._settle("generator_num_layers", self.num_layers)
        for prefix in ("", "generator_"):
            hidden_dim = getattr(self, f"{prefix}hidden_dim")
            self._settle(f"{prefix}num_heads", max(1, hidden_dim // 64))
            self._settle(f"{prefix}intermediate_dim", 4 * hidden_dim)
            num_heads = getattr(self, f"{prefix}num_heads")
            if num_heads < 1 or hidden_dim % num_heads:
                raise UsageError(
                    f"model.{prefix}hidden_dim {hidden_dim} with {num_heads} heads",
                    expected="a width that the heads divide evenly",
                    fix=f"Set model.{prefix}num_heads to a divisor.",
                )
        if self.num_segments < 2:
            raise out_of_range("model.num_segments", self.num_segments, "at least 2")
        check_choice(
            "model.position_initializer",
            self.position_initializer,
            ("truncated_normal", "sinusoidal"),
        )
        check_choice("model.tied_weights", self.tied_weights, TIED_WEIGHTS)
        if self.tied_weights == "all":
            self._check_equal_sizes()
        check_positive(self, "model", skip=("vocabulary_size",), rates=_RATES)

    def _settle(self, name: str, value: int) -> None:
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    def _check_equal_sizes(self) -> None:
        for name in ("hidden_dim", "num_layers", "num_heads", "intermediate_dim"):
            ours, theirs = getattr(self, name), getattr(self, f"generator_{name}")
            if ours != theirs:
                raise UsageError(
                    f"model.tied_weights all with model.{name} {ours} and "
                    f"model.generator_{name} {theirs}",
                    expected="networks of one size",
                    fix="Set model.generator_fraction=1.",
                )
