"""Losses per token in, this replica's share of a batch's mean out.

Used by the objectives. A sum is divided by the count of the whole batch, on all
replicas; the shares then sum up to what one device would have computed.
"""

from __future__ import annotations

import tensorflow as tf


def share_of_mean(losses: tf.Tensor, weights: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Sums weighted losses over a global count: float32 (); 0 for a count of 0.

    Args:
        losses: float32, any shape.
        weights: Number, same shape.
        count: float32 (). Sum of the weights over all replicas.
    """
    weights = tf.cast(weights, tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(losses * weights), count)


def token_losses(logits: tf.Tensor, token_ids: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of each token, nats: float32, the shape of `token_ids`."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=token_ids, logits=logits
    )


def replaced_losses(logits: tf.Tensor, is_replaced: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of original or replaced, nats: float32, the logits' shape."""
    return tf.nn.sigmoid_cross_entropy_with_logits(
        labels=tf.cast(is_replaced, tf.float32), logits=logits
    )
