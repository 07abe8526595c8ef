"""What a report says about predictions, by kind of task.

Reads the rows of a file and what the best trial made of them, feeds the sections.
A new kind of task has a `*_findings.py` and a line in the table.
"""

from __future__ import annotations

import abc
import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Generic

from electra_keras.finetuning.reporting.blocks import Sample, Samples, Table
from electra_keras.finetuning.tasks.task_kind import Row, TaskKind

MOST_ERRORS = 20
MOST_DOUBTS = 10
_CALIBRATED = 0.02

_FINDINGS = {
    "classification": "ClassificationFindings",
    "regression": "RegressionFindings",
    "token_classification": "TokenFindings",
    "question_answering": "AnswerFindings",
}


@dataclasses.dataclass(frozen=True)
class Baseline:
    """Predictions that ask no text.

    Attributes:
        name: What is always answered, in words.
        predictions: One a row, as the kind of task makes them.
    """

    name: str
    predictions: list[Any]


@dataclasses.dataclass(frozen=True)
class Findings:
    """What there is to say of predictions.

    Attributes:
        calibration: How sure the network is and how sure it may be, in a line;
            "" of kinds that give no probability.
        tables: What was taken for what.
        samples: Rows to look at.
        never_predicted: Names of labels that occur and were never answered.
    """

    calibration: str
    tables: tuple[Table, ...]
    samples: tuple[Samples, ...]
    never_predicted: tuple[str, ...] = ()


class KindFindings(abc.ABC, Generic[Row]):
    """What a report says about a kind of task.

    Args:
        kind: Of the task; it knows the labels.
    """

    def __init__(self, kind: TaskKind[Row]) -> None:
        self.kind = kind

    @abc.abstractmethod
    def baseline(self, train_rows: Sequence[Row], rows: Sequence[Row]) -> Baseline:
        """Answers every row with what training rows make the best constant.

        Args:
            train_rows: Of the training file.
            rows: That are answered.
        """

    @abc.abstractmethod
    def count_labels(self, splits: Mapping[str, Sequence[Row]]) -> Table:
        """Counts labels by file."""

    @abc.abstractmethod
    def find(self, rows: Sequence[Row], predictions: Sequence[Any]) -> Findings:
        """Looks at predictions of a file, one a row."""

    @abc.abstractmethod
    def content(self, row: Row) -> tuple[str, ...]:
        """Gives what the network sees of a row; equal ones are the same row."""


def find_findings(kind: TaskKind[Any]) -> KindFindings[Any]:
    """Finds what reports on a kind of task."""
    name = kind.config.task.kind
    stem = {"token_classification": "token", "question_answering": "answer"}
    module = importlib.import_module(f"{__package__}.{stem.get(name, name)}_findings")
    return getattr(module, _FINDINGS[name])(kind)


def tell_calibration(probabilities: Sequence[float], is_right: Sequence[bool]) -> str:
    """Says in a line whether answers are as probable as they are right.

    Args:
        probabilities: Of the answers that were given, at least one.
        is_right: Of each.
    """
    mean = sum(probabilities) / len(probabilities)
    accuracy = sum(is_right) / len(is_right)
    excess = mean - accuracy
    if abs(excess) < _CALIBRATED:
        verdict = "it is as sure as it should be"
    elif excess > 0:
        verdict = f"it is too sure, by {excess:.3f}"
    else:
        verdict = f"it is not sure enough, by {-excess:.3f}"
    return (
        f"Calibration: its answers have a probability of {mean:.3f} on average and "
        f"{accuracy:.3f} of them are right: {verdict}."
    )


def make_sample(
    row: Any, facts: Sequence[tuple[str, str]], texts: Sequence[tuple[str, str]]
) -> Sample:
    """Makes a sample of a row that knows its line in the file."""
    name = getattr(row, "id", None)
    where = f"line {row.line:,}"
    if name is not None and name != str(row.line):
        where += f", id {name}"
    return Sample(where, tuple(facts), tuple(texts))
