"""The heads: masked LM over the vocabulary, replaced-token detection, copying.

Reads hidden states from `encoder.py`, feeds `networks.py`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.chunked_softmax import token_log_probabilities
from electra_keras.models.exact_gradients import gelu
from electra_keras.models.layers import (
    Embeddings,
    dense,
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
        states, table, bias = self._projection(gathered)
        logits = tf.cast(tf.matmul(states, table, transpose_b=True), tf.float32) + bias
        shape = tf.shape(mask_positions)
        logits = tf.reshape(
            logits, [shape[0], shape[1], self.embeddings.vocabulary_size]
        )
        static = [*mask_positions.shape, self.embeddings.vocabulary_size]
        return tf.ensure_shape(logits, static)

    def log_probabilities(
        self, hidden_states: tf.Tensor, token_ids: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Asks every position for some tokens and for its best guess.

        Unlike logits of all positions, (B, S, V), this fits in memory. For a
        head that is built.

        Args:
            hidden_states: float (B, S, H).
            token_ids: int32 (B, S, K). What is asked for, per position.

        Returns:
            log_probabilities float32 (B, S, K), nats; best_ids int32 (B, S);
            best_log_probabilities float32 (B, S), without a gradient.
        """
        shape, asked = tf.shape(hidden_states), token_ids.shape[2]
        states, table, bias = self._projection(hidden_states)
        log_probabilities, best_ids, best = token_log_probabilities(
            states, table, bias, tf.reshape(token_ids, [-1, asked])
        )
        return (
            tf.reshape(log_probabilities, [shape[0], shape[1], asked]),
            tf.reshape(best_ids, shape[:2]),
            tf.reshape(best, shape[:2]),
        )

    def _projection(self, hidden_states):
        """The factors of the logits: (N, E), (V, E), and their bias (V,)."""
        flat = tf.reshape(hidden_states, [-1, self.hidden_dim])
        states = self.layer_norm(self.transform(flat))
        table = tf.convert_to_tensor(self.embeddings.token_embeddings)
        return (
            tf.cast(states, self.compute_dtype),
            tf.cast(table, self.compute_dtype),
            tf.cast(self.output_bias, tf.float32),
        )


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


class CopyHead(ReplacedTokenHead):
    """One logit per token: above 0 says it is the original, to be copied.

    Source: Clark et al. 2020, section 3.5: "a copy probability D for each token
        using a sigmoid layer". How deep it is, is not said; ours has the layers
        of the discriminator, whose place it takes.
    """
