"""Small heads that tasks put onto the encoder.

Feeds the kinds of `tasks/`; dropout and one projection, as in the reference.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.initializers import child_seed
from electra_keras.models.layers import Dropout, glorot_dense


class TaskHead(keras.layers.Layer):
    """Dropout and a projection of the hidden states.

    Args:
        outputs: N, numbers of each projection.
        pooling: What stands for the row: "cls", the state of [CLS], or "mean",
            that of all real tokens. "none": every token has numbers of its own.
        dropout_rate: Of what is projected.
        seed: Of the initial weights.

    Call arguments:
        hidden_states: float (B, S, H), the last ones.
        padding_mask: int32 (B, S).
        segment_ids: int32 (B, S), for other heads.

    Returns: `logits`: float32 (B, N), or (B, S, N) of tokens.

    Source: google-research/electra `finetune/classification/
        classification_tasks.py` and `finetune/tagging/tagging_tasks.py`: no
        hidden layer (Transformers has one), and Glorot weights.
    """

    def __init__(
        self,
        outputs: int,
        *,
        pooling: str = "cls",
        dropout_rate: float = 0.1,
        seed: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pooling = pooling
        self.dropout = Dropout(dropout_rate, name="dropout")
        seed = child_seed(seed, "task_head")
        self.projection = glorot_dense(outputs, seed, "projection")

    def build(
        self, hidden_states_shape, padding_mask_shape=None, segment_ids_shape=None
    ):
        self.projection.build((None, hidden_states_shape[-1]))

    def call(self, hidden_states, padding_mask=None, segment_ids=None, training=None):
        states = self._pool(hidden_states, padding_mask)
        states = self.dropout(states, training=training)
        # Dense layers of ours take flat rows.
        flat = tf.reshape(states, [-1, states.shape[-1]])
        logits = tf.cast(self.projection(flat), tf.float32)
        shape = [*tf.unstack(tf.shape(states)[:-1]), logits.shape[-1]]
        return {"logits": tf.reshape(logits, shape)}

    def _pool(self, hidden_states, padding_mask):
        if self.pooling == "none":
            return hidden_states
        if self.pooling == "cls":
            return hidden_states[:, 0]
        weights = tf.cast(padding_mask, hidden_states.dtype)[..., tf.newaxis]
        total = tf.reduce_sum(hidden_states * weights, axis=1)
        return total / tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)
