"""The layers of both networks: embeddings, dropout, Transformer block.

Reads token ids and hidden states, feeds `encoder.py`. Shapes: B, S, H as in
`data/features.py`; E embedding_dim, A heads, D = H / A. Inside the encoder
hidden states are flat, (B x S, H), so that every dense layer is one plain
matrix product.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.blocks import block_positions
from electra_keras.models.initializers import (
    Sinusoidal,
    glorot_uniform,
    truncated_normal,
)
from electra_keras.models.randomness import keep_mask

LAYER_NORM_EPSILON = 1e-12
_WAVE_AMPLITUDE = 2.5  # Of `initializer_range`: positions must stand out.


def layer_norm(name: str) -> keras.layers.LayerNormalization:
    """LayerNorm in float32; Keras' default epsilon of 1e-3 is a trap."""
    return keras.layers.LayerNormalization(
        epsilon=LAYER_NORM_EPSILON, dtype="float32", name=name
    )


def gelu(x: tf.Tensor) -> tf.Tensor:
    """Exact GELU (erf), as the reference; not the tanh approximation."""
    return keras.activations.gelu(x, approximate=False)


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
        keep = keep_mask(tf.shape(x), self.rate, self.path)
        return tf.where(keep, x * (1.0 / (1.0 - self.rate)), tf.zeros([], x.dtype))

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


class TransformerBlock(keras.layers.Layer):
    """Post-LayerNorm Transformer block, as in BERT.

    Query, key and value are one fused projection, in this order.

    Args:
        hidden_dim: H.
        num_heads: A; divides H.
        intermediate_dim: Width of the feed-forward sublayer.
        dropout_rate: Of both sublayers' outputs.
        attention_dropout_rate: Of the attention probabilities.
        initializer_range: Standard deviation of the initial weights.
        seed: Of the initial weights.

    Call arguments:
        hidden: float (B x S, H).
        attention_bias: float32 (B, 1, 1, S), or (B, 1, S, S) by query. Added
            to the attention scores: 0 for a token, -10,000 for a hidden one.

    Returns: float (B x S, H).

    Source: Vaswani et al. 2017; google-research/electra `modeling.py`.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_heads: int,
        intermediate_dim: int,
        *,
        dropout_rate: float = 0.1,
        attention_dropout_rate: float = 0.1,
        initializer_range: float = 0.02,
        seed: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.arguments = {
            "hidden_dim": hidden_dim,
            "num_heads": num_heads,
            "intermediate_dim": intermediate_dim,
            "dropout_rate": dropout_rate,
            "attention_dropout_rate": attention_dropout_rate,
            "initializer_range": initializer_range,
            "seed": seed,
        }
        self.hidden_dim = hidden_dim
        self.num_heads = num_heads
        stddev = initializer_range
        self.query_key_value = dense(3 * hidden_dim, stddev, seed, "query_key_value")
        self.attention_dropout = Dropout(
            attention_dropout_rate, name="attention_dropout"
        )
        self.attention_output = dense(hidden_dim, stddev, seed, "attention_output")
        self.attention_output_dropout = Dropout(
            dropout_rate, name="attention_output_dropout"
        )
        self.attention_layer_norm = layer_norm("attention_layer_norm")
        self.intermediate = dense(intermediate_dim, stddev, seed, "intermediate", gelu)
        self.output_dense = dense(hidden_dim, stddev, seed, "output")
        self.output_dropout = Dropout(dropout_rate, name="output_dropout")
        self.output_layer_norm = layer_norm("output_layer_norm")

    def build(self, hidden_shape, attention_bias_shape=None):
        flat = (None, self.hidden_dim)
        for layer in (
            self.query_key_value,
            self.attention_output,
            self.attention_layer_norm,
            self.intermediate,
            self.output_layer_norm,
        ):
            layer.build(flat)
        self.output_dense.build((None, self.intermediate.units))

    def call(self, hidden, attention_bias, training=None):
        attended = self._attend(hidden, attention_bias, training)
        attended = self.attention_output(attended)
        attended = self.attention_output_dropout(attended, training=training)
        hidden = self.attention_layer_norm(_add(hidden, attended))
        output = self.output_dense(self.intermediate(hidden))
        output = self.output_dropout(output, training=training)
        return self.output_layer_norm(_add(hidden, output))

    def _attend(self, hidden, attention_bias, training):
        batch, length = tf.shape(attention_bias)[0], tf.shape(attention_bias)[3]
        if attention_bias.shape[3] is not None:
            length = attention_bias.shape[3]
        head_dim = self.hidden_dim // self.num_heads
        projected = tf.reshape(
            self.query_key_value(hidden), [batch, length, 3, self.num_heads, head_dim]
        )
        # (3, B, A, S, D): one transpose serves query, key and value.
        query, key, value = tf.unstack(tf.transpose(projected, [2, 0, 3, 1, 4]))
        scores = tf.matmul(query * head_dim**-0.5, key, transpose_b=True)
        probabilities = tf.nn.softmax(_add(scores, attention_bias))
        probabilities = self.attention_dropout(probabilities, training=training)
        attended = tf.matmul(tf.cast(probabilities, value.dtype), value)
        return tf.reshape(
            tf.transpose(attended, [0, 2, 1, 3]), [batch * length, self.hidden_dim]
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.arguments}


def _add(x, y):
    """Adds in float32, which residuals and scores keep in mixed precision."""
    return tf.cast(x, tf.float32) + tf.cast(y, tf.float32)


def dense(units: int, stddev: float, seed: int, name: str, activation: Any = None):
    """Dense layer with BERT's initial weights."""
    return keras.layers.Dense(
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
    return keras.layers.Dense(
        units,
        kernel_initializer=glorot_uniform(seed, name),
        name=name,
    )
