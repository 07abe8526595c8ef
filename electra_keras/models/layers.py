"""The small layers of both networks: dense, LayerNorm, dropout, embeddings.

Used by `transformer_block.py`, `encoder.py` and `heads.py`. Shapes: B, S, H as in
`data/features.py`; E embedding_dim.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.blocks import block_positions
from electra_keras.models.exact_gradients import dense_product, drop, normalise
from electra_keras.models.initializers import (
    Sinusoidal,
    glorot_uniform,
    truncated_normal,
)
from electra_keras.models.randomness import keep_mask, key_for

LAYER_NORM_EPSILON = 1e-12
_WAVE_AMPLITUDE = 2.5  # Of `initializer_range`: positions must stand out.


class LayerNorm(keras.layers.LayerNormalization):
    """LayerNorm over the last axis, in float32."""

    def call(self, inputs):
        x = tf.cast(inputs, tf.float32)
        gamma, beta = map(tf.convert_to_tensor, (self.gamma, self.beta))
        return normalise(x, gamma, beta, self.epsilon)


class Dense(keras.layers.Dense):
    """Dense layer.

    Call arguments:
        inputs: float (N, C): rows are flat, so that it is one matrix product.

    Returns: float (N, units).
    """

    def call(self, inputs, training=None):
        kernel, bias = map(tf.convert_to_tensor, (self.kernel, self.bias))
        return self.activation(dense_product(inputs, kernel, bias))


def layer_norm(name: str) -> LayerNorm:
    """LayerNorm with BERT's epsilon; Keras' default of 1e-3 is a trap."""
    return LayerNorm(epsilon=LAYER_NORM_EPSILON, dtype="float32", name=name)


class Dropout(keras.layers.Layer):
    """Dropout keyed by seed, step, layer path and replica.

    Args:
        rate: Share of elements set to zero, in [0, 1). The rest is scaled up.

    Call arguments:
        x: float, any shape.
        training: Without it, `x` is returned as it is.
    """

    def __init__(self, rate: float, **kwargs: Any):
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"rate {rate}; expected 0 <= rate < 1.")
        self.rate = rate

    def call(self, x, training=None):
        if not training or self.rate == 0.0:
            return x
        keep = keep_mask(tf.shape(x), self.rate, key_for(self.path))
        return drop(x, keep, self.rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


class Embeddings(keras.layers.Layer):
    """Token, position and segment embeddings with their LayerNorm.

    One instance serves both networks; dropout is each network's own.

    Args:
        vocabulary_size: V.
        embedding_dim: E.
        max_sequence_length: Rows of the position table, tokens.
        num_segments: Rows of the segment table.
        initializer_range: Standard deviation of the initial weights.
        position_initializer: "truncated_normal" or "sinusoidal".
        seed: Of the initial weights.

    Call arguments:
        token_ids: int32 (B, S), S <= max_sequence_length.
        segment_ids: int32 (B, S).
        block_ids: int32 (B, S), or None. Positions count from 0 in each block.

    Returns: float32 (B, S, E).
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        *,
        max_sequence_length: int = 512,
        num_segments: int = 2,
        initializer_range: float = 0.02,
        position_initializer: str = "truncated_normal",
        seed: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.max_sequence_length = max_sequence_length
        self.num_segments = num_segments
        self.initializer_range = initializer_range
        self.position_initializer = position_initializer
        self.seed = seed
        self.layer_norm = layer_norm("layer_norm")

    def build(self, token_ids_shape, segment_ids_shape=None, block_ids_shape=None):
        rows = {
            "token": self.vocabulary_size,
            "position": self.max_sequence_length,
            "segment": self.num_segments,
        }
        tables = {
            name: self.add_weight(
                name=f"{name}_embeddings",
                shape=(count, self.embedding_dim),
                initializer=self._initializer(name),
            )
            for name, count in rows.items()
        }
        self.token_embeddings = tables["token"]
        self.position_embeddings = tables["position"]
        self.segment_embeddings = tables["segment"]
        self.layer_norm.build((None, None, self.embedding_dim))

    def _initializer(self, name: str) -> keras.initializers.Initializer:
        if name == "position" and self.position_initializer == "sinusoidal":
            return Sinusoidal(_WAVE_AMPLITUDE * self.initializer_range)
        return truncated_normal(self.initializer_range, self.seed, name)

    def call(self, token_ids, segment_ids, block_ids=None):
        sequence_length = token_ids.shape[1]
        if sequence_length is None:
            sequence_length = tf.shape(token_ids)[1]
        elif sequence_length > self.max_sequence_length:
            raise ValueError(
                f"token_ids have {sequence_length} tokens; expected at most "
                f"{self.max_sequence_length}, the rows of the position table. "
                "Raise model.max_sequence_length or shorten the rows."
            )
        x = tf.gather(self.token_embeddings, token_ids)
        x += tf.gather(self.segment_embeddings, segment_ids)
        if block_ids is None:
            x += self.position_embeddings[:sequence_length]
        else:
            x += tf.gather(self.position_embeddings, block_positions(block_ids))
        return self.layer_norm(x)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "max_sequence_length": self.max_sequence_length,
            "num_segments": self.num_segments,
            "initializer_range": self.initializer_range,
            "position_initializer": self.position_initializer,
            "seed": self.seed,
        }


def dense(units: int, stddev: float, seed: int, name: str, activation: Any = None):
    """Dense layer with BERT's initial weights."""
    return Dense(
        units,
        activation=activation,
        kernel_initializer=truncated_normal(stddev, seed, name),
        name=name,
    )


def glorot_dense(units: int, seed: int, name: str):
    """Dense layer with Glorot weights.

    The reference leaves TF1's default on two layers (modeling.py:226,
    run_pretraining.py:193), and so do we.
    """
    return Dense(
        units,
        kernel_initializer=glorot_uniform(seed, name),
        name=name,
    )
