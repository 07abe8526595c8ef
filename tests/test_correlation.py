"""python -m pytest tests/test_correlation.py"""

from __future__ import annotations

import numpy as np
import pytest

from electra_keras.finetuning.metrics.correlation import measure_correlation, rank


def test_equal_numbers_share_their_rank() -> None:
    assert rank(np.array([3.0, 1.0, 3.0, 2.0, 3.0])).tolist() == [4, 1, 4, 2, 4]


def test_correlations_worked_by_hand() -> None:
    found = measure_correlation(np.array([1, 2, 3, 4]), np.array([1, 2, 4, 3]))
    assert found == {
        "pearson": pytest.approx(0.8),
        "spearman": pytest.approx(0.8),
        "mse": 0.5,
    }


def test_ties_are_right() -> None:
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, spreads 4.5 and 5.
    found = measure_correlation(np.array([0, 1, 1, 9]), np.array([1, 2, 3, 4]))
    assert found["spearman"] == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_the_order_alone_counts_for_spearman() -> None:
    found = measure_correlation(np.array([1, 2, 3]), np.exp([10.0, 20.0, 30.0]))
    assert found["spearman"] == pytest.approx(1.0)
    assert found["pearson"] == pytest.approx(0.866, abs=1e-3)


def test_a_constant_correlates_with_nothing() -> None:
    found = measure_correlation(np.array([1, 2, 3]), np.array([0.1, 0.1, 0.1]))
    assert found["pearson"] == 0.0 and found["spearman"] == 0.0


def test_what_is_no_number_is_an_error() -> None:
    with pytest.raises(ValueError, match="not finite"):
        measure_correlation(np.array([1, 2]), np.array([1, np.nan]))
    with pytest.raises(ValueError, match="shapes"):
        measure_correlation(np.array([1]), np.array([1]))
