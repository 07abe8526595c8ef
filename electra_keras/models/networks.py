"""The generator and the discriminator, as Keras functional models.

Reads `ModelConfig`, feeds `objectives/`.
"""

from __future__ import annotations

from typing import Any

import keras

from electra_keras.config import ModelConfig
from electra_keras.errors import UsageError
from electra_keras.models.encoder import Encoder
from electra_keras.models.heads import MaskedLMHead, ReplacedTokenHead
from electra_keras.models.initializers import child_seed
from electra_keras.models.layers import Embeddings


class Network(keras.Model):
    """Functional model whose `block_ids` may be left out of the inputs.

    Keras wants every name of a dict; without blocks nothing is added to the
    graph, so that all but training on dense rows need not know of them.
    """

    def __call__(self, inputs, *args: Any, **kwargs: Any):
        return super().__call__({"block_ids": None, **inputs}, *args, **kwargs)


def build_networks(
    config: ModelConfig, *, seed: int = 1
) -> tuple[keras.Model, keras.Model]:
    """Builds both networks on shared embeddings.

    Args:
        config: Sizes; `vocabulary_size` must be set.
        seed: Of the initial weights.

    Returns:
        The generator and the discriminator.

    Raises:
        UsageError: `vocabulary_size` is None.
    """
    embeddings = build_embeddings(config, seed=seed)
    return (
        build_generator(config, embeddings, seed=seed),
        build_discriminator(config, embeddings, seed=seed),
    )


def build_replaced_token_networks(
    config: ModelConfig, *, with_generator: bool = True, seed: int = 1
) -> dict[str, keras.Model]:
    """Builds what `build_networks` does, by name; the generator if it is wanted."""
    if with_generator:
        generator, discriminator = build_networks(config, seed=seed)
        return {"generator": generator, "discriminator": discriminator}
    embeddings = build_embeddings(config, seed=seed)
    return {"discriminator": build_discriminator(config, embeddings, seed=seed)}


def build_embeddings(config: ModelConfig, *, seed: int = 1) -> Embeddings:
    """Builds the layer that both networks share: tables and their LayerNorm."""
    if config.vocabulary_size is None:
        raise UsageError(
            "model.vocabulary_size is not set",
            expected="the number of entries of the vocabulary",
            fix="Set it, or let electra_keras.train take it from the data.",
        )
    return Embeddings(
        config.vocabulary_size,
        config.embedding_dim,
        max_sequence_length=config.max_sequence_length,
        num_segments=config.num_segments,
        initializer_range=config.initializer_range,
        position_initializer=config.position_initializer,
        seed=child_seed(seed, "embeddings"),
        name="embeddings",
    )


def build_generator(
    config: ModelConfig, embeddings: Embeddings, *, seed: int = 1
) -> keras.Model:
    """Builds the masked language model.

    Inputs, by name: `token_ids` (with [MASK]s), `segment_ids`,
    `padding_mask`: int32 (B, S); `mask_positions`: int32 (B, M); for dense rows
    `block_ids`: int32 (B, S).
    Outputs, by name: `mask_logits` float32 (B, M, V); `hidden_states`
    (B, S, H), the last ones.
    """
    seed = child_seed(seed, "generator")
    inputs = _token_inputs()
    mask_positions = keras.Input((None,), dtype="int32", name="mask_positions")
    encoder = _build_encoder(config, "generator", seed)
    head = MaskedLMHead(
        embeddings,
        initializer_range=config.initializer_range,
        seed=seed,
        name="masked_lm_head",
    )

    hidden_states = _encode(inputs, embeddings, encoder)
    mask_logits = head(hidden_states, mask_positions)
    return Network(
        {**inputs, "mask_positions": mask_positions},
        {"mask_logits": mask_logits, "hidden_states": hidden_states},
        name="generator",
    )


def build_discriminator(
    config: ModelConfig, embeddings: Embeddings, *, seed: int = 1
) -> keras.Model:
    """Builds the replaced-token detector, which is kept for downstream tasks.

    Inputs, by name: `token_ids`, `segment_ids`, `padding_mask`, and for dense
    rows `block_ids`: int32 (B, S).
    Outputs, by name: `replaced_logits` float32 (B, S); `hidden_states`
    (B, S, H), the last ones.
    """
    seed = child_seed(seed, "discriminator")
    inputs = _token_inputs()
    encoder = _build_encoder(config, "discriminator", seed)
    head = ReplacedTokenHead(
        config.hidden_dim,
        initializer_range=config.initializer_range,
        seed=seed,
        name="replaced_token_head",
    )

    hidden_states = _encode(inputs, embeddings, encoder)
    return Network(
        inputs,
        {"replaced_logits": head(hidden_states), "hidden_states": hidden_states},
        name="discriminator",
    )


def _build_encoder(config: ModelConfig, network: str, seed: int) -> Encoder:
    prefix = "generator_" if network == "generator" else ""
    sizes = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")
    return Encoder(
        **{size: getattr(config, prefix + size) for size in sizes},
        embedding_dim=config.embedding_dim,
        dropout_rate=config.dropout_rate,
        attention_dropout_rate=config.attention_dropout_rate,
        initializer_range=config.initializer_range,
        seed=seed,
        name=f"{network}_encoder",
    )


def _encode(
    inputs: dict[str, keras.KerasTensor], embeddings: Embeddings, encoder: Encoder
) -> keras.KerasTensor:
    block_ids = inputs["block_ids"]
    embedded = embeddings(inputs["token_ids"], inputs["segment_ids"], block_ids)
    return encoder(embedded, inputs["padding_mask"], block_ids)


def _token_inputs() -> dict[str, keras.KerasTensor]:
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    inputs["block_ids"] = keras.Input(
        (None,), dtype="int32", name="block_ids", optional=True
    )
    return inputs
