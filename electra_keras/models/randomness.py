"""Stateless noise: every draw is a function of seed, step, layer and replica.

Keras' own generators give every replica the same dropout and are in no
checkpoint; here a key is opened for a step and each layer folds in its path,
so that a resumed run draws what an uninterrupted one would have drawn.

Dropout is drawn by each replica for itself. What decides on the training data,
the generator's samples, is drawn by row of the whole batch, so that the batch
is the same on one replica, on several and in parts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import zlib
from collections.abc import Iterator

import tensorflow as tf

# philox gives the same integers inside and outside XLA; the default does not.
_ALGORITHM = "philox"

_open_noise = threading.local()


@dataclasses.dataclass(frozen=True)
class BatchRows:
    """Which rows of a global batch are at hand.

    Attributes:
        key: int32 (2,). The same for all rows of the batch.
        first_row: integer (). Of those at hand.
        global_rows: Of the batch over all replicas.
    """

    key: tf.Tensor
    first_row: tf.Tensor | int
    global_rows: int


def step_key(seed: int, step: tf.Tensor, *parts: tf.Tensor | int) -> tf.Tensor:
    """Makes the key of one step, or of a part of it: int32 (2,).

    Args:
        seed: Of the run.
        step: integer (). Global optimizer step.
        *parts: integer (). Which part draws, such as a replica.
    """
    key = tf.constant([seed, 0], tf.int32)
    for data in (step, *parts):
        key = fold_in(key, data)
    return key


def fold_in(key: tf.Tensor, data: tf.Tensor | int) -> tf.Tensor:
    """Makes another key of a key and an integer (): int32 (2,)."""
    return tf.random.fold_in(key, tf.cast(data, tf.int32), alg=_ALGORITHM)


@contextlib.contextmanager
def noise_key(key: tf.Tensor, rows: BatchRows | None = None) -> Iterator[None]:
    """Opens a key for every layer that is called inside, in this thread.

    Args:
        key: int32 (2,).
        rows: For `row_uniform`; None: the rows at hand are the batch.
    """
    previous = getattr(_open_noise, "value", None)
    _open_noise.value = (key, rows)
    try:
        yield
    finally:
        _open_noise.value = previous


def open_key(name: str) -> tf.Tensor:
    """Returns the open key: int32 (2,).

    Args:
        name: Of the draw that it is for.

    Raises:
        RuntimeError: No key is open.
    """
    return _opened(name)[0]


def key_for(name: str) -> tf.Tensor:
    """Derives the key of one named draw from the open key: int32 (2,).

    Raises:
        RuntimeError: No key is open.
    """
    return fold_in(open_key(name), draw_id(name))


def draw_id(name: str) -> int:
    """Makes the number by which a named draw is told from others of its key."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def _opened(name: str) -> tuple[tf.Tensor, BatchRows | None]:
    opened = getattr(_open_noise, "value", None)
    if opened is None:
        raise RuntimeError(
            f"{name} needs noise and no key is open; call the model inside "
            "`with noise_key(step_key(seed, step, replica_id)):`, or with "
            "training=False."
        )
    return opened


def row_uniform(rows: tf.Tensor | int, columns: int, name: str) -> tf.Tensor:
    """Draws by row of the global batch: float32 (rows, columns) in [0, 1).

    The numbers of all its rows are drawn, on every replica, and those of the
    rows at hand are taken: only for what is small.

    Args:
        rows: At hand.
        columns: Numbers for each.
        name: Of the draw.

    Raises:
        RuntimeError: No key is open.
    """
    key, place = _opened(name)
    if place is None:
        return _uniform([rows, columns], fold_in(key, draw_id(name)))
    key = fold_in(place.key, draw_id(name))
    drawn = _uniform([place.global_rows, columns], key)
    return tf.slice(drawn, [place.first_row, 0], [rows, columns])


def _uniform(shape: list[tf.Tensor | int], key: tf.Tensor) -> tf.Tensor:
    """Draws float32 in [0, 1), at most 1 - 2**-23.

    From integers, since XLA turns the same bits into other floats.
    """
    bits = tf.random.stateless_uniform(
        shape, key, minval=None, maxval=None, dtype=tf.uint32, alg=_ALGORITHM
    )
    bits = tf.bitwise.right_shift(bits, tf.constant(9, tf.uint32))
    return tf.cast(bits, tf.float32) * 2.0**-23


def keep_mask(shape: tf.Tensor, drop_rate: float, key: tf.Tensor) -> tf.Tensor:
    """Draws what dropout keeps: bool of `shape`, False at rate `drop_rate`.

    Two decisions share one 32-bit number, since drawing them is what dropout
    costs on a CPU; the rate is exact to 1 / 65,536.
    """
    size = tf.reduce_prod(shape)
    bits = tf.random.stateless_uniform(
        [(size + 1) // 2],
        key,
        minval=None,
        maxval=None,
        dtype=tf.uint32,
        alg=_ALGORITHM,
    )
    halves = tf.reshape(tf.bitcast(bits, tf.uint16), [-1])[:size]
    threshold = tf.constant(min(round(drop_rate * 65536), 65535), tf.uint16)
    return tf.reshape(halves >= threshold, shape)
