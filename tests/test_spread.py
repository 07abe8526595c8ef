"""python -m pytest tests/test_spread.py"""

from __future__ import annotations

import pytest

from electra_keras.finetuning.spread import find_best, spread_figures
from electra_keras.finetuning.trial import TrialResult


def result(seed: int, validation: float, test: float) -> TrialResult:
    figures = {
        "validation": {"task_score": validation},
        "test": {"task_score": test},
    }
    return TrialResult(seed, 10, figures, 1.0)


def test_median_and_spread_by_split() -> None:
    results = [result(0, 0.7, 0.1), result(1, 0.9, 0.2), result(2, 0.8, 0.6)]
    figures = spread_figures(results)
    assert figures["test"]["task_score"] == {
        "median": 0.2,
        "mean": pytest.approx(0.3),
        "minimum": 0.1,
        "maximum": 0.6,
        "deviation": pytest.approx(0.07**0.5),
    }
    assert spread_figures(results[:1])["test"]["task_score"]["deviation"] == 0.0


def test_the_best_is_chosen_by_validation_alone() -> None:
    results = [result(0, 0.7, 0.9), result(1, 0.8, 0.1), result(2, 0.8, 0.2)]
    assert find_best(results).seed == 1
