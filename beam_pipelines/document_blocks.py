"""Clean documents as columns: what travels from the readers to a shard.

Written by `documents.py`, shuffled by Beam or through files, read by
`shards.py`. Columns, since a Python object per one-line document would cost
more than all the rest.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Sequence

import numpy as np
import zstandard

HASH_BYTES = 16
_OFFSET_BITS = 40  # A file of up to a terabyte; 2**24 files.
_HEADER = struct.Struct("<QQ")


@dataclasses.dataclass(frozen=True)
class DocumentBlock:
    """Some documents, in columns of N.

    Attributes:
        hashes: uint64 (N, 2), little-endian halves of the 16 bytes of blake2b.
        source_indices: uint32 (N,). Index of the file.
        offsets: uint64 (N,). Byte of the file, or row.
        lengths: uint32 (N,). UTF-8 bytes.
        text: All texts, one after the other.
    """

    hashes: np.ndarray
    source_indices: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    text: bytes

    @classmethod
    def make(
        cls,
        hashes: np.ndarray,
        source_indices: np.ndarray,
        offsets: np.ndarray,
        texts: Sequence[bytes],
    ) -> DocumentBlock:
        """Makes a block of columns and a list of texts."""
        lengths = np.fromiter(map(len, texts), np.uint32, len(texts))
        return cls(hashes, source_indices, offsets, lengths, b"".join(texts))

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def ids(self) -> np.ndarray:
        """uint64 (N,): file and offset in one; smaller is earlier."""
        return pack_ids(self.source_indices, self.offsets)

    def texts(self) -> list[bytes]:
        """Returns the texts, in order."""
        stops = np.cumsum(self.lengths, dtype=np.int64)
        starts = (stops - self.lengths).tolist()
        text = self.text
        return [text[a:b] for a, b in zip(starts, stops.tolist(), strict=True)]

    def to_bytes(self) -> bytes:
        """Packs and compresses the block."""
        columns = (
            np.ascontiguousarray(self.hashes, "<u8"),
            np.ascontiguousarray(self.source_indices, "<u4"),
            np.ascontiguousarray(self.offsets, "<u8"),
            np.ascontiguousarray(self.lengths, "<u4"),
        )
        header = _HEADER.pack(len(self), len(self.text))
        data = b"".join((header, *(column.tobytes() for column in columns), self.text))
        return zstandard.ZstdCompressor(level=1).compress(data)

    @classmethod
    def from_bytes(cls, data: bytes) -> DocumentBlock:
        """Reads what `to_bytes` made."""
        data = zstandard.ZstdDecompressor().decompress(data)
        count, text_bytes = _HEADER.unpack_from(data)
        at = _HEADER.size
        columns = []
        for dtype, width in (("<u8", 2), ("<u4", 1), ("<u8", 1), ("<u4", 1)):
            column = np.frombuffer(data, dtype, count * width, at)
            at += column.nbytes
            columns.append(column.astype(column.dtype.newbyteorder("=")))
        hashes, source_indices, offsets, lengths = columns
        text = data[at : at + text_bytes]
        return cls(hashes.reshape(count, 2), source_indices, offsets, lengths, text)


def concatenate(blocks: Sequence[DocumentBlock]) -> DocumentBlock:
    """Joins blocks, at least one."""

    def column(name: str) -> np.ndarray:
        return np.concatenate([getattr(block, name) for block in blocks])

    return DocumentBlock(
        column("hashes"),
        column("source_indices"),
        column("offsets"),
        column("lengths"),
        b"".join(block.text for block in blocks),
    )


def hashes_to_columns(digests: Sequence[bytes]) -> np.ndarray:
    """Digests of 16 bytes to uint64 (N, 2), little-endian halves."""
    return np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2).astype(np.uint64)


def columns_to_hashes(columns: np.ndarray) -> list[bytes]:
    """Undoes `hashes_to_columns`."""
    data = np.ascontiguousarray(columns, "<u8").tobytes()
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def pack_ids(source_indices: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """File and offset to one uint64 that sorts by file, then offset."""
    return (
        source_indices.astype(np.uint64) << np.uint64(_OFFSET_BITS)
    ) | offsets.astype(np.uint64)


def unpack_id(packed: int) -> tuple[int, int]:
    """One packed id to file index and offset."""
    return packed >> _OFFSET_BITS, packed & ((1 << _OFFSET_BITS) - 1)
