"""Shards to records, and what is done about a shard that cannot be read.

Used by `dataset.py`; `find_damage` by `training/run.py`, to name what TensorFlow's
error does not.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import tensorflow as tf

from electra_keras.data.features import encode_example
from electra_keras.data.info import DatasetInfo
from electra_keras.errors import ElectraError

_OFFSET = re.compile(r"record at (\d+)")


def read_shards(
    files: tf.Tensor, sizes: tf.Tensor, info: DatasetInfo, *, skip_corrupt: bool
) -> tf.data.Dataset:
    """Reads records, file after file.

    Args:
        files: string (F,).
        sizes: int64 (F,). Examples that each file is said to hold.
        info: Of the data folder.
        skip_corrupt: Each file gives as many records as it is said to hold: what
            cannot be read in it is an example without tokens, so that the others
            keep their places. Else TensorFlow's error is raised on the way.

    Returns:
        Dataset of string ().
    """
    if not skip_corrupt:
        return tf.data.TFRecordDataset(files, compression_type=info.compression)
    blocks: list[int] | None = [] if info.packing == "dense" else None
    blank = encode_example(np.array([]), 0, info.token_ids_dtype, blocks)
    blanks = tf.data.Dataset.from_tensors(tf.constant(blank)).repeat()

    def read(file: tf.Tensor, size: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(file, compression_type=info.compression)
        return records.ignore_errors().concatenate(blanks).take(size)

    return tf.data.Dataset.from_tensor_slices((files, sizes)).flat_map(read)


def find_damage(folder: str | Path, info: DatasetInfo) -> ElectraError | None:
    """Reads all shards and describes the first one that is damaged.

    Returns:
        The error to raise, or None where all of them can be read.
    """
    for shard in (shard for split in info.splits.values() for shard in split):
        path = Path(folder) / shard.file
        records, place = _count_readable(str(path), info.compression)
        if place is None and records == shard.examples:
            continue
        return ElectraError(
            f"{path} cannot be read{place or ''}: {records:,} of its "
            f"{shard.examples:,} examples are whole",
            expected="the shard as it was written",
            fix="Copy it again or preprocess again; --skip_corrupt trains on without "
            "the examples that cannot be read.",
        )
    return None


def _count_readable(path: str, compression: str) -> tuple[int, str | None]:
    """Counts records, and says where reading failed; None: it did not."""
    records = 0
    try:
        for _ in tf.data.TFRecordDataset(path, compression_type=compression):
            records += 1
    except tf.errors.OpError as error:
        found = _OFFSET.search(str(error))
        return records, f" at byte {found[1]} of what it unpacks to" if found else ""
    return records, None
