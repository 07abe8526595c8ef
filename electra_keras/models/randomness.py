"""Stateless noise: every draw is a function of seed, step, layer and replica.

Keras' own generators give every replica the same dropout and are in no
checkpoint; here a key is opened for a step and each layer folds in its path,
so that a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Iterator

import tensorflow as tf

# philox gives the same integers inside and outside XLA; the default does not.
_ALGORITHM = "philox"

_open_keys = threading.local()


def step_key(seed: int, step: tf.Tensor, replica_id: tf.Tensor | int) -> tf.Tensor:
    """Makes the key of one step on one replica: int32 (2,).

    Args:
        seed: Of the run.
        step: integer (). Global optimizer step.
        replica_id: integer (). Which replica draws.
    """
    key = tf.constant([seed, 0], tf.int32)
    for data in (step, replica_id):
        key = tf.random.fold_in(key, tf.cast(data, tf.int32), alg=_ALGORITHM)
    return key


@contextlib.contextmanager
def noise_key(key: tf.Tensor) -> Iterator[None]:
    """Opens a key for every layer that is called inside, in this thread."""
    previous = getattr(_open_keys, "key", None)
    _open_keys.key = key
    try:
        yield
    finally:
        _open_keys.key = previous


def key_for(name: str) -> tf.Tensor:
    """Derives the key of one named draw from the open key: int32 (2,).

    Raises:
        RuntimeError: No key is open.
    """
    key = getattr(_open_keys, "key", None)
    if key is None:
        raise RuntimeError(
            f"{name} needs noise and no key is open; call the model inside "
            "`with noise_key(step_key(seed, step, replica_id)):`, or with "
            "training=False."
        )
    data = zlib.crc32(name.encode()) & 0x7FFFFFFF
    return tf.random.fold_in(key, tf.constant(data, tf.int32), alg=_ALGORITHM)


def uniform(shape: tf.Tensor | list[int], name: str) -> tf.Tensor:
    """Draws float32 in [0, 1), at most 1 - 2**-23.

    From integers, since XLA turns the same bits into other floats.
    """
    bits = tf.random.stateless_uniform(
        shape,
        key_for(name),
        minval=None,
        maxval=None,
        dtype=tf.uint32,
        alg=_ALGORITHM,
    )
    bits = tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32))
    return tf.cast(bits, tf.float32) * 2.0**-23


def keep_mask(shape: tf.Tensor, drop_rate: float, name: str) -> tf.Tensor:
    """Draws what dropout keeps: bool of `shape`, False at rate `drop_rate`.

    Two decisions share one 32-bit number, since drawing them is what dropout
    costs on a CPU; the rate is exact to 1 / 65,536.
    """
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(size + 1) // 2],
        key_for(name),
        minval=None,
        maxval=None,
        dtype=tf.uint32,
        alg=_ALGORITHM,
    )
    halves = tf.reshape(tf.bitcast(bits, tf.uint16), [-1])[:size]
    threshold = tf.constant(min(round(drop_rate * 65536), 65535), tf.uint16)
    return tf.reshape(halves >= threshold, shape)
