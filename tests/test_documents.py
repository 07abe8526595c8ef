"""python -m pytest tests/test_documents.py"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_pipelines.documents import (
    clean_text,
    find_files,
    plan_ranges,
    read_documents,
)
from electra_keras.errors import ElectraError, UsageError


def read_all(path: Path, range_bytes: int) -> list[tuple[int, str]]:
    ranges = plan_ranges(find_files(str(path)), range_bytes)
    return [
        (document.offset, document.text)
        for part in ranges
        for document in read_documents(part.path, part.start, part.stop)
    ]


lines = st.sampled_from(
    ["", " ", "\t", " \t ", "a", "b c", "한국어 문장", "👍🏽 é", " x ", "- -", "길" * 9]
)
ends = st.sampled_from(["\n", "\r\n"])


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(st.tuples(lines, ends), max_size=14),
    last=lines,
    range_bytes=st.integers(1, 40),
)
def test_every_document_lies_in_exactly_one_range(
    tmp_path: Path, rows: list[tuple[str, str]], last: str, range_bytes: int
) -> None:
    text = "".join(line + end for line, end in rows) + last
    path = tmp_path / "text.txt"
    path.write_bytes(text.encode())
    blocks = re.split(r"(?:^|\n)(?:[ \t\r]*\n)+", "\n" + text + "\n\n")
    expected = [clean_text(block) for block in blocks if block.strip()]
    received = read_all(path, range_bytes)
    assert [text for _, text in received] == expected
    assert [offset for offset, _ in received] == sorted({o for o, _ in received})


def test_range_size_does_not_matter_with_bad_bytes_and_giant_lines(
    tmp_path: Path,
) -> None:
    path = tmp_path / "text.txt"
    giant = b"g" * 200_000
    path.write_bytes(b"a\xff\n" + giant + b"\n" + b" " * 150_000 + b"\nb\n\n\xea\xb0")
    expected = read_all(path, 10**9)
    assert [text[:2] for _, text in expected] == ["a\ufffd", "b", "\ufffd"]
    for range_bytes in (7_001, 65_536, 100_000, 200_004):
        assert read_all(path, range_bytes) == expected


def test_crlf_and_bom_and_missing_final_newline(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeff첫 줄\r\n둘째 줄\r\n \r\n\r\nlast".encode())
    documents = list(read_documents(str(path), 0, None))
    assert [document.text for document in documents] == ["첫 줄\n둘째 줄", "last"]
    assert [document.offset for document in documents] == [0, 29]
    assert not any(document.malformed for document in documents)


def test_malformed_utf8_is_replaced_and_marked(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"good\n\nbad \xff\xfe here\n")
    good, bad = read_documents(str(path), 0, None)
    assert (good.malformed, bad.malformed) == (False, True)
    assert bad.text == "bad \ufffd\ufffd here"


def test_clean_text_composes_hangul_and_drops_control_characters() -> None:
    decomposed = "\u1112\u1161\u11ab글"
    assert clean_text(f"{decomposed}\x00\x07 a\tb \n\x00\n c") == "한글 a\tb\nc"


def test_gzip_is_told_by_content_and_is_one_range(tmp_path: Path) -> None:
    path = tmp_path / "no_suffix"
    path.write_bytes(gzip.compress(b"a\n\nb\n") + gzip.compress(b"c\n"))
    assert [part.stop for part in plan_ranges(find_files(str(path)), 3)] == [None]
    assert [text for _, text in read_all(path, 3)] == ["a", "b\nc"]
    plain = tmp_path / "plain.gz"
    plain.write_bytes(b"not gzip\n")
    assert [text for _, text in read_all(plain, 100)] == ["not gzip"]


def test_truncated_gzip_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "text.gz"
    text = "\n\n".join(str(i**3) for i in range(9000)).encode()
    path.write_bytes(gzip.compress(text)[:-9])
    with pytest.raises(ElectraError, match=r"text\.gz is a truncated") as error:
        list(read_documents(str(path), 0, None))
    assert error.value.exit_code == 1


def test_find_files_expands_commas_once_and_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.txt").mkdir()
    pattern = f"{tmp_path}/*.txt, {tmp_path}/c.md,{tmp_path}/a.*"
    names = [Path(file.path).name for file in find_files(pattern)]
    assert names == ["a.txt", "b.txt", "c.md"]


@pytest.mark.parametrize("pattern", ["missing-*.txt", "missing.txt", "", "."])
def test_a_pattern_without_files_is_a_usage_error(pattern: str) -> None:
    with pytest.raises(UsageError) as error:
        find_files(pattern)
    assert error.value.exit_code == 2


def test_empty_file_has_no_range(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert plan_ranges(find_files(str(tmp_path / "empty"))) == []
