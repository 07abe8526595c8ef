"""python -m pytest tests/test_compression.py"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from beam_pipelines import storage
from beam_pipelines.readers.compression import (
    MAGIC_BYTES,
    read_blocks,
    sniff_compression,
)
from electra_keras.errors import ElectraError

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
every_compression = pytest.mark.parametrize("name", COMPRESS)
TEXT = random.Random(0).randbytes(300_000) + b"end " * 500_000


def decompress(data: bytes, name: str) -> bytes:
    return b"".join(read_blocks(io.BytesIO(data), "corpus.x", name))


@every_compression
def test_a_compression_is_told_by_its_content(name: str) -> None:
    for text in (b"", b"a\n", TEXT):
        assert sniff_compression(COMPRESS[name](text)[:MAGIC_BYTES]) == name


@pytest.mark.parametrize("head", [b"", b"B", b"BZh", b"BZh9 is a word", b"PAR1", b"\0"])
def test_other_content_is_not_compressed(head: bytes) -> None:
    assert sniff_compression(head) == ""


@every_compression
def test_members_are_read_as_one_stream(name: str) -> None:
    compress = COMPRESS[name]
    data = compress(TEXT) + compress(b"") + compress(b"second\n") + b"\0" * 512
    assert decompress(data, name) == TEXT + b"second\n"


@every_compression
def test_an_empty_stream_holds_nothing(name: str) -> None:
    assert decompress(COMPRESS[name](b""), name) == b""


@every_compression
def test_blocks_are_never_empty(name: str) -> None:
    blocks = list(read_blocks(io.BytesIO(COMPRESS[name](TEXT)), "x", name))
    assert all(blocks)
    assert len(blocks) < 12


@every_compression
def test_truncation_anywhere_is_an_error(name: str) -> None:
    data = COMPRESS[name](TEXT)
    for size in (MAGIC_BYTES, 40, len(data) // 2, len(data) - 9, len(data) - 1):
        with pytest.raises(ElectraError, match=r"corpus\.x is a truncated") as error:
            decompress(data[:size], name)
        assert error.value.exit_code == 1


@every_compression
def test_truncation_of_the_second_member_is_an_error(name: str) -> None:
    data = COMPRESS[name](b"first\n")
    for size in (1, 3, len(data) - 1):
        with pytest.raises(ElectraError, match=f"damaged {name} file"):
            decompress(data + data[:size], name)


@every_compression
def test_damage_is_an_error(name: str) -> None:
    # Frames of the zstandard command carry a checksum, as the others do.
    data = (
        zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)
        if name == "zstd"
        else COMPRESS[name](TEXT)
    )
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    for damaged in (flipped, data + b"not compressed"):
        with pytest.raises(ElectraError, match="Copy or download it again"):
            decompress(damaged, name)


@pytest.mark.parametrize(
    ("name", "text_bytes", "max_held_bytes"),
    [
        ("gzip", 30_000_000, 3_000_000),
        ("bzip2", 30_000_000, 15_000_000),
        ("xz", 30_000_000, 15_000_000),
        # An input of 4 KiB is decompressed at once, to 128 MiB at most.
        ("zstd", 300_000_000, 2 * 2**27),
    ],
)
def test_little_data_that_expands_is_not_held_whole(
    name: str, text_bytes: int, max_held_bytes: int
) -> None:
    stream = io.BytesIO(COMPRESS[name](bytes(text_bytes)))
    tracemalloc.start()
    size = sum(len(block) for block in read_blocks(stream, "x", name))
    held_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == text_bytes
    assert held_bytes < max_held_bytes


def test_a_file_is_opened_as_it_is_whatever_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(b"not gzip\n")
    with storage.open_file(str(path)) as stream:
        assert stream.read() == b"not gzip\n"
