"""What a report says about a regression: errors by range, the largest errors.

Reads `TextRow`s and predictions of `tasks/regression.py`; found by `findings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from electra_keras.finetuning.reporting.blocks import Samples, Table
from electra_keras.finetuning.reporting.classification_findings import show_texts
from electra_keras.finetuning.reporting.findings import (
    MOST_ERRORS,
    Baseline,
    Findings,
    KindFindings,
    make_sample,
)
from electra_keras.finetuning.text_files import TextRow

_BINS = 5


class RegressionFindings(KindFindings[TextRow]):
    """Errors by range, and the largest ones."""

    def baseline(
        self, train_rows: Sequence[TextRow], rows: Sequence[TextRow]
    ) -> Baseline:
        """Answers the mean of the training file."""
        mean = float(np.mean(_numbers(train_rows)))
        name = f"always {mean:.3f}, the mean of training"
        return Baseline(name, [mean] * len(rows))

    def count_labels(self, splits: Mapping[str, Sequence[TextRow]]) -> Table:
        """Tells where the numbers of each file lie."""
        rows = []
        for name, part in splits.items():
            numbers = _numbers(part)
            lowest, *quartiles, highest = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1])
            shown = (lowest, *quartiles, highest, numbers.mean())
            cells = (f"{number:.3f}" for number in shown)
            rows.append((name.capitalize(), f"{len(part):,}", *cells))
        heads = ("Rows", "Lowest", "25 %", "Median", "75 %", "Highest", "Mean")
        return Table("The numbers of each file.", ("File", *heads), tuple(rows))

    def find(self, rows: Sequence[TextRow], predictions: Sequence[float]) -> Findings:
        """Looks at predictions."""
        numbers, answers = _numbers(rows), np.array(predictions, float)
        errors = np.abs(answers - numbers)
        order = np.argsort(-errors, kind="stable")[:MOST_ERRORS]
        samples = tuple(
            make_sample(
                rows[place],
                [
                    ("answered", f"{answers[place]:.3f}"),
                    ("right", f"{numbers[place]:.3f}"),
                ],
                show_texts(rows[place]),
            )
            for place in order
        )
        calibration = (
            f"It answers {answers.mean():.3f} on average where {numbers.mean():.3f} is "
            f"right, and is off by {errors.mean():.3f} on average."
        )
        table = _measure_ranges(numbers, answers)
        return Findings(
            calibration, (table,), (Samples("The largest errors", samples),)
        )

    def content(self, row: TextRow) -> tuple[str, ...]:
        """Gives the text, or both."""
        return (row.text,) if row.text_pair is None else (row.text, row.text_pair)


def _numbers(rows: Sequence[TextRow]) -> np.ndarray:
    return np.array([float(row.label) for row in rows])


def _measure_ranges(numbers: np.ndarray, answers: np.ndarray) -> Table:
    """Cuts the range of what is right into parts of one width."""
    edges = np.linspace(numbers.min(), numbers.max(), _BINS + 1)
    places = np.clip(np.searchsorted(edges, numbers, "right") - 1, 0, _BINS - 1)
    rows = []
    for place in range(_BINS):
        is_here = places == place
        if is_here.any():
            here, there = numbers[is_here], answers[is_here]
            shown = (here.mean(), there.mean(), np.abs(there - here).mean())
            cells = (f"{number:.3f}" for number in shown)
            name = f"{edges[place]:.3g} to {edges[place + 1]:.3g}"
            rows.append((name, f"{is_here.sum():,}", *cells))
    return Table(
        "By what is right: what the network answers there, and how far off.",
        ("Right number", "Rows", "Mean", "Mean answer", "Mean error"),
        tuple(rows),
    )
