"""Figures of several trials to their median and spread.

Reads `TrialResult`s, feeds `figures.json` and the report.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from electra_keras.finetuning.trial import TrialResult

Spread = dict[str, float]


def spread_figures(results: Sequence[TrialResult]) -> dict[str, dict[str, Spread]]:
    """Sums up trials, as the paper does by the median.

    Args:
        results: At least one.

    Returns: By split and figure: `median`, `mean`, `minimum`, `maximum` and
        `deviation`, the sample's standard deviation, 0 of one trial.
    """
    return {
        split: {
            name: _spread([result.figures[split][name] for result in results])
            for name in figures
        }
        for split, figures in results[0].figures.items()
    }


def find_best(results: Sequence[TrialResult]) -> TrialResult:
    """Finds the trial that did best on the validation file; the first of equals."""
    return max(results, key=lambda result: (result.score, -result.seed))


def _spread(values: Sequence[float]) -> Spread:
    return {
        "median": statistics.median(values),
        "mean": statistics.fmean(values),
        "minimum": min(values),
        "maximum": max(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else 0.0,
    }
