"""python -m pytest tests/test_text_files.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.task_loading import load_task
from electra_keras.finetuning.text_files import TextRow, read_text_file

NSMC = ["columns.text=document", "columns.label=label", "columns.id=id"]
PAIR = ["columns.text=a", "columns.text_pair=b", "columns.label=score"]


def write(path: Path, text: str) -> str:
    path.write_bytes(text.encode())
    return str(path)


def test_quotes_and_line_ends_of_a_tsv_file(tmp_path: Path) -> None:
    text = '\ufeffid\tdocument\tlabel\r\n1\t"굿\t1\r\n2\t말 "안" 됨"\t0\r\n'
    labelled = read_text_file(write(tmp_path / "a.tsv", text), load_task(None, NSMC))
    assert labelled.rows == [
        TextRow('"굿', None, "1", "1", 2),
        TextRow('말 "안" 됨"', None, "0", "2", 3),
    ]
    assert labelled.set_aside == []


def test_bad_rows_are_listed(tmp_path: Path) -> None:
    text = "id\tdocument\tlabel\n1\t 　\t1\n2\t좋다\n3\t가\t나\t0\n4\t참\t\n5\t예\t1"
    path = write(tmp_path / "a.tsv", text)
    labelled = read_text_file(path, load_task(None, NSMC))
    assert [row.id for row in labelled.rows] == ["5"]
    assert [str(entry) for entry in labelled.set_aside] == [
        f"{path}:2: empty text",
        f"{path}:3: ragged columns (2 instead of 3)",
        f"{path}:4: ragged columns (4 instead of 3)",
        f"{path}:5: no label",
    ]


def test_line_breaks_inside_csv_cells(tmp_path: Path) -> None:
    text = 'Q,A,label\n"첫 줄\n둘째, ""줄""",답,0\n가,나,2\n'
    config = load_task(None, ["columns.text=Q", "columns.label=label"])
    labelled = read_text_file(write(tmp_path / "a.csv", text), config)
    assert labelled.rows == [
        TextRow('첫 줄\n둘째, "줄"', None, "0", "2", 2),
        TextRow("가", None, "2", "4", 4),
    ]


def test_a_quote_that_never_ends_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'Q,label\n"a,0\nb,1\n')
    config = load_task(None, ["columns.text=Q", "columns.label=label"])
    with pytest.raises(UsageError, match="not valid csv in the row of line 2"):
        read_text_file(path, config)


def test_json_lines(tmp_path: Path) -> None:
    text = (
        '{"t": "a\\nb", "l": 1}\n{"t": "c", "l": "no"}\n{"t": "d", "l": true}\n'
        '[1]\n{"t": "e"}\n{"t": 5, "l": 1}\n\n{"t": "f", "l": null}\n'
    )
    path = write(tmp_path / "a.jsonl", text)
    labelled = read_text_file(
        path, load_task(None, ["columns.text=t", "columns.label=l"])
    )
    assert [(row.text, row.label, row.id) for row in labelled.rows] == [
        ("a\nb", "1", "1"),
        ("c", "no", "2"),
        ("d", "true", "3"),
    ]
    assert [(e.line, e.reason) for e in labelled.set_aside] == [
        (4, "not a JSON object"),
        (5, "a key is missing"),
        (6, "text is not a string"),
        (7, "not a JSON object"),
        (8, "no label"),
    ]


def test_half_a_surrogate_pair_of_json_is_mended_and_counted(tmp_path: Path) -> None:
    text = r'{"t": "ㅋ\ud83d", "l": "\uDE00"}' + "\n" + r'{"t": "\ud83d\ude00", "l": 1}'
    labelled = read_text_file(
        write(tmp_path / "a.jsonl", text),
        load_task(None, ["columns.text=t", "columns.label=l"]),
    )
    assert [(row.text, row.label) for row in labelled.rows] == [
        ("ㅋ\ufffd", "\ufffd"),
        ("😀", "1"),
    ]
    assert labelled.repaired == {"lone surrogate made U+FFFD": 2}


def test_numbers_of_pairs(tmp_path: Path) -> None:
    text = "a\tb\tscore\nx\ty\t4.25\nx\ty\tgood\nx\ty\tnan\nx\t\t1\n"
    config = load_task(None, [*PAIR, "task.kind=regression"])
    labelled = read_text_file(write(tmp_path / "a.tsv", text), config)
    assert labelled.rows == [TextRow("x", "y", 4.25, "2", 2)]
    assert [(e.line, e.reason) for e in labelled.set_aside] == [
        (3, "label is not a number"),
        (4, "label is not a number"),
        (5, "empty text"),
    ]


def test_columns_by_index_need_no_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "0\t가\n1\t나\n")
    overrides = ["columns.text=1", "columns.label=0"]
    rows = read_text_file(path, load_task(None, overrides)).rows
    assert [(row.text, row.label) for row in rows] == [("가", "0"), ("나", "1")]
    config = load_task(None, [*overrides, "columns.header=true"])
    assert [row.text for row in read_text_file(path, config).rows] == ["나"]


@pytest.mark.parametrize("column", ["text", "2", "twice"])
def test_a_column_that_is_not_there_once_is_an_error(
    tmp_path: Path, column: str
) -> None:
    path = write(tmp_path / "a.tsv", "twice\ttwice\n0\t1\n")
    config = load_task(None, [f"columns.text={column}", "columns.label=0"])
    with pytest.raises(UsageError, match=f"no single column {column} in"):
        read_text_file(path, config)


def test_columns_must_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "a\tb\n")
    with pytest.raises(UsageError, match=r"no columns\.text for"):
        read_text_file(path, load_task())
