"""python -m pytest tests/test_classification_metrics.py"""

from __future__ import annotations

import numpy as np
import pytest

from electra_keras.finetuning.metrics.classification import (
    count_confusions,
    measure_classification,
)


def measure(labels: list[int], predictions: list[int], n: int) -> dict[str, float]:
    found = count_confusions(np.array(labels), np.array(predictions), n)
    return measure_classification(found)


def test_confusions_hold_labels_in_rows() -> None:
    found = count_confusions(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_two_labels() -> None:
    # 2 true and 1 false positives, 2 false and 3 true negatives.
    metrics = measure([1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 1, 0, 0, 0], 2)
    assert metrics == {
        "accuracy": 0.625,
        "macro_f1": pytest.approx((4 / 7 + 6 / 9) / 2),
        "mcc": pytest.approx((2 * 3 - 1 * 2) / (3 * 4 * 4 * 5) ** 0.5),
        "f1": pytest.approx(4 / 7),
    }


def test_three_labels() -> None:
    # Worked by hand: F1 of 4/5, 0 and 2/3; right 3 of 5.
    metrics = measure([0, 0, 1, 2, 2], [0, 0, 0, 2, 1], 3)
    assert metrics["accuracy"] == 0.6
    assert metrics["macro_f1"] == pytest.approx((4 / 5 + 0 + 2 / 3) / 3)
    # (3 * 5 - (2 * 3 + 1 * 1 + 2 * 1)) / sqrt((25 - 9) (25 - 11)).
    assert metrics["mcc"] == pytest.approx(6 / 224**0.5)
    assert "f1" not in metrics


def test_labels_that_do_not_occur_are_not_in_the_mean() -> None:
    assert measure([0, 1], [0, 1], 5)["macro_f1"] == 1.0


def test_constant_predictions_correlate_with_nothing() -> None:
    metrics = measure([0, 1, 1], [1, 1, 1], 2)
    assert metrics["mcc"] == 0.0 and metrics["f1"] == pytest.approx(0.8)


def test_other_ids_and_shapes_are_errors() -> None:
    with pytest.raises(ValueError, match="ids from 0 to 2 of 2 labels"):
        measure([0, 2], [0, 1], 2)
    with pytest.raises(ValueError, match="shapes"):
        measure([0, 1], [0], 2)
