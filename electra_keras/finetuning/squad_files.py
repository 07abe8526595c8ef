"""Questions with answers from JSON files of SQuAD 1.1, SQuAD 2.0 and KorQuAD 1.0.

Gives rows to the encoder of question_answering and to `metrics/answers.py`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from electra_keras.errors import UsageError
from electra_keras.finetuning.set_aside import (
    LabelledFile,
    parse_json,
    read_text,
)

EMPTY_TEXT = "empty question or context"
NO_ANSWER = "no answer, and not said to be impossible"
NO_SPAN = "answer does not occur in the context"
MOVED = "answer_start moved to the answer"
LESS = "one of several answers left out, which does not occur in the context"
REPEATED = "id occurs twice"
MALFORMED = "not a question of SQuAD"
# Published files are off by some white space or markup, not by sentences.
MAX_SHIFT_CHARACTERS = 32


@dataclasses.dataclass(frozen=True)
class QuestionRow:
    """A question about a context.

    Attributes:
        id: Its name in the file.
        question: Its text.
        context: What the answer is a part of.
        answers: Right answers as (start, text): code points of the context;
            empty if there is none.
        number: Its place in the file, from 1.
    """

    id: str
    question: str
    context: str
    answers: tuple[tuple[int, str], ...]
    number: int


def read_squad_file(path: str) -> LabelledFile[QuestionRow]:
    """Reads a file of questions.

    Returns: Its questions. An answer that does not stand where it should is
        moved, and counted, if it occurs once within `MAX_SHIFT_CHARACTERS` of
        there; a question without a valid answer is set aside.

    Raises:
        UsageError: No such file, not UTF-8, or not such JSON.
    """
    labelled: LabelledFile[QuestionRow] = LabelledFile(str(path))
    seen: set[str] = set()
    for number, (context, question) in enumerate(_walk(path, labelled), 1):
        _add_question(context, question, number, seen, labelled)
    return labelled


def _walk(path: str, labelled: LabelledFile[QuestionRow]) -> Iterator[tuple[Any, Any]]:
    try:
        articles = parse_json(read_text(path), labelled)["data"]
        found = [
            (paragraph["context"], question)
            for article in articles
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is not a file of SQuAD ({type(error).__name__}: {error})",
            expected='{"data": [{"paragraphs": [{"context": ..., "qas": [...]}]}]}',
            fix="Check the file.",
        ) from None
    yield from found


def _add_question(
    context: Any,
    entry: Any,
    number: int,
    seen: set[str],
    labelled: LabelledFile[QuestionRow],
) -> None:
    try:
        name, question = str(entry["id"]), entry["question"]
        is_impossible = bool(entry.get("is_impossible", False))
        given = [(int(a["answer_start"]), str(a["text"])) for a in entry["answers"]]
        is_empty = not (question.strip() and context.strip())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        labelled.leave_out(number, MALFORMED, error)
        return
    if is_empty:
        labelled.leave_out(number, EMPTY_TEXT, name)
        return
    if name in seen:  # Predictions are told apart by it.
        labelled.leave_out(number, REPEATED, name)
        return
    seen.add(name)
    if not is_impossible and not given:
        labelled.leave_out(number, NO_ANSWER, name)
        return
    answers = []
    for start, text in [] if is_impossible else given:
        place = find_span(context, text, start)
        if place is not None:
            answers.append((place, text))
            if place != start:
                labelled.repaired[MOVED] += 1
    if not is_impossible and not answers:
        labelled.leave_out(number, NO_SPAN, f"{name}: {given[0][1]}")
        return
    if not is_impossible and len(answers) < len(given):
        labelled.repaired[LESS] += len(given) - len(answers)
    row = QuestionRow(name, question, context, tuple(answers), number)
    labelled.rows.append(row)


def find_span(context: str, text: str, start: int) -> int | None:
    """Finds where an answer starts.

    Args:
        context: What it is a part of.
        text: The answer.
        start: Where it should start, in code points.

    Returns: `start` if it is right; where the text starts if it occurs just
        once within `MAX_SHIFT_CHARACTERS` of there; else None.
    """
    if not text.strip():
        return None
    if start >= 0 and context.startswith(text, start):
        return start
    first = max(start - MAX_SHIFT_CHARACTERS, 0)
    last = start + MAX_SHIFT_CHARACTERS
    places = [
        place
        for place in range(first, min(last, len(context)) + 1)
        if context.startswith(text, place)
    ]
    return places[0] if len(places) == 1 else None
