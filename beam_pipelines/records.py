"""Serialised examples in, the bytes of a TFRecord file out: our own framing.

Feeds `shards.py`. Beam's TFRecord sink numbers its shards at random and does
not give the same bytes twice, so the twelve bytes of framing are written here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

import google_crc32c

COMPRESSIONS = {"gzip": "GZIP", "none": ""}  # Ours: as TensorFlow names it.
_GZIP_LEVEL = 1
# zlib's number for a gzip header, with no name and no time, and for a window of
# 8 KiB: 1.2 times as fast as with the usual one, and 1.5% larger.
_GZIP_FORMAT = 16 + 13
_BLOCK_BYTES = 2**20


def frame_record(data: bytes) -> bytes:
    """Returns length, checksum of it, the data, checksum of them."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked_crc32c(length), data, _masked_crc32c(data)))


def _masked_crc32c(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    rotated = (crc >> 15) | (crc << 17)
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)


def record_blocks(records: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """Makes the content of a TFRecord file.

    Args:
        records: Serialised examples.
        compression: "gzip" or "none".

    Yields:
        Blocks of about a megabyte; the same records give the same bytes.
    """
    blocks = _blocks(map(frame_record, records))
    return gzip_blocks(blocks) if compression == "gzip" else blocks


def make_compressor() -> zlib._Compress:
    """Makes what `gzip_blocks` compresses with."""
    return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)


def gzip_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Compresses blocks; nothing of time or place goes into the result."""
    compressor = make_compressor()
    for block in blocks:
        yield compressor.compress(block)
    yield compressor.flush()


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    block: list[bytes] = []
    size_bytes = 0
    for piece in pieces:
        block.append(piece)
        size_bytes += len(piece)
        if size_bytes >= _BLOCK_BYTES:
            yield b"".join(block)
            block, size_bytes = [], 0
    yield b"".join(block)
