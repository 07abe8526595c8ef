"""python -m pytest tests/test_tagged_files.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.tagged_files import (
    TaggedRow,
    has_prefix,
    has_scheme,
    read_tag,
    read_tagged_file,
    set_unknown_tags_aside,
    start_with_b,
)
from electra_keras.finetuning.task_config import ColumnsConfig


def write(path: Path, text: str) -> str:
    path.write_bytes(text.encode())
    return str(path)


def test_sentences_are_parted_by_blank_lines(tmp_path: Path) -> None:
    text = "\ufeff지난\tB-DT\r\n1월\tI-DT\r\n\r\n \r\n방영을\tO"
    labelled = read_tagged_file(write(tmp_path / "a.tsv", text))
    assert labelled.rows == [
        TaggedRow(("지난", "1월"), ("B-DT", "I-DT"), 1),
        TaggedRow(("방영을",), ("O",), 5),
    ]
    assert labelled.set_aside == [] and labelled.repaired == {}


def test_chunks_of_conll_2000_and_documents_of_2003(tmp_path: Path) -> None:
    text = "-DOCSTART- -X- O\n\nHe PRP B-NP\nreckons VBZ B-VP\n"
    labelled = read_tagged_file(write(tmp_path / "a.txt", text))
    assert labelled.rows == [TaggedRow(("He", "reckons"), ("B-NP", "B-VP"), 3)]


def test_columns_by_index(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "1\t비토리오\tPER_B\n2\t양일\tDAT_B\n3\t-\t-\n")
    labelled = read_tagged_file(path, ColumnsConfig(text=1, label=2))
    assert labelled.rows == [
        TaggedRow(("비토리오", "양일", "-"), ("B-PER", "B-DAT", "O"), 1)
    ]
    assert labelled.repaired == {"tag in another spelling": 3}
    with pytest.raises(UsageError, match="indices, since an IOB file has no header"):
        read_tagged_file(path, ColumnsConfig(text="word"))


def test_sentences_with_bad_lines_are_listed(tmp_path: Path) -> None:
    text = "가\tO\n나\n\n다\tO\n\n라\t\n\n마\tPER\n\n\tO\n"
    path = write(tmp_path / "a.tsv", text)
    labelled = read_tagged_file(path)
    assert [row.words for row in labelled.rows] == [("다",)]
    assert [str(entry) for entry in labelled.set_aside] == [
        f"{path}:1: tags do not match words (line 2: 나)",
        f"{path}:6: tags do not match words (line 6: 라\t)",
        f"{path}:8: tag is not IOB (line 8: PER)",
        f"{path}:10: tags do not match words (line 10: \tO)",
    ]


def test_iob1_is_repaired_and_counted(tmp_path: Path) -> None:
    text = "a\tI-X\nb\tI-X\nc\tB-X\nd\tI-Y\ne\tO\nf\tI-Y\n"
    labelled = read_tagged_file(write(tmp_path / "a.tsv", text))
    assert labelled.rows[0].tags == ("B-X", "I-X", "B-X", "B-Y", "O", "B-Y")
    assert labelled.repaired == {"I- that starts an entity made B- (IOB1)": 3}
    assert start_with_b(["B-X", "I-X", "O"]) == ["B-X", "I-X", "O"]


def test_spellings_of_a_tag() -> None:
    assert [read_tag(tag) for tag in ("O", "-", "B-PS", "B_PS", "PS-I")] == [
        *("O", "O", "B-PS", "B-PS", "I-PS"),
    ]
    assert [read_tag(tag) for tag in ("E-PS", "S-PS", "L-PS", "U-PS")] == [
        *("I-PS", "B-PS", "I-PS", "B-PS"),
    ]
    assert [read_tag(tag) for tag in ("PS", "B-", "X-PS", "")] == [None] * 4


def test_unknown_tags_of_validation_are_listed(tmp_path: Path) -> None:
    labelled = read_tagged_file(write(tmp_path / "v.tsv", "a\tB-X\n\nb\tB-Z\n"))
    known = set_unknown_tags_aside(labelled, ("O", "B-X"))
    assert [row.words for row in known.rows] == [("a",)]
    assert [(e.line, e.reason, e.detail) for e in known.set_aside] == [
        (3, "unknown tag", "B-Z")
    ]


def test_tags_without_a_scheme_stay_as_they_are(tmp_path: Path) -> None:
    text = "개가\tNNG+JKS\n.\tSF\n\n-\t-\n"
    labelled = read_tagged_file(write(tmp_path / "a.tsv", text))
    assert [row.tags for row in labelled.rows] == [("NNG+JKS", "SF"), ("-",)]
    assert labelled.set_aside == [] and labelled.repaired == {}
    assert has_scheme(["PER", "O"]) and has_scheme(["PS_B"])
    assert not has_scheme(["PER", "-"]) and not has_scheme([])
    assert has_prefix("I-PS") and not has_prefix("O") and not has_prefix("NNG")
