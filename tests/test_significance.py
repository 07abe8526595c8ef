"""python -m pytest tests/test_significance.py"""

from __future__ import annotations

import pytest

from electra_keras.experiments.significance import (
    FINETUNINGS,
    PRETRAININGS,
    compare_scores,
    compare_with_fixed,
    deviation_of_finetunings,
    deviation_of_pretrainings,
    mean_of,
)

# Means .70, .72, .74 and .65, .67, .69.
OURS = {1: (0.69, 0.71), 2: (0.71, 0.73), 3: (0.73, 0.75)}
REFERENCE = {1: (0.64, 0.66), 2: (0.66, 0.68), 3: (0.68, 0.70)}


def test_a_pretraining_counts_once() -> None:
    scores = {1: (0.6, 0.6, 0.6), 2: (0.8,)}
    assert mean_of(scores) == pytest.approx(0.7)
    assert deviation_of_pretrainings(scores) == pytest.approx(0.141421, abs=1e-6)
    assert deviation_of_pretrainings({1: (0.6, 0.7)}) is None


def test_deviation_within_pretrainings_is_pooled() -> None:
    assert deviation_of_finetunings({1: (0.5,), 2: (0.7,)}) is None
    # Squares .02 + .02 + 0 over 1 + 2 degrees of freedom.
    scores = {1: (0.5, 0.7), 2: (0.6, 0.7, 0.5), 3: (0.9,)}
    assert deviation_of_finetunings(scores) == pytest.approx((0.04 / 3) ** 0.5)


def test_pretrainings_are_the_units_where_there_are_several() -> None:
    found = compare_scores(OURS, REFERENCE)
    assert found.units == PRETRAININGS
    assert found.mean == pytest.approx(0.05)
    # t = .05 / sqrt(.0004 / 3 x 2) = 3.0619 with 4 degrees of freedom, of which
    # 2.776 is the quantile of 97.5%.
    assert found.p == pytest.approx(0.03760, abs=1e-5)
    assert found.low == pytest.approx(0.05 - 2.77645 * 0.0163299, abs=1e-6)
    assert found.high == pytest.approx(0.05 + 2.77645 * 0.0163299, abs=1e-6)


def test_with_one_pretraining_finetunings_are_the_units() -> None:
    found = compare_scores({1: (0.69, 0.71, 0.73)}, REFERENCE)
    assert found.units == FINETUNINGS
    assert found.mean == pytest.approx(0.04)
    found = compare_scores({1: (0.70,), 2: (0.72,)}, {1: (0.6, 0.62, 0.64)})
    assert found.units == FINETUNINGS


def test_from_scratch_each_trial_is_a_unit() -> None:
    found = compare_scores({None: (0.70, 0.72, 0.74)}, REFERENCE)
    assert found.units == PRETRAININGS
    assert found.p == pytest.approx(0.03760, abs=1e-5)


def test_too_few_units_have_no_interval() -> None:
    one = compare_scores({1: (0.7,)}, {1: (0.6,)})
    assert (one.low, one.high, one.p) == (None, None, None)
    assert one.mean == pytest.approx(0.1)
    same = compare_scores({1: (0.7, 0.7)}, {1: (0.6, 0.6)})
    assert same.p is None


def test_a_fixed_number_is_compared_by_the_spread_of_the_reference() -> None:
    found = compare_with_fixed(0.70, REFERENCE)
    assert found.units == PRETRAININGS
    assert found.mean == pytest.approx(0.03)
    # Half: 4.30265 (2 degrees of freedom) x .02 / sqrt(3); t = -2.598.
    assert found.low == pytest.approx(0.03 - 4.30265 * 0.0115470, abs=1e-6)
    assert found.high == pytest.approx(0.03 + 4.30265 * 0.0115470, abs=1e-6)
    assert found.p == pytest.approx(0.12169, abs=1e-5)
    assert compare_with_fixed(0.7, {1: (0.6, 0.7)}).units == FINETUNINGS
    assert compare_with_fixed(0.7, {1: (0.6,)}).p is None
