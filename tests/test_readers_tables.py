"""python -m pytest tests/test_readers_tables.py"""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.dispatch import read_documents
from beam_pipelines.sources import find_files, plan_ranges
from electra_keras.errors import ElectraError


def read_all(
    path: Path, *, range_bytes: int = 2**40, limit: int = 2**20, **keys: Any
) -> list[RawDocument]:
    config = InputConfig(str(path), **keys)
    return [
        document
        for part in plan_ranges(find_files([config]), range_bytes)
        for document in read_documents(part, config, max_document_bytes=limit)
    ]


def read_table(
    tmp_path: Path, text: str | bytes, suffix: str = "csv", **keys: Any
) -> list[RawDocument]:
    path = tmp_path / f"rows.{suffix}"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_all(path, **keys)


def read_parquet(
    tmp_path: Path, columns: dict[str, Any], **keys: Any
) -> list[RawDocument]:
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=2)
    return read_all(path, **keys)


def texts(documents: list[RawDocument]) -> list[bytes]:
    assert not any(document.problem for document in documents)
    return [document.text for document in documents]


def problems(documents: list[RawDocument]) -> list[str]:
    assert not any(document.text for document in documents if document.problem)
    return [document.problem for document in documents]


def test_csv_columns_are_named_by_the_header(tmp_path: Path) -> None:
    text = '\ufeffid,text\r\n1,"한국어, ""말""\n\n둘째"\r\n\r\n2,b\r\n'
    assert read_table(tmp_path, text, id_key="id") == [
        RawDocument(0, '한국어, "말"\n둘째'.encode(), "", "1"),
        RawDocument(1, b"b", "", "2"),
    ]


def test_tsv_columns_are_numbers_and_quotes_are_text(tmp_path: Path) -> None:
    text = 'x\t"a\ny\tb "c" d\t1\n'
    keys = {"text_key": "1", "id_key": "0"}
    assert read_table(tmp_path, text, "tsv", **keys) == [
        RawDocument(0, b'"a', "", "x"),
        RawDocument(1, b'b "c" d', "", "y"),
    ]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_csv_lines_end_as_they_like(tmp_path: Path, end: str) -> None:
    text = end.join(["text,n", "a,1", '"b', 'c",2'])
    assert texts(read_table(tmp_path, text)) == [b"a", b"b\nc"]


def test_csv_problems_are_told_by_row(tmp_path: Path) -> None:
    text = b'id,text\n1\n2,"a"b\n3,c\xff\x00\n4,\n' + b"5," + b"d" * 2000 + b"\n6,e\n"
    documents = read_table(tmp_path, text, limit=1000)
    assert problems(documents) == [
        *["column_missing", "csv_invalid", "", "", "too_large", ""]
    ]
    assert [document.text for document in documents[2:4]] == [b"c\xff\x00", b""]
    assert [document.offset for document in documents] == [0, 1, 2, 3, 4, 5]


def test_an_unclosed_quote_is_an_error_at_the_end_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ElectraError, match=r"quote in the row of line 3 .* closed"):
        read_table(tmp_path, 'text\na\n"b\nc\nd\n')


def test_an_unclosed_quote_in_a_large_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'text\na\n"b\n' + b"c\n" * 3_000_000)
    config = InputConfig(str(path))
    (part,) = plan_ranges(find_files([config]))
    tracemalloc.start()
    documents = read_documents(part, config, max_document_bytes=10_000)
    assert next(documents) == RawDocument(0, b"a")
    assert next(documents).problem == "too_large"
    assert next(documents) == RawDocument(2, b"c")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_giant_line_of_a_table_is_one_problem(tmp_path: Path) -> None:
    for suffix, separator in (("csv", b","), ("tsv", b"\t")):
        text = separator.join([b"id", b"text"]) + b"\nx" + b"y" * 900_000 + b"\nz"
        documents = read_table(tmp_path, text + separator + b"a", suffix, limit=1000)
        assert documents == [RawDocument(0, b"", "too_large"), RawDocument(1, b"a")]


def test_a_missing_column_names_those_found(tmp_path: Path) -> None:
    with pytest.raises(
        ElectraError, match=r"rows\.csv has no column 'text' but 'a', 'b'"
    ):
        read_table(tmp_path, "a,b\n1,2\n")
    with pytest.raises(ElectraError, match="no column 'id' but none"):
        read_table(tmp_path, "a,b\n1,2\n", text_key="0", id_key="id")


def test_compressed_tables_are_told_by_content(tmp_path: Path) -> None:
    assert texts(read_table(tmp_path, gzip.compress(b"text\na\n"))) == [b"a"]


def test_parquet_row_groups_number_rows_of_the_file(tmp_path: Path) -> None:
    columns = {"text": ["a", None, "c\r\n\nd", "", "e" * 200], "id": [1, 2, None, 4, 5]}
    assert read_parquet(tmp_path, columns, id_key="id", limit=100) == [
        RawDocument(0, b"a", "", "1"),
        RawDocument(1, b"", "text_missing", "2"),
        RawDocument(2, b"c\nd", "", ""),
        RawDocument(3, b"", "", "4"),
        RawDocument(4, b"", "too_large", "5"),
    ]
    parts = plan_ranges(find_files([InputConfig(str(tmp_path / "rows.parquet"))]))
    assert [(part.start, part.stop) for part in parts] == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array(["a", "가"], pyarrow.large_string()),
        pyarrow.array([b"a", "가".encode()]),
        pyarrow.array(["a", "가"]).dictionary_encode(),
        pyarrow.array(["a", "가"], pyarrow.string_view()),
    ],
)
def test_parquet_text_has_many_types(tmp_path: Path, column: pyarrow.Array) -> None:
    assert texts(read_parquet(tmp_path, {"text": column})) == [b"a", "가".encode()]


def test_parquet_without_any_text_is_told_by_row(tmp_path: Path) -> None:
    documents = read_parquet(tmp_path, {"text": pyarrow.nulls(2)})
    assert problems(documents) == ["text_missing", "text_missing"]


def test_parquet_fields_of_structs(tmp_path: Path) -> None:
    columns = {"data": [{"body": "a", "n": 1}, None, {"body": None, "n": 2}]}
    documents = read_parquet(tmp_path, columns, text_key="data.body")
    assert problems(documents) == ["", "text_missing", "text_missing"]
    assert documents[0].text == b"a"


def test_parquet_turns(tmp_path: Path) -> None:
    turns = [[{"speaker": "A", "text": "a"}, {"speaker": "B", "text": "b"}], [], None]
    documents = read_parquet(tmp_path, {"turns": turns}, turns_key="turns")
    assert [document.text for document in documents] == [b"a\n\nb", b"", b""]
    assert problems(documents) == ["", "", "turns_missing"]


def test_parquet_with_malformed_utf8(tmp_path: Path) -> None:
    bad = pyarrow.array([b"a\xff", b"b"]).view(pyarrow.string())
    assert texts(read_parquet(tmp_path, {"text": bad})) == [b"a\xff", b"b"]
    turns = pyarrow.ListArray.from_arrays([0, 1, 2], bad)
    documents = read_parquet(
        tmp_path, {"turns": turns, "id": bad}, turns_key="turns", id_key="id"
    )
    assert problems(documents) == ["turn_invalid", ""]
    assert [document.id for document in documents] == ["", "b"]


def test_mixed_parquet_schemas_name_the_file_and_its_columns(tmp_path: Path) -> None:
    tables = {"a": {"text": ["x"]}, "b": {"body": ["y"]}, "c": {"text": [1]}}
    for name, columns in tables.items():
        pyarrow.parquet.write_table(
            pyarrow.table(columns), tmp_path / f"{name}.parquet"
        )
    assert texts(read_all(tmp_path / "a.parquet")) == [b"x"]
    with pytest.raises(ElectraError, match=r"b\.parquet .*'text' .* body \(string\)"):
        read_all(tmp_path / "*.parquet")
    with pytest.raises(ElectraError, match=r"c\.parquet .* text \(int64\)"):
        read_all(tmp_path / "c.parquet")
    with pytest.raises(ElectraError, match=r"a\.parquet .*'id' of ids"):
        read_all(tmp_path / "a.parquet", id_key="id")
    with pytest.raises(ElectraError, match=r"a\.parquet .* of lists"):
        read_all(tmp_path / "a.parquet", turns_key="text")


def test_damaged_parquet_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = {"text": [str(i**5) for i in range(9000)]}
    pyarrow.parquet.write_table(pyarrow.table(rows), path, compression="gzip")
    data = path.read_bytes()
    path.write_bytes(data[:-30])
    with pytest.raises(ElectraError, match=r"rows\.parquet is a truncated or damaged"):
        read_all(path)
    path.write_bytes(data[:500] + bytes(500) + data[1000:])
    with pytest.raises(ElectraError, match=r"rows\.parquet is a truncated or damaged"):
        read_all(path)
