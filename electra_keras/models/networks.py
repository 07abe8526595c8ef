"""The generator and the discriminator, as Keras functional models.

Reads `ModelConfig`, feeds `objectives/`. Of objectives that predict tokens the
main network, which is kept, has a masked-LM head; it is called discriminator too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

from electra_keras.config import ModelConfig
from electra_keras.models.encoder import Encoder
from electra_keras.models.heads import CopyHead, MaskedLMHead, ReplacedTokenHead
from electra_keras.models.initializers import child_seed
from electra_keras.models.layers import Embeddings
from electra_keras.models.randomness import key_for, noise_key
from electra_keras.models.tying import build_embeddings as build_embeddings
from electra_keras.models.tying import tie_embeddings

# Layer of the main network; the generator's is `masked_lm_head`.
MAIN_LM_HEAD = "main_lm_head"


class Network(keras.Model):
    """Functional model some of whose inputs may be left out.

    Keras wants every name of a dict. Without `block_ids` nothing is added to the
    graph, so that all but training on dense rows need not know of them; without
    `mask_positions` a masked LM predicts nothing and gives hidden states.
    """

    def __call__(self, inputs, *args: Any, **kwargs: Any):
        inputs = {"block_ids": None, **inputs}
        if "mask_positions" in self.input and "mask_positions" not in inputs:
            inputs["mask_positions"] = keras.ops.zeros_like(inputs["token_ids"][:, :0])
        return super().__call__(inputs, *args, **kwargs)


class GuestNetwork(Network):
    """Network whose encoder is another's: its dropout draws noise of its own.

    Noise is keyed by layer, so that both would drop the same elements.
    """

    def __call__(self, inputs, *args: Any, training: bool | None = None, **kwargs: Any):
        if not training:
            return super().__call__(inputs, *args, training=training, **kwargs)
        with noise_key(key_for(self.name)):
            return super().__call__(inputs, *args, training=training, **kwargs)


def build_networks(
    config: ModelConfig, *, seed: int = 1
) -> tuple[keras.Model, keras.Model]:
    """Builds both networks, which share what `tied_weights` says.

    Args:
        config: Sizes; `vocabulary_size` must be set.
        seed: Of the initial weights.

    Returns:
        The generator and the discriminator.

    Raises:
        UsageError: `vocabulary_size` is None.
    """
    networks = build_replaced_token_networks(config, seed=seed)
    return networks["generator"], networks["discriminator"]


def build_replaced_token_networks(
    config: ModelConfig, *, with_generator: bool = True, seed: int = 1
) -> dict[str, keras.Model]:
    """Builds what `build_networks` does, by name; the generator if it is wanted."""
    return _build_tied(config, build_discriminator, with_generator, seed)


def build_main_lm_networks(
    config: ModelConfig,
    *,
    copies: bool = False,
    with_generator: bool = True,
    seed: int = 1,
) -> dict[str, keras.Model]:
    """Builds the same with a main network that predicts tokens, by name."""
    build_main = functools.partial(build_main_masked_lm, copies=copies)
    return _build_tied(config, build_main, with_generator, seed)


def _build_tied(
    config: ModelConfig,
    build_main: Callable[..., keras.Model],
    with_generator: bool,
    seed: int,
) -> dict[str, keras.Model]:
    if not with_generator:
        embeddings = build_embeddings(config, seed=seed)
        return {"discriminator": build_main(config, embeddings, seed=seed)}
    theirs, ours = tie_embeddings(config, seed=seed)
    encoder = None
    if config.tied_weights == "all":
        seed_of_both = child_seed(seed, "discriminator")
        encoder = _build_encoder(config, "discriminator", seed_of_both)
    return {
        "generator": build_generator(config, theirs, encoder=encoder, seed=seed),
        "discriminator": build_main(config, ours, encoder=encoder, seed=seed),
    }


def build_generator(
    config: ModelConfig,
    embeddings: Embeddings,
    *,
    encoder: Encoder | None = None,
    seed: int = 1,
) -> keras.Model:
    """Builds the masked language model; on the discriminator's encoder if given.

    Inputs, by name: `token_ids` (with [MASK]s), `segment_ids`,
    `padding_mask`: int32 (B, S); `mask_positions`: int32 (B, M); for dense rows
    `block_ids`: int32 (B, S).
    Outputs, by name: `mask_logits` float32 (B, M, V); `hidden_states`
    (B, S, H), the last ones.
    """
    seed = child_seed(seed, "generator")
    inputs = _token_inputs()
    mask_positions = keras.Input((None,), dtype="int32", name="mask_positions")
    kind = Network if encoder is None else GuestNetwork
    encoder = encoder or _build_encoder(config, "generator", seed)
    head = _build_lm_head(config, embeddings, "masked_lm_head", seed)

    hidden_states = _encode(inputs, embeddings, encoder)
    mask_logits = head(hidden_states, mask_positions)
    return kind(
        {**inputs, "mask_positions": mask_positions},
        {"mask_logits": mask_logits, "hidden_states": hidden_states},
        name="generator",
    )


def build_discriminator(
    config: ModelConfig,
    embeddings: Embeddings,
    *,
    encoder: Encoder | None = None,
    seed: int = 1,
) -> keras.Model:
    """Builds the replaced-token detector, which is kept for downstream tasks.

    Inputs, by name: `token_ids`, `segment_ids`, `padding_mask`, and for dense
    rows `block_ids`: int32 (B, S).
    Outputs, by name: `replaced_logits` float32 (B, S); `hidden_states`
    (B, S, H), the last ones.
    """
    seed = child_seed(seed, "discriminator")
    inputs = _token_inputs()
    encoder = encoder or _build_encoder(config, "discriminator", seed)
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


def build_encoder_network(
    config: ModelConfig, *, every_layer: bool = False, seed: int = 1
) -> keras.Model:
    """Builds the discriminator without a head of its own, for downstream tasks.

    Inputs: those of the discriminator. Outputs, by name: `hidden_states` float
    (B, S, H), the last ones; with `every_layer` also `layers`, a list of those of
    all layers, as `Encoder` gives them.
    """
    inputs = _token_inputs()
    encoder = _build_encoder(config, "discriminator", child_seed(seed, "discriminator"))
    embeddings = build_embeddings(config, seed=seed)
    if every_layer:
        layers = _encode(inputs, embeddings, encoder, every_layer=True)
        outputs = {"hidden_states": layers[-1], "layers": layers}
    else:
        outputs = {"hidden_states": _encode(inputs, embeddings, encoder)}
    return Network(inputs, outputs, name="discriminator")


def build_main_masked_lm(
    config: ModelConfig,
    embeddings: Embeddings,
    *,
    copies: bool = False,
    encoder: Encoder | None = None,
    seed: int = 1,
) -> keras.Model:
    """Builds a masked language model of the discriminator's size, to be kept.

    Inputs: those of the generator; `mask_positions` may be left out.
    Outputs, by name: `mask_logits` float32 (B, M, V); `hidden_states`
    (B, S, H), the last ones; with `copies` also `copy_logits` float32 (B, S),
    above 0 where the token is the original, and `replaced_logits`, their
    negative, so that it can be asked as a discriminator is.

    Args:
        config: Sizes.
        embeddings: Their token table is the projection's weight.
        copies: Whether each token may be copied.
        encoder: Shared with the generator; None: its own.
        seed: Of the initial weights.
    """
    seed = child_seed(seed, "discriminator")
    inputs = _token_inputs()
    mask_positions = keras.Input((None,), dtype="int32", name="mask_positions")
    encoder = encoder or _build_encoder(config, "discriminator", seed)
    head = _build_lm_head(config, embeddings, MAIN_LM_HEAD, seed)

    hidden_states = _encode(inputs, embeddings, encoder)
    outputs = {
        "mask_logits": head(hidden_states, mask_positions),
        "hidden_states": hidden_states,
    }
    if copies:
        copy_head = CopyHead(
            config.hidden_dim,
            initializer_range=config.initializer_range,
            seed=seed,
            name="copy_head",
        )
        copy_logits = copy_head(hidden_states)
        outputs["copy_logits"] = copy_logits
        outputs["replaced_logits"] = keras.ops.negative(copy_logits)
    inputs = {**inputs, "mask_positions": mask_positions}
    return Network(inputs, outputs, name="discriminator")


def _build_lm_head(
    config: ModelConfig, embeddings: Embeddings, name: str, seed: int
) -> MaskedLMHead:
    return MaskedLMHead(
        embeddings,
        initializer_range=config.initializer_range,
        seed=seed,
        name=name,
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
    inputs: dict[str, keras.KerasTensor],
    embeddings: Embeddings,
    encoder: Encoder,
    **options: bool,
) -> Any:
    block_ids = inputs["block_ids"]
    embedded = embeddings(inputs["token_ids"], inputs["segment_ids"], block_ids)
    return encoder(embedded, inputs["padding_mask"], block_ids, **options)


def _token_inputs() -> dict[str, keras.KerasTensor]:
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    inputs["block_ids"] = keras.Input(
        (None,), dtype="int32", name="block_ids", optional=True
    )
    return inputs
