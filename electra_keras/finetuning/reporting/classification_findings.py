"""What a report says about a classification: confusions, calibration, errors.

Reads `TextRow`s and predictions of `tasks/classification.py`; found by
`findings.py`.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from electra_keras.finetuning.reporting.blocks import Sample, Samples, Table
from electra_keras.finetuning.reporting.findings import (
    MOST_DOUBTS,
    MOST_ERRORS,
    Baseline,
    Findings,
    KindFindings,
    make_sample,
    tell_calibration,
)
from electra_keras.finetuning.reporting.numbers import (
    MISSING,
    excerpt,
    format_share,
)
from electra_keras.finetuning.tasks.classification import Classification
from electra_keras.finetuning.text_files import TextRow

# Larger matrices cannot be read.
_MOST_MATRIX_LABELS = 20
_MOST_CONFUSIONS = 15


class ClassificationFindings(KindFindings[TextRow]):
    """Confusions, calibration and errors of a classification.

    Args:
        kind: Of the task.
    """

    kind: Classification

    def baseline(
        self, train_rows: Sequence[TextRow], rows: Sequence[TextRow]
    ) -> Baseline:
        """Answers the most frequent label of the training file."""
        labels = self.kind.labels
        counts = collections.Counter(str(row.label) for row in train_rows)
        place = max(
            range(len(labels.values)), key=lambda i: (counts[labels.values[i]], -i)
        )
        shares = [counts[value] / max(1, len(train_rows)) for value in labels.values]
        prediction = {
            "label": labels.values[place],
            "name": labels.names[place],
            "probabilities": shares,
        }
        name = f"always {labels.names[place]}, the most frequent label of training"
        return Baseline(name, [prediction] * len(rows))

    def count_labels(self, splits: Mapping[str, Sequence[TextRow]]) -> Table:
        """Counts rows by label and file, with shares."""
        counts = {
            name: collections.Counter(str(row.label) for row in rows)
            for name, rows in splits.items()
        }
        heads = [head for name in splits for head in (name.capitalize(), "Share")]
        rows = []
        labels = self.kind.labels
        for value, label in zip(labels.values, labels.names, strict=True):
            cells = [
                cell
                for found in counts.values()
                for cell in (
                    f"{found[value]:,}",
                    format_share(found[value], found.total()),
                )
            ]
            rows.append((label, *cells))
        return Table("Rows by label.", ("Label", *heads), tuple(rows))

    def find(
        self, rows: Sequence[TextRow], predictions: Sequence[dict[str, Any]]
    ) -> Findings:
        """Looks at predictions."""
        counts = self.kind.confusions(rows, predictions)
        names = self.kind.labels.names
        tables = []
        if len(names) <= _MOST_MATRIX_LABELS:
            tables.append(_make_matrix(counts, names))
        if len(names) > 2:
            tables.append(_list_confusions(counts, names))
        tables.append(_measure_labels(counts, names))
        never = [
            name
            for name, present, predicted in zip(
                names, counts.sum(1), counts.sum(0), strict=True
            )
            if present and not predicted
        ]
        return Findings(
            tell_calibration(
                [max(found["probabilities"]) for found in predictions],
                list(map(_is_right, rows, predictions)),
            ),
            tuple(tables),
            self._choose_samples(rows, predictions),
            tuple(never),
        )

    def content(self, row: TextRow) -> tuple[str, ...]:
        """Gives the text, or both."""
        return (row.text,) if row.text_pair is None else (row.text, row.text_pair)

    def _choose_samples(
        self, rows: Sequence[TextRow], predictions: Sequence[dict[str, Any]]
    ) -> tuple[Samples, ...]:
        pairs = list(zip(rows, predictions, strict=True))
        wrong = [pair for pair in pairs if not _is_right(*pair)]
        right = [pair for pair in pairs if _is_right(*pair)]
        wrong.sort(key=lambda pair: -max(pair[1]["probabilities"]))
        right.sort(key=lambda pair: max(pair[1]["probabilities"]))
        return (
            Samples(
                "The most confident errors",
                tuple(self._show(*pair) for pair in wrong[:MOST_ERRORS]),
            ),
            Samples(
                "The least confident right answers",
                tuple(self._show(*pair) for pair in right[:MOST_DOUBTS]),
            ),
        )

    def _show(self, row: TextRow, predicted: dict[str, Any]) -> Sample:
        labels = self.kind.labels
        place = labels.id_of(str(row.label))
        probabilities = predicted["probabilities"]
        facts = [("answered", f"{predicted['name']} ({max(probabilities):.3f})")]
        if not _is_right(row, predicted):
            facts.append(
                ("right", f"{labels.names[place]} ({probabilities[place]:.3f})")
            )
        return make_sample(row, facts, show_texts(row))


def show_texts(row: TextRow) -> list[tuple[str, str]]:
    """Gives the texts of a row, named if there are two."""
    if row.text_pair is None:
        return [("", excerpt(row.text))]
    return [("text", excerpt(row.text)), ("second text", excerpt(row.text_pair))]


def _is_right(row: TextRow, predicted: dict[str, Any]) -> bool:
    return predicted["label"] == str(row.label)


def _make_matrix(counts: np.ndarray, names: Sequence[str]) -> Table:
    totals = np.maximum(counts.sum(1, keepdims=True), 1)
    shares = counts / totals
    shades = np.where(np.eye(len(names), dtype=bool), shares, -shares)
    return Table(
        "A row is the right label, a column the answer. A cell is the darker, the "
        "larger its share of the row.",
        ("Right label", *names, "Rows"),
        tuple(
            (name, *(f"{number:,}" for number in row), f"{row.sum():,}")
            for name, row in zip(names, counts, strict=True)
        ),
        shades=tuple((*map(float, row), 0.0) for row in shades),
    )


def _list_confusions(counts: np.ndarray, names: Sequence[str]) -> Table:
    pairs = [
        (int(counts[i, j]), i, j)
        for i in range(len(names))
        for j in range(len(names))
        if i != j and counts[i, j]
    ]
    pairs.sort(key=lambda pair: (-pair[0], *pair[1:]))
    return Table(
        "The most frequent confusions; shares are of the rows with the right label.",
        ("Right label", "Answered", "Rows", "Share"),
        tuple(
            (names[i], names[j], f"{number:,}", format_share(number, counts[i].sum()))
            for number, i, j in pairs[:_MOST_CONFUSIONS]
        ),
        text_columns=2,
    )


def _measure_labels(counts: np.ndarray, names: Sequence[str]) -> Table:
    rows = []
    for place, name in enumerate(names):
        right, present = counts[place, place], counts[place].sum()
        found = counts[:, place].sum()
        rows.append(label_row(name, int(present), int(found), int(right)))
    return Table("By label.", LABEL_HEADS, tuple(rows))


LABEL_HEADS = ("Label", "Rows", "Answered", "Right", "Precision", "Recall", "F1")


def label_row(name: str, present: int, found: int, right: int) -> tuple[str, ...]:
    """Writes counts of a label, and its precision, recall and F1."""
    rates = ((right, found), (right, present), (2 * right, found + present))
    return (
        name,
        *(f"{number:,}" for number in (present, found, right)),
        *(f"{a / b:.4f}" if b else MISSING for a, b in rates),
    )
