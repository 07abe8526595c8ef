"""The two-tower cloze model: every token predicted from all the others at once.

Reads `ModelConfig` and the embeddings of `networks.py`, feeds
`objectives/electric.py`. One tower reads from the left and one from the right;
what they know before and after a token predicts it without having seen it.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.model_config import ModelConfig
from electra_keras.models.blocks import is_same_block
from electra_keras.models.encoder import HIDDEN_BIAS, Encoder
from electra_keras.models.heads import MaskedLMHead
from electra_keras.models.initializers import child_seed
from electra_keras.models.layers import Embeddings
from electra_keras.models.networks import Network

_TOWERS = ("left_to_right", "right_to_left")


class OneWayEncoder(Encoder):
    """Encoder whose tokens attend to themselves and to one side of them.

    Args:
        is_reversed: Attend to what follows, not to what comes before.
        *args, **kwargs: Of `Encoder`, as are the call arguments and the result.
    """

    def __init__(self, *args: Any, is_reversed: bool, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.is_reversed = is_reversed

    def attention_bias(self, padding_mask, block_ids=None):
        """What hides padding, other blocks and one side: float32 (B, 1, S, S)."""
        place = tf.range(tf.shape(padding_mask)[1])
        query, key = place[:, tf.newaxis], place[tf.newaxis, :]
        is_visible = key >= query if self.is_reversed else key <= query
        if block_ids is None:
            is_visible &= padding_mask[:, tf.newaxis, :] > 0
        else:
            is_visible &= is_same_block(block_ids)
        is_hidden = 1.0 - tf.cast(is_visible, tf.float32)
        return (is_hidden * HIDDEN_BIAS)[:, tf.newaxis]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "is_reversed": self.is_reversed}


class NeighbourStates(keras.layers.Layer):
    """What both towers know beside each token, side by side.

    Where there is no neighbour (the row's ends, padding, another block) stand
    zeros; the reference rolls, so that the first token sees the last states.

    Call arguments:
        before: float (B, S, H), states of the tower that reads from the left.
        after: float (B, S, H), of the one that reads from the right.
        padding_mask: int32 (B, S).
        block_ids: int32 (B, S), or None.

    Returns: float (B, S, 2H): `before` of t - 1 and `after` of t + 1.
    """

    def call(self, before, after, padding_mask, block_ids=None):
        block_ids = padding_mask if block_ids is None else block_ids
        # Whether t and t + 1 are tokens of one text, (B, S - 1).
        is_joined = (block_ids[:, 1:] == block_ids[:, :-1]) & (block_ids[:, 1:] > 0)
        is_joined = tf.cast(is_joined, before.dtype)[:, :, tf.newaxis]
        sides = [
            tf.pad(before[:, :-1] * is_joined, [[0, 0], [1, 0], [0, 0]]),
            tf.pad(after[:, 1:] * is_joined, [[0, 0], [0, 1], [0, 0]]),
        ]
        width = 2 * before.shape[-1]
        return tf.ensure_shape(tf.concat(sides, -1), [*before.shape[:2], width])


def build_two_tower_generator(
    config: ModelConfig, embeddings: Embeddings, *, seed: int = 1
) -> keras.Model:
    """Builds the cloze model; each tower has the generator's sizes.

    Inputs, by name: `token_ids` (nothing masked), `segment_ids`,
    `padding_mask`: int32 (B, S); `mask_positions`: int32 (B, M), which tokens to
    predict; for dense rows `block_ids`: int32 (B, S).
    Outputs, by name: `mask_logits` float32 (B, M, V); `hidden_states`
    (B, S, 2H). Those of token t know the tokens before and after it, not t; the
    layer `masked_lm_head` turns them into probabilities of tokens.

    Args:
        config: Sizes.
        embeddings: Of both towers; their token table is the projection's weight.
        seed: Of the initial weights.

    Source: Clark et al. 2020b, section 2; google-research/electra
        `run_pretraining.py:298-325`, `model/modeling.py:204-211`.
    """
    seed = child_seed(seed, "generator")
    names = ("token_ids", "segment_ids", "padding_mask", "mask_positions")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    block_ids = keras.Input((None,), dtype="int32", name="block_ids", optional=True)
    rows = (inputs["padding_mask"], block_ids)
    embedded = embeddings(inputs["token_ids"], inputs["segment_ids"], block_ids)
    states = [_build_tower(config, name, seed)(embedded, *rows) for name in _TOWERS]
    hidden_states = NeighbourStates(name="neighbour_states")(*states, *rows)
    head = MaskedLMHead(
        embeddings,
        initializer_range=config.initializer_range,
        seed=seed,
        name="masked_lm_head",
    )
    mask_logits = head(hidden_states, inputs["mask_positions"])
    return Network(
        {**inputs, "block_ids": block_ids},
        {"mask_logits": mask_logits, "hidden_states": hidden_states},
        name="generator",
    )


def _build_tower(config: ModelConfig, name: str, seed: int) -> OneWayEncoder:
    return OneWayEncoder(
        config.generator_hidden_dim,
        config.generator_num_layers,
        config.generator_num_heads,
        config.generator_intermediate_dim,
        embedding_dim=config.embedding_dim,
        dropout_rate=config.dropout_rate,
        attention_dropout_rate=config.attention_dropout_rate,
        initializer_range=config.initializer_range,
        seed=child_seed(seed, name),
        is_reversed=name == "right_to_left",
        name=f"generator_{name}_encoder",
    )
