"""Rows in, serialised examples out, without TensorFlow.

Reads what `packing.py` packed, feeds `records.py`. The bytes are those of
`electra_keras.data.features.encode_example`, which builds each message; here
only the lengths are written anew, in front of slices of one long array.

A `tf.train.Example` of ours is, by field:

    1 Features { 1 entry { 1 name, 2 Feature { 1 BytesList { 1 value } } }, ... }

with 3 Int64List { 1 packed values } for integers, and entries ordered by name.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

import numpy as np

from beam_pipelines.packed_rows import PackedRows

# Tags of protocol buffers: field << 3 | 2, something with a length.
_FIELD_1, _FIELD_2, _FIELD_3 = b"\x0a", b"\x12", b"\x1a"


def encode_rows(
    rows: PackedRows, dtype: str, order: Iterable[int] | None = None
) -> Iterator[bytes]:
    """Serialises rows.

    Args:
        rows: From `pack_documents`.
        dtype: "uint16" or "int32", from `features.token_ids_dtype`.
        order: Numbers of the rows to serialise; None: all, as they are.

    Yields:
        The bytes of one `tf.train.Example` per row.
    """
    ids = rows.token_ids.astype(np.dtype(dtype).newbyteorder("<"))
    data = memoryview(ids.tobytes())
    splits = (rows.row_splits * ids.itemsize).tolist()
    first_tokens = rows.first_segment_tokens.tolist()
    numbers = range(len(rows)) if order is None else order
    if rows.block_tokens is None or rows.block_splits is None:
        for row in numbers:
            start, stop = splits[row], splits[row + 1]
            yield _row_header(stop - start, first_tokens[row]) + data[start:stop]
        return
    blocks = memoryview(rows.block_tokens.astype("<u2").tobytes())
    block_splits = (rows.block_splits * 2).tolist()
    for row in numbers:
        start, stop = splits[row], splits[row + 1]
        first, last = block_splits[row], block_splits[row + 1]
        head, tail = _dense_headers(last - first, stop - start, first_tokens[row])
        yield b"".join((head, blocks[first:last], tail, data[start:stop]))


@functools.lru_cache(2**14)
def _row_header(data_bytes: int, first_segment_tokens: int) -> bytes:
    """All bytes in front of those of the token ids."""
    entries = _row_entries(data_bytes, first_segment_tokens)
    return _FIELD_1 + _varint(len(entries) + data_bytes) + entries


@functools.lru_cache(2**14)
def _dense_headers(
    block_bytes: int, data_bytes: int, first_segment_tokens: int
) -> tuple[bytes, bytes]:
    """All bytes in front of the blocks' lengths, and those up to the token ids."""
    head = _bytes_entry(b"block_tokens", block_bytes)
    tail = _row_entries(data_bytes, first_segment_tokens)
    features_bytes = len(head) + block_bytes + len(tail) + data_bytes
    return _FIELD_1 + _varint(features_bytes) + head, tail


def _row_entries(data_bytes: int, first_segment_tokens: int) -> bytes:
    value = _field(_FIELD_1, _varint(first_segment_tokens))
    name = _field(_FIELD_1, b"first_segment_tokens")
    entry = name + _field(_FIELD_2, _field(_FIELD_3, value))
    return _field(_FIELD_1, entry) + _bytes_entry(b"token_ids", data_bytes)


def _bytes_entry(name: bytes, data_bytes: int) -> bytes:
    """The entry of a bytes feature, up to its data."""
    value = _FIELD_1 + _varint(data_bytes)
    values = _FIELD_1 + _varint(len(value) + data_bytes) + value
    feature = _FIELD_2 + _varint(len(values) + data_bytes) + values
    entry = _field(_FIELD_1, name) + feature
    return _FIELD_1 + _varint(len(entry) + data_bytes) + entry


def _field(tag: bytes, data: bytes) -> bytes:
    return tag + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    """Seven bits a byte, low ones first; the top bit says that more follow."""
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    data.append(number)
    return bytes(data)
