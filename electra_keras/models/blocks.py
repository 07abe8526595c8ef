"""Blocks of dense rows: who attends to whom, and where positions restart.

Reads `block_ids` (`data/features.py`), used by `layers.py` and `encoder.py`.
"""

from __future__ import annotations

import tensorflow as tf


def is_same_block(block_ids: tf.Tensor) -> tf.Tensor:
    """Compares each token's block with every other's: bool (B, S, S)."""
    return block_ids[:, :, tf.newaxis] == block_ids[:, tf.newaxis, :]


def block_positions(block_ids: tf.Tensor) -> tf.Tensor:
    """Counts the tokens from the start of each block.

    Args:
        block_ids: int32 (B, S). 1, 2, ... in ascending order, 0 padding.

    Returns:
        int32 (B, S), 0 in padding.
    """
    number = tf.range(tf.shape(block_ids)[1])
    is_earlier = number[tf.newaxis, :] < number[:, tf.newaxis]
    # A matrix like that of the attention: no scan, which TPUs are slow at.
    is_counted = is_earlier & is_same_block(block_ids)
    return tf.reduce_sum(tf.cast(is_counted, tf.int32), axis=2) * tf.cast(
        block_ids > 0, tf.int32
    )
