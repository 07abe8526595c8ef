"""python -m pytest tests/test_squad_files.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.squad_files import (
    QuestionRow,
    find_span,
    read_squad_file,
)

CONTEXT = "바그너는 1839년 파리에서 파우스트를 읽었다."


def write(path: Path, questions: list[dict[str, Any]], context: str = CONTEXT) -> str:
    paragraph = {"context": context, "qas": questions}
    path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}), "utf-8")
    return str(path)


def ask(name: str, *answers: tuple[int, str], **more: Any) -> dict[str, Any]:
    given = [{"answer_start": start, "text": text} for start, text in answers]
    return {"id": name, "question": "언제?", "answers": given, **more}


def test_answers_of_both_versions(tmp_path: Path) -> None:
    questions = [
        ask("a", (5, "1839년"), (5, "1839")),
        ask("b", is_impossible=True, plausible_answers=[]),
    ]
    labelled = read_squad_file(write(tmp_path / "a.json", questions))
    assert labelled.rows == [
        QuestionRow("a", "언제?", CONTEXT, ((5, "1839년"), (5, "1839")), 1),
        QuestionRow("b", "언제?", CONTEXT, (), 2),
    ]
    assert labelled.set_aside == [] and labelled.repaired == {}


def test_moved_answers_are_repaired_if_there_is_one_place(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", [ask("a", (7, "1839년")), ask("b", (3, "파"))])
    labelled = read_squad_file(path)
    assert [row.answers for row in labelled.rows] == [((5, "1839년"),)]
    assert labelled.repaired == {"answer_start moved to the answer": 1}
    assert [str(entry) for entry in labelled.set_aside] == [
        f"{path}:2: answer does not occur in the context (b: 파)"
    ]


def test_half_a_surrogate_pair_moves_no_answer(tmp_path: Path) -> None:
    context = "\ud83d" + CONTEXT
    labelled = read_squad_file(
        write(tmp_path / "a.json", [ask("a", (6, "1839년"))], context)
    )
    (row,) = labelled.rows
    assert (row.context, row.answers) == ("\ufffd" + CONTEXT, ((6, "1839년"),))
    assert labelled.repaired == {"lone surrogate made U+FFFD": 1}


def test_what_cannot_be_used_is_listed(tmp_path: Path) -> None:
    questions = [
        ask("a", (0, "로마")),
        ask("b"),
        {"id": "c", "question": "?"},
        ask("d", (0, "바그너"), question=" "),
        ask("e", (0, "바그너"), (0, "로마")),
        ask("e", (0, "바그너")),
    ]
    labelled = read_squad_file(write(tmp_path / "a.json", questions))
    assert [(entry.line, entry.reason) for entry in labelled.set_aside] == [
        (1, "answer does not occur in the context"),
        (2, "no answer, and not said to be impossible"),
        (3, "not a question of SQuAD"),
        (4, "empty question or context"),
        (6, "id occurs twice"),
    ]
    assert [row.id for row in labelled.rows] == ["e"]
    assert labelled.rows[0].answers == ((0, "바그너"),)
    assert list(labelled.repaired.values()) == [1]


def test_places_of_an_answer() -> None:
    assert find_span("a b a", "a", 4) == 4
    assert find_span("a b a", "a", 3) is None
    assert find_span("a b a", "b", -5) == 2
    assert find_span("x" * 40 + "b", "b", 0) is None
    assert find_span("a", " ", 0) is None


def test_other_json_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text in ("[]", "{", '{"data": [{}]}', '{"data": 5}'):
        path.write_text(text)
        with pytest.raises(UsageError, match="is not a file of SQuAD"):
            read_squad_file(str(path))
