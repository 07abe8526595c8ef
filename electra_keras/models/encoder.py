"""The Transformer encoder that both networks are made of.

Reads embeddings from `layers.Embeddings`, feeds `heads.py`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.blocks import is_same_block
from electra_keras.models.initializers import child_seed
from electra_keras.models.layers import Dropout, glorot_dense
from electra_keras.models.shared_blocks import BlockRunner
from electra_keras.models.transformer_block import TransformerBlock

HIDDEN_BIAS = -10_000.0


class Encoder(keras.layers.Layer):
    """Embedding projection, dropout and the Transformer blocks.

    Args:
        hidden_dim: H.
        num_layers: Blocks.
        num_heads: A; divides H.
        intermediate_dim: Width of the feed-forward sublayers.
        embedding_dim: E; projected to H where they differ.
        dropout_rate: Of embeddings and sublayers' outputs.
        attention_dropout_rate: Of the attention probabilities.
        initializer_range: Standard deviation of the initial weights.
        seed: Of the initial weights.

    Call arguments:
        embeddings: float (B, S, E).
        padding_mask: int32 (B, S). 1 real token, 0 padding. Padding is hidden
            from every token, and itself still attends, as in the reference.
        block_ids: int32 (B, S), or None. Tokens attend within their block only;
            padding is block 0.
        every_layer: Give a list with the hidden states of all layers: what the
            first block is given, then what each block gives.

    Returns: float (B, S, H), the last hidden states.
    """

    def __init__(
        self,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        intermediate_dim: int,
        *,
        embedding_dim: int,
        dropout_rate: float = 0.1,
        attention_dropout_rate: float = 0.1,
        initializer_range: float = 0.02,
        seed: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.arguments = {
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "intermediate_dim": intermediate_dim,
            "embedding_dim": embedding_dim,
            "dropout_rate": dropout_rate,
            "attention_dropout_rate": attention_dropout_rate,
            "initializer_range": initializer_range,
            "seed": seed,
        }
        self.hidden_dim = hidden_dim
        self.embedding_dim = embedding_dim
        self.dropout = Dropout(dropout_rate, name="embeddings_dropout")
        self.projection = None
        if embedding_dim != hidden_dim:
            self.projection = glorot_dense(hidden_dim, seed, "embeddings_project")
        self.blocks = [
            TransformerBlock(
                hidden_dim,
                num_heads,
                intermediate_dim,
                dropout_rate=dropout_rate,
                attention_dropout_rate=attention_dropout_rate,
                initializer_range=initializer_range,
                seed=child_seed(seed, f"block_{index}"),
                name=f"block_{index}",
            )
            for index in range(num_layers)
        ]
        self._run_block = BlockRunner(self.blocks[0])

    def build(self, embeddings_shape, padding_mask_shape=None, block_ids_shape=None):
        if self.projection is not None:
            self.projection.build((None, self.embedding_dim))
        for block in self.blocks:
            block.build((None, self.hidden_dim))

    def call(
        self,
        embeddings,
        padding_mask,
        block_ids=None,
        training=None,
        every_layer=False,
    ):
        shape = tf.shape(embeddings)
        hidden = tf.reshape(embeddings, [-1, self.embedding_dim])
        hidden = self.dropout(hidden, training=training)
        if self.projection is not None:
            hidden = self.projection(hidden)
        attention_bias = self.attention_bias(padding_mask, block_ids)
        layers = [hidden]
        for block in self.blocks:
            hidden = self._run_block(block, hidden, attention_bias, bool(training))
            layers.append(hidden)
        static = [*embeddings.shape[:2], self.hidden_dim]

        def as_rows(hidden):
            hidden = tf.reshape(hidden, [shape[0], shape[1], self.hidden_dim])
            return tf.ensure_shape(hidden, static)

        return [as_rows(layer) for layer in layers] if every_layer else as_rows(hidden)

    def attention_bias(self, padding_mask, block_ids=None):
        """What hides tokens: float32 (B, 1, 1, S), with blocks (B, 1, S, S)."""
        if block_ids is None:
            is_hidden = 1.0 - tf.cast(padding_mask, tf.float32)
            # Not `tf.newaxis`: LiteRT has no slices that add axes.
            bias = tf.expand_dims(is_hidden * HIDDEN_BIAS, axis=1)
            return tf.expand_dims(bias, axis=1)
        is_hidden = 1.0 - tf.cast(is_same_block(block_ids), tf.float32)
        return (is_hidden * HIDDEN_BIAS)[:, tf.newaxis]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.arguments}
