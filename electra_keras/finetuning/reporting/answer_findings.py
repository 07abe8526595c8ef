"""What a report says about answers: with and without one, questions that went wrong.

Reads `QuestionRow`s and predicted answers; found by `findings.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from electra_keras.finetuning.metrics.answers import compare_answer
from electra_keras.finetuning.reporting.blocks import Sample, Samples, Table
from electra_keras.finetuning.reporting.findings import (
    MOST_DOUBTS,
    MOST_ERRORS,
    Baseline,
    Findings,
    KindFindings,
    tell_calibration,
)
from electra_keras.finetuning.reporting.numbers import excerpt, format_share
from electra_keras.finetuning.squad_files import QuestionRow

_NONE = "(no answer)"
# Of the context, before and after the right answer.
_CONTEXT_CHARACTERS = 160


@dataclasses.dataclass(frozen=True)
class _Answered:
    """A question, the answer given ("" for none), and how good it is."""

    row: QuestionRow
    answer: str
    probability: float
    exact: float
    f1: float

    @property
    def is_right(self) -> bool:
        return self.exact == 1.0


class AnswerFindings(KindFindings[QuestionRow]):
    """Exact match and F1 with and without an answer, questions that went wrong."""

    def baseline(
        self, train_rows: Sequence[QuestionRow], rows: Sequence[QuestionRow]
    ) -> Baseline:
        """Answers no question."""
        none = {"answer": "", "start": 0, "end": 0, "probability": 0.0}
        return Baseline("never an answer", [none] * len(rows))

    def count_labels(self, splits: Mapping[str, Sequence[QuestionRow]]) -> Table:
        """Counts questions with and without an answer."""
        rows = []
        for name, part in splits.items():
            answered = sum(bool(row.answers) for row in part)
            contexts = len({row.context for row in part})
            counts = (len(part), contexts, answered, len(part) - answered)
            rows.append((name.capitalize(), *(f"{number:,}" for number in counts)))
        heads = ("File", "Questions", "Contexts", "With an answer", "Without")
        return Table("Questions by file.", heads, tuple(rows))

    def find(self, rows: Sequence[QuestionRow], predictions: Sequence[Any]) -> Findings:
        """Looks at predicted answers."""
        script = self.kind.config.answers.script
        answered = [
            _Answered(
                row,
                str(found["answer"]),
                float(found["probability"]),
                *compare_answer(
                    str(found["answer"]), [text for _, text in row.answers], script
                ),
            )
            for row, found in zip(rows, predictions, strict=True)
        ]
        given = [item for item in answered if item.answer]
        calibration = ""
        if given:
            calibration = tell_calibration(
                [item.probability for item in given], [item.is_right for item in given]
            )
        return Findings(calibration, (_compare_parts(answered),), _choose(answered))

    def content(self, row: QuestionRow) -> tuple[str, ...]:
        """Gives question and context."""
        return row.question, row.context


def _choose(answered: Sequence[_Answered]) -> tuple[Samples, ...]:
    # That there is none is an answer without a probability of its own.
    wrong = sorted(
        (item for item in answered if not item.is_right),
        key=lambda item: -item.probability if item.answer else 0.0,
    )
    right = sorted(
        (item for item in answered if item.is_right and item.answer),
        key=lambda item: item.probability,
    )
    return (
        Samples("The most confident errors", tuple(map(_show, wrong[:MOST_ERRORS]))),
        Samples(
            "The least confident right answers", tuple(map(_show, right[:MOST_DOUBTS]))
        ),
    )


def _compare_parts(answered: Sequence[_Answered]) -> Table:
    parts = {"All": answered}
    if not all(item.row.answers for item in answered):
        parts["With an answer"] = [item for item in answered if item.row.answers]
        parts["Without"] = [item for item in answered if not item.row.answers]
    cells = []
    for name, items in parts.items():
        total = len(items)
        exact = sum(item.exact for item in items) / max(1, total)
        f1 = sum(item.f1 for item in items) / max(1, total)
        given = format_share(sum(bool(item.answer) for item in items), total)
        cells.append((name, f"{total:,}", given, f"{exact:.4f}", f"{f1:.4f}"))
    heads = ("Questions", "Number", "Answer given", "Exact match", "F1")
    return Table("Questions with and without an answer.", heads, tuple(cells))


def _show(item: _Answered) -> Sample:
    row = item.row
    right = " / ".join(dict.fromkeys(text for _, text in row.answers))
    sure = f" ({item.probability:.3f})" if item.answer else ""
    facts = [("answered", f"{excerpt(item.answer) or _NONE}{sure}")]
    if not item.is_right:
        facts += [("right", right or _NONE), ("F1", f"{item.f1:.3f}")]
    texts = (("question", excerpt(row.question)), ("context", _cut_context(row)))
    return Sample(f"question {row.number:,}, id {row.id}", tuple(facts), texts)


def _cut_context(row: QuestionRow) -> str:
    """The part of a context around its first right answer."""
    start, text = row.answers[0] if row.answers else (0, "")
    first = max(0, start - _CONTEXT_CHARACTERS)
    last = start + len(text) + _CONTEXT_CHARACTERS
    before = "… " if first else ""
    after = " …" if last < len(row.context) else ""
    return f"{before}{row.context[first:last]}{after}"
