"""python -m pytest tests/test_set_aside.py"""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.set_aside import (
    LabelledFile,
    check_share,
    read_text,
    split_lines,
)


def make_file(rows: int, left_out: int) -> LabelledFile[int]:
    labelled = LabelledFile[int]("a.tsv", list(range(rows)))
    for line in range(left_out):
        labelled.leave_out(line + 7, "empty text")
    return labelled


def test_a_share_up_to_the_limit_is_accepted() -> None:
    check_share(make_file(95, 5), 0.05)
    with pytest.raises(UsageError) as error:
        check_share(make_file(94, 6), 0.05)
    assert str(error.value) == (
        "6 of 100 rows of a.tsv set aside: 6 empty text; the first is "
        "a.tsv:7: empty text; expected at most 5.0%. Mend the file or the "
        "columns, or raise files.max_set_aside_rate."
    )


def test_a_file_without_rows_is_an_error_whatever_the_limit() -> None:
    with pytest.raises(UsageError, match=r"no usable row in a\.tsv, 0 set aside"):
        check_share(make_file(0, 0), 1.0)
    with pytest.raises(UsageError, match=r"2 set aside; a\.tsv:7: empty text"):
        check_share(make_file(0, 2), 1.0)


def test_what_was_found_is_shortened() -> None:
    labelled = make_file(1, 0)
    labelled.leave_out(3, "ragged columns", "x" * 100)
    labelled.leave_out(4, "empty text")
    labelled.leave_out(5, "empty text")
    assert str(labelled.set_aside[0]) == f"a.tsv:3: ragged columns ({'x' * 57}...)"
    assert labelled.count_reasons() == {"empty text": 2, "ragged columns": 1}


def test_bom_and_gzip_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbfid\n")
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress("가\n".encode()))
    assert read_text(tmp_path / "a.tsv") == "id\n"
    assert read_text(tmp_path / "a.tsv.gz") == "가\n"


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no labelled file at"):
        read_text(tmp_path / "absent.tsv")
    (tmp_path / "a.tsv").write_bytes("id\n가".encode("cp949"))
    with pytest.raises(UsageError, match="is not UTF-8 in line 2"):
        read_text(tmp_path / "a.tsv")
    (tmp_path / "b.gz").write_bytes(b"plain")
    with pytest.raises(UsageError, match="cannot be unpacked"):
        read_text(tmp_path / "b.gz")
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"whole" * 99)[:-9])
    with pytest.raises(UsageError, match="expected a whole gzip file"):
        read_text(tmp_path / "c.gz")


def test_only_line_feeds_part_lines() -> None:
    assert split_lines("a\u2028b\r\nc\x85\n\nd") == ["a\u2028b", "c\x85", "", "d"]
    assert split_lines("") == []
