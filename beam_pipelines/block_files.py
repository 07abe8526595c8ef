"""Packed blocks of all shards in, one file; out of it those of one shard.

Written while a range is read (`reading.py`), read once a shard (`shards.py`).
The index lies in the file: in rows and units it would have the driver hold
ranges times shards entries. A file holds E blocks of S shards:

    blocks | uint64 bounds (S + 1,) | entries (E,), by shard

Entries bounds[s] to bounds[s + 1] are those of shard s; so its blocks are found
with two small reads, and neither the rest of the index nor a cache is needed.
"""

from __future__ import annotations

import dataclasses
import struct
from array import array
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import google_crc32c
import numpy as np

from beam_pipelines import storage
from electra_keras.errors import ElectraError

_BOUND = struct.Struct("<Q")
_ENTRY = struct.Struct("<QII")  # Start, length, checksum.


@dataclasses.dataclass(frozen=True)
class BlockFile:
    """Where the blocks of a range lie; as large for any number of shards.

    Attributes:
        path: Below the folder of the outputs.
        shards: S.
        blocks: E.
        index_start: Byte after the blocks.
    """

    path: str
    shards: int
    blocks: int
    index_start: int

    def read(self, folder: str, shard: int) -> Iterator[bytes]:
        """Reads the blocks of a shard, in the order they were written in.

        Args:
            folder: Where the outputs are made.
            shard: Its index.

        Raises:
            ElectraError: The file is damaged.
            OSError: It cannot be read.
        """
        _check_shard(shard, self.shards, self.path)
        with storage.open_file(storage.join(folder, self.path)) as file:
            for start, length, crc in self._entries(file, shard):
                if start + length > self.index_start:
                    raise self._damaged(self.index_start)
                data = self._read(file, start, length)
                if _checksum(shard, data) != crc:
                    raise self._damaged(start)
                yield data

    def _entries(self, file: BinaryIO, shard: int) -> Iterator[tuple[int, int, int]]:
        bounds_start = self.index_start + _BOUND.size * shard
        bounds = self._read(file, bounds_start, 2 * _BOUND.size)
        (first,), (stop,) = _BOUND.iter_unpack(bounds)
        if not first <= stop <= self.blocks:
            raise self._damaged(bounds_start)
        entries_start = self.index_start + _BOUND.size * (self.shards + 1)
        data = self._read(
            file, entries_start + _ENTRY.size * first, _ENTRY.size * (stop - first)
        )
        return _ENTRY.iter_unpack(data)

    def _read(self, file: BinaryIO, start: int, length: int) -> bytes:
        file.seek(start)
        data = file.read(length)
        if len(data) != length:
            raise self._damaged(start)
        return data

    def _damaged(self, at: int) -> ElectraError:
        return ElectraError(
            f"{self.path} is damaged at byte {at}",
            expected="what was written there when the input was read",
            fix="Check the disk.",
        )


def write_blocks(
    folder: str, name: str, blocks: Iterable[tuple[int, bytes]], shards: int
) -> tuple[BlockFile, tuple[int, str]]:
    """Writes a file of blocks.

    Args:
        folder: Where the outputs are made.
        name: Of the file, below the folder.
        blocks: Shard index and packed block, in any order.
        shards: S.

    Returns:
        The file; its size in bytes and sha256.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    layout = _Layout(name, shards)
    written = storage.write_file(storage.join(folder, name), layout.content(blocks))
    return BlockFile(name, shards, len(layout.places), layout.index_start), written


class _Layout:
    """Blocks one after the other, then the index, which is kept small meanwhile.

    Attributes:
        places: Shard of each block.
        index_start: Byte after the blocks.
    """

    def __init__(self, name: str, shards: int) -> None:
        self._name = name
        self._shards = shards
        self._entries = bytearray()
        self.places = array("q")
        self.index_start = 0

    def content(self, blocks: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
        for shard, data in blocks:
            _check_shard(shard, self._shards, self._name)
            crc = _checksum(shard, data)
            self.places.append(shard)
            self._entries += _ENTRY.pack(self.index_start, len(data), crc)
            self.index_start += len(data)
            yield data
        places = np.array(self.places, np.int64)
        counts = np.bincount(places, minlength=self._shards)
        yield np.concatenate([[0], np.cumsum(counts)]).astype("<u8").tobytes()
        entries = np.frombuffer(self._entries, f"V{_ENTRY.size}")
        yield entries[np.argsort(places, kind="stable")].tobytes()


def _checksum(shard: int, data: bytes) -> int:
    """crc32c from the shard on: with a wrong bound a neighbour's block is damage."""
    return google_crc32c.extend(shard, data)


def _check_shard(shard: int, shards: int, path: str) -> None:
    if not 0 <= shard < shards:
        raise ElectraError(
            f"shard {shard} in {path}",
            expected=f"a number from 0 to {shards - 1}",
            fix="This is a bug; please report it.",
        )
