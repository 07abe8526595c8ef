"""Rows of one tensor out of TensorFlow's checkpoint files, and no other.

Used by `checkpoints.py`, and by `interchange/exported_weights.py` for the files of
a SavedModel, which are of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def read_tensor_rows(
    prefix: str,
    tensor: str,
    shape: Sequence[int],
    rows: slice = slice(None),
    *,
    dtype: tf.DType | str = "float32",
) -> tf.Tensor:
    """Reads rows of a tensor; the rest of it stays on disk.

    Args:
        prefix: Path of the files without ".index".
        tensor: Its name there.
        shape: Of the whole tensor, one axis at least.
        rows: start:stop along the first axis; slice(None) for all.
        dtype: In which it is stored.

    Raises:
        tf.errors.OpError: It is missing, or has another shape or type.
    """
    first, stop, _ = rows.indices(shape[0])
    spec = " ".join(map(str, shape)) + f" {first},{stop - first}"
    (found,) = tf.raw_ops.RestoreV2(
        prefix=prefix,
        tensor_names=[tensor],
        shape_and_slices=[spec + ":-" * (len(shape) - 1)],
        dtypes=[dtype],
    )
    return found
