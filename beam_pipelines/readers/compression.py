"""Compressed bytes in, blocks of plain bytes out.

Told by content, whatever the name. Used by `sources.py` and by every reader of
lines. A stream that ends early or is damaged is an error, never a short read;
several members in one file (gzip, zstd, bzip2, xz) are read as one.
"""

from __future__ import annotations

import bz2
import functools
import lzma
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

import zstandard

from electra_keras.errors import ElectraError

MAGIC_BYTES = 10  # That `sniff_compression` looks at.
BLOCK_BYTES = 2**18
_INPUT_BYTES = 2**16
# zstd has no limit on its output, and 4 KiB can hold 128 MiB of it.
_ZSTD_INPUT_BYTES = 2**12
_MAGIC = (
    ("gzip", re.compile(rb"\x1f\x8b")),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd")),
    # A text may begin with "BZh" too; what follows is the head of a block or,
    # in an empty stream, the end.
    ("bzip2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)")),
    ("xz", re.compile(rb"\xfd7zXZ\x00")),
)


class _Decompressor(Protocol):
    """Of one member; what `bz2` and `lzma` offer."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _GzipDecompressor:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        text = self._member.decompress(self._member.unconsumed_tail + data, max_length)
        # A full output may be followed by more, even without further input.
        self.needs_input = not self._member.unconsumed_tail and len(text) < max_length
        return text


class _ZstdDecompressor:
    def __init__(self) -> None:
        # As "zstd --long=31" writes; the frame says how much it takes.
        unlimited = zstandard.ZstdDecompressor(max_window_size=2**31)
        self._frame = unlimited.decompressobj()
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        return not self._rest

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._rest

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        data = self._rest + data
        self._rest = data[_ZSTD_INPUT_BYTES:]
        return self._frame.decompress(data[:_ZSTD_INPUT_BYTES])


def _make_decompressor(compression: str) -> _Decompressor:
    if compression == "gzip":
        return _GzipDecompressor()
    if compression == "zstd":
        return _ZstdDecompressor()
    if compression == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ)


def sniff_compression(head: bytes) -> str:
    """Tells the compression by the first bytes of a file.

    Args:
        head: `MAGIC_BYTES` of them, or all if there are fewer.

    Returns:
        "gzip", "zstd", "bzip2", "xz", or "" for none.
    """
    return next((name for name, magic in _MAGIC if magic.match(head)), "")


def read_blocks(stream: BinaryIO, path: str, compression: str) -> Iterator[bytes]:
    """Reads a stream from where it stands to its end.

    Args:
        stream: Of the file, compressed or not.
        path: For the message.
        compression: As `sniff_compression` tells it.

    Yields:
        Blocks of plain bytes, none empty.

    Raises:
        ElectraError: The compressed stream is truncated or damaged.
    """
    if not compression:
        yield from iter(functools.partial(stream.read, BLOCK_BYTES), b"")
        return
    gathered: list[bytes] = []
    size = 0
    for block in _decompress(stream, path, compression):
        gathered.append(block)
        size += len(block)
        if size >= BLOCK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)


def _decompress(stream: BinaryIO, path: str, compression: str) -> Iterator[bytes]:
    """Yields what each member holds; blocks may be small or empty."""
    damage = (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, ValueError)
    member = _make_decompressor(compression)
    started = False
    data = b""
    while True:
        if not data and (member.needs_input or not started):
            data = stream.read(_INPUT_BYTES)
            if not data:
                break
        if not started:
            # Members may be padded with zeros up to the size of a block.
            data = data.lstrip(b"\0")
            if not data:
                continue
            started = True
        try:
            block = member.decompress(data, BLOCK_BYTES)
        except damage as error:
            raise make_damage_error(path, compression, error) from error
        yield block
        data = b""
        if member.eof:
            data = member.unused_data
            member, started = _make_decompressor(compression), False
    if started:
        raise make_damage_error(path, compression, "it ends too early")


def make_damage_error(path: str, kind: str, reason: object) -> ElectraError:
    """Says that a file of a kind, such as "gzip", cannot be read to its end."""
    return ElectraError(
        f"{path} is a truncated or damaged {kind} file ({reason})",
        expected=f"a {kind} file that can be read to its end",
        fix="Copy or download it again.",
    )
