"""python -m pytest tests/test_readers_text.py"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers import compression, lines
from beam_pipelines.readers.dispatch import read_documents
from beam_pipelines.sources import find_files, plan_ranges

BOM = b"\xef\xbb\xbf"
NO_LIMIT = 2**40


def read_all(
    path: Path,
    format: str = "text",
    *,
    range_bytes: int = NO_LIMIT,
    block_bytes: int = compression.BLOCK_BYTES,
    max_document_bytes: int = NO_LIMIT,
) -> list[RawDocument]:
    config = InputConfig(str(path), format=format)
    parts = plan_ranges(find_files([config]), range_bytes)
    with (
        mock.patch.object(lines, "BLOCK_BYTES", block_bytes),
        mock.patch.object(compression, "BLOCK_BYTES", block_bytes),
    ):
        return [
            document
            for part in parts
            for document in read_documents(
                part, config, max_document_bytes=max_document_bytes
            )
        ]


def read_bytes(tmp_path: Path, data: bytes, format: str = "text") -> list[RawDocument]:
    path = tmp_path / "file"
    path.write_bytes(data)
    return read_all(path, format)


def find_newline(data: bytes) -> bytes:
    return b"\r" if b"\r" in data and b"\n" not in data else b"\n"


def expect_lines(data: bytes) -> list[tuple[int, bytes]]:
    """All lines with their offsets, the plain way: from the whole file."""
    offset = len(BOM) if data.startswith(BOM) else 0
    found = []
    for line in data[offset:].split(find_newline(data)):
        found.append((offset, line))
        offset += len(line) + 1
    return found


def expect_documents(data: bytes, format: str) -> list[tuple[int, bytes]]:
    """Offset and raw bytes of each document, the plain way."""
    if format == "lines":
        return [(at, line) for at, line in expect_lines(data) if line.strip()]
    documents: list[tuple[int, list[bytes]]] = []
    after_blank = True
    for offset, line in expect_lines(data):
        if line.strip():
            if after_blank:
                documents.append((offset, []))
            documents[-1][1].append(line)
        after_blank = not line.strip()
    return [(at, find_newline(data).join(parts)) for at, parts in documents]


def expect_raw_document(offset: int, data: bytes, limit: int) -> RawDocument:
    if len(data) > limit:
        return RawDocument(offset, b"", "too_large")
    kept = [line for line in re.split(b"[\r\n]", data) if line.strip()]
    return RawDocument(offset, b"\n".join(kept))


some_lines = st.sampled_from(
    [
        *["", " ", "\t", " \t ", "\x0b\x0c", "a", "b c", "한국어 문장", "👍🏽 é"],
        *[" x ", "- -", "길" * 9, " " * 30, "\ufeff", "\x00", "\u2028", "c\rd", "\r\r"],
    ]
)


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    bom=st.booleans(),
    rows=st.lists(st.tuples(some_lines, st.integers(0, 2)), max_size=14),
    ends=st.permutations(["\n", "\r\n", "\r"]).flatmap(
        lambda ends: st.sampled_from([ends[:1] * 3, ends])
    ),
    last=some_lines,
    range_bytes=st.one_of(st.integers(1, 40), st.just(NO_LIMIT)),
    block_bytes=st.one_of(st.integers(1, 20), st.just(2**18)),
    limit=st.one_of(st.integers(1, 30), st.just(NO_LIMIT)),
    format=st.sampled_from(["text", "lines"]),
)
def test_every_document_is_read_once_whatever_the_ranges(
    tmp_path: Path,
    bom: bool,
    rows: list[tuple[str, int]],
    ends: list[str],
    last: str,
    range_bytes: int,
    block_bytes: int,
    limit: int,
    format: str,
) -> None:
    text = "".join(line + ends[end] for line, end in rows) + last
    data = (BOM if bom else b"") + text.encode()
    path = tmp_path / "file"
    path.write_bytes(data)
    expected = [
        expect_raw_document(*document, limit)
        for document in expect_documents(data, format)
    ]
    received = read_all(
        path,
        format,
        range_bytes=range_bytes,
        block_bytes=block_bytes,
        max_document_bytes=limit,
    )
    assert received == expected


def test_bom_crlf_white_space_and_missing_final_newline(tmp_path: Path) -> None:
    data = BOM + "첫 줄\r\n둘째 줄\r\n \r\n\r\n last".encode()
    assert read_bytes(tmp_path, data) == [
        RawDocument(3, "첫 줄\n둘째 줄".encode()),
        RawDocument(29, b" last"),
    ]


def test_bom_alone_is_a_blank_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BOM + b"\na\nb\n")
    for range_bytes in (1, 3, 4, 100):
        assert read_all(path, range_bytes=range_bytes) == [RawDocument(4, b"a\nb")]


@pytest.mark.parametrize(
    "compress", [gzip.compress, zstandard.compress, bz2.compress, lzma.compress]
)
def test_compressed_text_reads_as_plain_text(
    tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(compress(BOM + b"a\n\nb\r\n") + compress(b"c\n \nd"))
    for block_bytes in (1, 2, 2**18):
        assert read_all(path, range_bytes=1, block_bytes=block_bytes) == [
            RawDocument(3, b"a"),
            RawDocument(6, b"b\nc"),
            RawDocument(13, b"d"),
        ]


def test_old_mac_files_end_lines_by_carriage_returns(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b"a\rb\r \r\rc\r") == [
        RawDocument(0, b"a\nb"),
        RawDocument(7, b"c"),
    ]
    assert [line.text for line in read_bytes(tmp_path, b"a\rb\r\rc", "lines")] == [
        *[b"a", b"b", b"c"]
    ]


def test_a_lone_carriage_return_ends_a_line_but_no_document(tmp_path: Path) -> None:
    data = b"a\r\rb\nc\n"
    assert read_bytes(tmp_path, data) == [RawDocument(0, b"a\nb\nc")]
    assert read_bytes(tmp_path, data, "lines") == [
        RawDocument(0, b"a\nb"),
        RawDocument(5, b"c"),
    ]


def test_malformed_utf8_and_nul_pass_through(tmp_path: Path) -> None:
    data = b"good\n\nbad \xff\xfe\x00 here\n"
    assert read_bytes(tmp_path, data)[1] == RawDocument(6, b"bad \xff\xfe\x00 here")


def test_a_file_of_blank_lines_has_no_document(tmp_path: Path) -> None:
    data = b"\n" * 1_000_000 + b" " * 300_000
    assert read_bytes(tmp_path, data) == []
    assert read_bytes(tmp_path, data, "lines") == []


def test_range_size_does_not_matter_with_giant_lines(tmp_path: Path) -> None:
    path = tmp_path / "file"
    giant = b"g" * 900_000
    path.write_bytes(b"a\n" + giant + b"\n" + b" " * 700_000 + b"\nb\n\nc")
    expected = [
        RawDocument(0, b"", "too_large"),
        RawDocument(1_600_004, b"b"),
        RawDocument(1_600_007, b"c"),
    ]
    for range_bytes in (70_001, 2**18, 899_999, 900_004, NO_LIMIT):
        assert (
            read_all(path, range_bytes=range_bytes, max_document_bytes=1000) == expected
        )
    whole = read_all(path, range_bytes=70_001)
    assert [len(document.text) for document in whole] == [900_002, 1, 1]


@pytest.mark.parametrize("filling", [b"g", b" "])
@pytest.mark.parametrize("format", ["text", "lines"])
def test_a_giant_line_is_linear_in_time_and_not_held(
    tmp_path: Path, filling: bytes, format: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a\n\n" + filling * 100_000_000 + b"\n\nb\n")
    start = time.process_time()
    documents = read_all(path, format, range_bytes=2**20, max_document_bytes=2_000_000)
    assert time.process_time() - start < 10
    too_large = [RawDocument(3, b"", "too_large")] if filling == b"g" else []
    assert documents == [
        RawDocument(0, b"a"),
        *too_large,
        RawDocument(100_000_005, b"b"),
    ]
    tracemalloc.start()
    read_all(path, format, max_document_bytes=2_000_000)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10_000_000


def test_a_file_without_blank_lines_is_not_read_again_by_each_range(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one sentence\n" * 100_000)
    read = compression.read_blocks
    blocks: list[bytes] = []

    def counted(*args) -> Iterator[bytes]:
        for block in read(*args):
            blocks.append(block)
            yield block

    with mock.patch.object(lines, "read_blocks", counted):
        received = read_all(
            path, range_bytes=2**14, block_bytes=2**12, max_document_bytes=999
        )
    assert received == [RawDocument(0, b"", "too_large")]
    assert sum(map(len, blocks)) < 2.5 * 1_300_000
