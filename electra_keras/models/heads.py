"""The two heads: masked LM over the vocabulary, replaced-token detection.

Reads hidden states from `encoder.py`, feeds `networks.py`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.layers import (
    Embeddings,
    dense,
    gelu,
    glorot_dense,
    layer_norm,
)


class MaskedLMHead(keras.layers.Layer):
    """Vocabulary logits at the masked positions, tied to the embeddings.

    Positions are gathered before the vocabulary projection, which would
    otherwise cost S / M times as much.

    Args:
        embeddings: Their token table is the projection's weight.
        initializer_range: Standard deviation of the initial weights.
        seed: Of the initial weights.

    Call arguments:
        hidden_states: float (B, S, H).
        mask_positions: int32 (B, M).

    Returns: float32 (B, M, V), logits in nats.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        *,
        initializer_range: float = 0.02,
        seed: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.embeddings = embeddings
        self.transform = dense(
            embeddings.embedding_dim, initializer_range, seed, "transform", gelu
        )
        self.layer_norm = layer_norm("layer_norm")

    def build(self, hidden_states_shape, mask_positions_shape=None):
        self.hidden_dim = hidden_states_shape[-1]
        self.transform.build((None, self.hidden_dim))
        self.layer_norm.build((None, self.embeddings.embedding_dim))
        self.output_bias = self.add_weight(
            name="output_bias",
            shape=(self.embeddings.vocabulary_size,),
            initializer="zeros",
        )

    def call(self, hidden_states, mask_positions):
        gathered = tf.gather(hidden_states, mask_positions, batch_dims=1)
        gathered = tf.reshape(gathered, [-1, self.hidden_dim])
        gathered = self.layer_norm(self.transform(gathered))
        table = tf.convert_to_tensor(self.embeddings.token_embeddings)
        logits = tf.matmul(
            tf.cast(gathered, self.compute_dtype),
            tf.cast(table, self.compute_dtype),
            transpose_b=True,
        )
        logits = tf.cast(logits, tf.float32) + tf.cast(self.output_bias, tf.float32)
        shape = tf.shape(mask_positions)
        logits = tf.reshape(
            logits, [shape[0], shape[1], self.embeddings.vocabulary_size]
        )
        static = [*mask_positions.shape, self.embeddings.vocabulary_size]
        return tf.ensure_shape(logits, static)


class ReplacedTokenHead(keras.layers.Layer):
    """One logit per token: above 0 says it was replaced.

    Args:
        hidden_dim: H.
        initializer_range: Standard deviation of the initial weights.
        seed: Of the initial weights.

    Call arguments:
        hidden_states: float (B, S, H).

    Returns: float32 (B, S).

    Source: google-research/electra `run_pretraining.py:187-193`; its last
        layer keeps TF1's default Glorot weights, and so does ours.
    """

    def __init__(
        self,
        hidden_dim: int,
        *,
        initializer_range: float = 0.02,
        seed: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.hidden_dim = hidden_dim
        self.initializer_range = initializer_range
        self.seed = seed
        self.transform = dense(hidden_dim, initializer_range, seed, "transform", gelu)
        self.prediction = glorot_dense(1, seed, "prediction")

    def build(self, hidden_states_shape):
        self.transform.build((None, self.hidden_dim))
        self.prediction.build((None, self.hidden_dim))

    def call(self, hidden_states):
        flat = tf.reshape(hidden_states, [-1, self.hidden_dim])
        logits = tf.cast(self.prediction(self.transform(flat)), tf.float32)
        logits = tf.reshape(logits, tf.shape(hidden_states)[:2])
        return tf.ensure_shape(logits, hidden_states.shape[:2])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "initializer_range": self.initializer_range,
            "seed": self.seed,
        }
