"""Serialised examples in, TFRecord files out: our own framing.

Feeds `shards.py`. Beam's TFRecord sink numbers its shards at random and does
not give the same bytes twice, so the twelve bytes of framing are written here.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

COMPRESSIONS = {"gzip": "GZIP", "none": ""}  # Ours: as TensorFlow names it.
_GZIP_LEVEL = 1
_BLOCK_BYTES = 2**20


def frame_record(data: bytes) -> bytes:
    """Returns length, checksum of it, the data, checksum of them."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked_crc32c(length), data, _masked_crc32c(data)))


def _masked_crc32c(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    rotated = (crc >> 15) | (crc << 17)
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)


def write_records(
    path: Path, records: Iterable[bytes], *, compression: str
) -> tuple[int, str]:
    """Writes a TFRecord file under a temporary name, then renames it.

    Args:
        path: The final name.
        records: Serialised examples.
        compression: "gzip" or "none".

    Returns:
        Size in bytes and sha256 of the file.

    Raises:
        OSError: The file cannot be written; nothing is left of it.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file, _compressed(file, compression) as stream:
            for block in _blocks(records):
                stream.write(block)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        size_bytes = partial.stat().st_size
        partial.rename(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return size_bytes, digest


@contextlib.contextmanager
def _compressed(file: BinaryIO, compression: str) -> Iterator[BinaryIO]:
    if compression == "none":
        yield file
        return
    # No name and no time in the header: the same records give the same bytes.
    with gzip.GzipFile(
        filename="", mode="wb", fileobj=file, compresslevel=_GZIP_LEVEL, mtime=0
    ) as stream:
        yield stream  # type: ignore[misc]


def _blocks(records: Iterable[bytes]) -> Iterator[bytes]:
    block: list[bytes] = []
    size_bytes = 0
    for record in records:
        framed = frame_record(record)
        block.append(framed)
        size_bytes += len(framed)
        if size_bytes >= _BLOCK_BYTES:
            yield b"".join(block)
            block, size_bytes = [], 0
    yield b"".join(block)
