"""Sampling from the generator, and the discriminator's labels.

Reads the generator's logits, feeds the discriminator.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Far below any logit, and finite: -inf times 0 would be NaN.
_NEVER = -1e9
_BLOCK = 128  # Vocabulary entries.
_BELOW_ONE = 1.0 - 2.0**-23


def sample_tokens(
    logits: tf.Tensor,
    noise: tf.Tensor,
    *,
    unsampled_token_ids: Sequence[int] = (),
    temperature: float = 1.0,
    disallowed_ids: tf.Tensor | None = None,
) -> tf.Tensor:
    """Draws one token per slot from softmax(logits / temperature).

    Inverts the cumulative distribution, which takes one random number per
    slot where Gumbel noise takes V.

    Args:
        logits: float32 (B, M, V), nats.
        noise: float32 (B, M), uniform in [0, 1 - 2**-23].
        unsampled_token_ids: Never drawn: special tokens.
        temperature: Above 0, dimensionless. Below 1 is sharper.
        disallowed_ids: int32 (B, M), or None. One id per slot that is not
            drawn there, such as the original one.

    Returns:
        int32 (B, M). No gradient flows back.
    """
    vocabulary_size = logits.shape[-1]
    never = np.zeros([vocabulary_size], np.float32)
    never[list(unsampled_token_ids)] = _NEVER
    logits = tf.stop_gradient(logits) + never
    if disallowed_ids is not None:
        logits += _NEVER * tf.one_hot(disallowed_ids, vocabulary_size)
    probabilities = tf.nn.softmax(
        logits if temperature == 1.0 else logits / temperature
    )
    padding = -vocabulary_size % _BLOCK
    if padding:
        probabilities = tf.pad(probabilities, [[0, 0], [0, 0], [0, padding]])
    blocks = (vocabulary_size + padding) // _BLOCK
    probabilities = tf.reshape(
        probabilities, [*tf.unstack(tf.shape(noise)), blocks, _BLOCK]
    )
    # Summing up all V at once is the slowest step of training on a CPU: first
    # find the block in which the noise falls, then the entry in the block.
    up_to_block = tf.cumsum(tf.reduce_sum(probabilities, axis=-1), axis=-1)
    reached = noise * up_to_block[..., -1]
    block = _first_above(up_to_block, reached)
    before = tf.gather(
        tf.pad(up_to_block, [[0, 0], [0, 0], [1, 0]]), block, batch_dims=2
    )
    in_block = tf.cumsum(tf.gather(probabilities, block, batch_dims=2), axis=-1)
    # Rounding must not carry the rest past the end of its block.
    rest = tf.minimum(reached - before, in_block[..., -1] * _BELOW_ONE)
    return block * _BLOCK + _first_above(in_block, rest)


def _first_above(cumulative: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Index of the first entry that exceeds the value.

    An entry of probability zero repeats its neighbour's sum, so it is never
    the first.
    """
    is_reached = cumulative <= value[..., tf.newaxis]
    return tf.reduce_sum(tf.cast(is_reached, tf.int32), axis=-1)


def corrupt_tokens(
    token_ids: tf.Tensor,
    mask_positions: tf.Tensor,
    mask_weights: tf.Tensor,
    sampled_ids: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Puts the samples in place and labels what changed.

    A sample that equals the original token is labelled original. A position
    that several slots hold gets the rounded-down mean of their samples, which is
    any token whatever: so the reference does, and masks without replacement
    have no such positions.

    Args:
        token_ids: int32 (B, S), original.
        mask_positions: int32 (B, M).
        mask_weights: float32 (B, M). 0.0 for an unused slot, which changes
            nothing.
        sampled_ids: int32 (B, M).

    Returns:
        corrupted_token_ids, is_replaced: int32 (B, S).

    Example: token_ids [[2, 7, 8, 9, 3]], mask_positions [[1, 3, 0]],
        mask_weights [[1, 1, 0]], sampled_ids [[7, 5, 6]] give
        corrupted_token_ids [[2, 7, 8, 5, 3]], is_replaced [[0, 0, 0, 1, 0]].

    Source: Clark et al. 2020, section 2; google-research/electra
        `scatter_update` in `pretrain/pretrain_helpers.py:56-115`.
    """
    rows = tf.broadcast_to(
        tf.range(tf.shape(mask_positions)[0])[:, tf.newaxis], tf.shape(mask_positions)
    )
    place = tf.stack([rows, mask_positions], axis=-1)
    is_used = tf.cast(mask_weights, tf.int32)
    draws = tf.scatter_nd(place, is_used, tf.shape(token_ids))
    sums = tf.scatter_nd(place, sampled_ids * is_used, tf.shape(token_ids))
    corrupted_token_ids = tf.where(draws > 0, sums // tf.maximum(draws, 1), token_ids)
    is_replaced = tf.cast(corrupted_token_ids != token_ids, tf.int32)
    return corrupted_token_ids, is_replaced
