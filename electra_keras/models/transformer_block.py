"""The Transformer block, of which the encoder has several.

Reads hidden states and the attention bias, feeds `encoder.py`. Shapes: B, S, H as
in `data/features.py`; A heads, D = H / A. Hidden states are flat, (B x S, H), so
that every dense layer is one plain matrix product.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.exact_gradients import drop, gelu, transpose
from electra_keras.models.layers import dense, layer_norm
from electra_keras.models.randomness import draw_id, fold_in, keep_mask, open_key

# What dropouts keep, by their names: bool, the shape of what they drop from.
Kept = dict[str, tf.Tensor]


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
        kept: From `draw_kept`. None: drawn here, in training.

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
        # Of its inputs only the products are cast, by their own layers: the residual
        # stays float32 in mixed precision.
        super().__init__(autocast=False, **kwargs)
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
        self.attention_output = dense(hidden_dim, stddev, seed, "attention_output")
        self.attention_layer_norm = layer_norm("attention_layer_norm")
        self.intermediate = dense(intermediate_dim, stddev, seed, "intermediate", gelu)
        self.output_dense = dense(hidden_dim, stddev, seed, "output")
        self.rates = {
            "attention_dropout": attention_dropout_rate,
            "attention_output_dropout": dropout_rate,
            "output_dropout": dropout_rate,
        }
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

    @property
    def draw_ids(self) -> list[int]:
        """The number of each dropout's draw; none where nothing is dropped."""
        names = (name for name, rate in self.rates.items() if rate > 0.0)
        return [draw_id(f"{self.path}/{name}") for name in names]

    def draw_kept(
        self, attention_bias: tf.Tensor, key: tf.Tensor, draw_ids: tf.Tensor | list[int]
    ) -> Kept:
        """Draws what each dropout keeps: bool, by the dropout's name.

        Drawn apart from the rest, since XLA is slow at it on a CPU.

        Args:
            attention_bias: For B and S.
            key: int32 (2,). The open one.
            draw_ids: int32 (dropouts,). Of this block, or of one like it.
        """
        batch, length = _row_sizes(attention_bias)
        hidden = [batch * length, self.hidden_dim]
        shapes = {"attention_dropout": [batch, self.num_heads, length, length]}
        rates = {name: rate for name, rate in self.rates.items() if rate > 0.0}
        return {
            name: keep_mask(shapes.get(name, hidden), rate, fold_in(key, draw_ids[i]))
            for i, (name, rate) in enumerate(rates.items())
        }

    def call(self, hidden, attention_bias, kept=None, training=None):
        if kept is None:
            kept = {}
            if training and self.draw_ids:
                key = open_key(self.path)
                kept = self.draw_kept(attention_bias, key, self.draw_ids)
        attended = self.attention_output(self._attend(hidden, attention_bias, kept))
        attended = self._drop("attention_output_dropout", attended, kept)
        hidden = self.attention_layer_norm(_add(hidden, attended))
        output = self.output_dense(self.intermediate(hidden))
        output = self._drop("output_dropout", output, kept)
        return self.output_layer_norm(_add(hidden, output))

    def _attend(self, hidden, attention_bias, kept):
        batch, length = _row_sizes(attention_bias)
        head_dim = self.hidden_dim // self.num_heads
        projected = tf.reshape(
            self.query_key_value(hidden), [batch, length, 3, self.num_heads, head_dim]
        )
        # (3, B, A, S, D): one transpose serves query, key and value.
        query, key, value = tf.unstack(transpose(projected, [2, 0, 3, 1, 4]))
        scores = tf.matmul(query * head_dim**-0.5, key, transpose_b=True)
        probabilities = tf.nn.softmax(_add(scores, attention_bias))
        probabilities = self._drop("attention_dropout", probabilities, kept)
        attended = tf.matmul(tf.cast(probabilities, value.dtype), value)
        return tf.reshape(
            transpose(attended, [0, 2, 1, 3]), [batch * length, self.hidden_dim]
        )

    def _drop(self, name: str, x: tf.Tensor, kept: Kept) -> tf.Tensor:
        return drop(x, kept[name], self.rates[name]) if name in kept else x

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.arguments}


def _row_sizes(attention_bias: tf.Tensor) -> tuple[tf.Tensor | int, tf.Tensor | int]:
    """B and S, static where they are known."""
    batch, _, _, length = attention_bias.shape
    shape = tf.shape(attention_bias)
    return (
        shape[0] if batch is None else batch,
        shape[3] if length is None else length,
    )


def _add(x, y):
    """Adds in float32, which residuals and scores keep in mixed precision."""
    return tf.cast(x, tf.float32) + tf.cast(y, tf.float32)
