"""python -m pytest tests/test_readers_rows.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.dispatch import read_documents
from beam_pipelines.readers.fields import encode_text, join_turns
from beam_pipelines.sources import find_files, plan_ranges


def read_all(
    path: Path, *, range_bytes: int = 2**40, limit: int = 2**20, **keys: Any
) -> list[RawDocument]:
    config = InputConfig(str(path), **keys)
    return [
        document
        for part in plan_ranges(find_files([config]), range_bytes)
        for document in read_documents(part, config, max_document_bytes=limit)
    ]


def read_jsonl(
    tmp_path: Path, *lines: str | bytes, limit: int = 2**20, **keys: Any
) -> list[RawDocument]:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b"".join(
            (line.encode() if isinstance(line, str) else line) + b"\n" for line in lines
        )
    )
    return read_all(path, limit=limit, **keys)


def texts(documents: list[RawDocument]) -> list[bytes]:
    assert not any(document.problem for document in documents)
    return [document.text for document in documents]


def problems(documents: list[RawDocument]) -> list[str]:
    assert not any(document.text for document in documents if document.problem)
    return [document.problem for document in documents]


some_rows = st.sampled_from(
    ['{"text":"가"}', '{"text": "a\\nb"}', "", " ", "\t", "{", '{"a":1}', '{"text":""}']
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    bom=st.booleans(),
    rows=st.lists(some_rows, max_size=9),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    last=some_rows,
    range_bytes=st.integers(1, 40),
)
def test_every_json_line_is_read_once_whatever_the_ranges(
    tmp_path: Path, bom: bool, rows: list[str], end: str, last: str, range_bytes: int
) -> None:
    start = "\ufeff" if bom else ""
    path = tmp_path / "rows.jsonl"
    path.write_bytes((start + end.join([*rows, last])).encode())
    expected = []
    offset = len(start.encode())
    for row in [*rows, last]:
        if row.strip():
            known = {'{"text":"가"}': "가", '{"text": "a\\nb"}': "a\nb"}
            problem = {"{": "json_invalid", '{"a":1}': "text_missing"}
            text = known.get(row, "").encode()
            expected.append(RawDocument(offset, text, problem.get(row, "")))
        offset += len((row + end).encode())
    assert read_all(path, range_bytes=range_bytes) == expected


def test_json_problems_are_told_by_row(tmp_path: Path) -> None:
    rows = [
        *['{"text": "fine"}', "not json", '"text"', "[1]", '{"text": "cut'],
        *["{}", '{"text": null}', '{"text": 7}', '{"text": ["a"]}', "[" * 100_000],
        '{"text": "fine", "n": ' + "9" * 5000 + "}",
    ]
    assert problems(read_jsonl(tmp_path, *rows)) == [
        *["", "json_invalid", "json_invalid", "json_invalid", "json_invalid"],
        *["text_missing", "text_missing", "text_not_string", "text_not_string"],
        *["json_invalid", "json_invalid"],
    ]


def test_dots_reach_into_objects_and_ids_may_be_numbers(tmp_path: Path) -> None:
    rows = [
        '{"data": {"body": "a"}, "meta": {"id": 7}}',
        '{"data": "flat", "meta": {"id": "x"}}',
        '{"data": {"body": "b"}}',
    ]
    keys: dict[str, Any] = {"text_key": "data.body", "id_key": "meta.id"}
    assert read_jsonl(tmp_path, *rows, **keys) == [
        RawDocument(0, b"a", "", "7"),
        RawDocument(43, b"", "text_missing", "x"),
        RawDocument(81, b"b", "", ""),
    ]


def test_lines_of_a_json_text_are_tidied(tmp_path: Path) -> None:
    row = json.dumps({"text": "\n\na \r\n \n\nb\rc\t\n"})
    assert texts(read_jsonl(tmp_path, row)) == [b"a \nb\nc\t"]
    assert texts(read_jsonl(tmp_path, '{"text": " \\n\\t"}')) == [b""]


def test_characters_that_are_none_become_malformed_utf8(tmp_path: Path) -> None:
    rows = [
        rb'{"text": "\ud800 a"}',
        b'{"text": "b\xff"}',
        rb'{"text": "\ud83d\ude00"}',
    ]
    assert texts(read_jsonl(tmp_path, *rows)) == [
        b"\xed\xa0\x80 a",
        b"b\xff",
        "😀".encode(),
    ]
    assert encode_text("\ud800\udcff") == b"\xed\xa0\x80\xed\xb3\xbf"


def test_json_too_large_is_told_and_other_rows_are_read(tmp_path: Path) -> None:
    giant = json.dumps({"text": "a" * 3_000_000})
    escaped = json.dumps({"text": "가" * 300})
    rows = [giant, escaped, '{"text": "%s"}' % ("b" * 1001), '{"text": "c"}']
    documents = read_jsonl(tmp_path, *rows, limit=1000)
    assert problems(documents) == ["too_large", "", "too_large", ""]
    assert documents[1].text == "가".encode() * 300


def test_a_speaker_change_is_an_empty_line() -> None:
    turns = [
        {"speaker": "A", "text": "a\n\nb"},
        {"speaker": "A", "text": "c"},
        {"speaker": "B", "text": " "},
        {"speaker": "B", "text": "d"},
        {"text": "e"},
        {"text": "f"},
    ]
    assert join_turns(turns, "speaker", "text") == (b"a\nb\nc\n\nd\n\ne\n\nf", "")
    assert join_turns(["a", "", "b"], "speaker", "text") == (b"a\n\nb", "")
    assert join_turns([], "speaker", "text") == (b"", "")


def test_turns_come_from_json(tmp_path: Path) -> None:
    rows = [
        '{"d": {"t": [{"who": 1, "say": "a"}, {"who": 2, "say": "b"}]}}',
        '{"d": {"t": ["a", "b"]}}',
        *['{"d": {}}', '{"d": {"t": "a"}}', '{"d": {"t": [{"who": 1}]}}'],
        '{"d": {"t": ["a", 1]}}',
    ]
    documents = read_jsonl(
        tmp_path, *rows, turns_key="d.t", speaker_key="who", turn_text_key="say"
    )
    assert [document.text for document in documents[:2]] == [b"a\n\nb", b"a\n\nb"]
    assert problems(documents)[2:] == [
        *["turns_missing", "turns_missing", "turn_invalid", "turn_invalid"]
    ]
