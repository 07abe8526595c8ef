"""python -m pytest tests/test_subsets.py"""

from __future__ import annotations

import collections
import itertools

import pytest

from electra_keras.errors import UsageError
from electra_keras.experiments.subsets import draw_subset

LABELS = ["a"] * 60 + ["b"] * 30 + ["c"] * 10


def test_labels_keep_their_shares() -> None:
    drawn = draw_subset(LABELS, 10, seed=0)
    assert collections.Counter(LABELS[place] for place in drawn) == {
        **{"a": 6, "b": 3, "c": 1}
    }
    assert drawn == sorted(set(drawn))
    assert draw_subset(LABELS, 10, seed=0) == drawn
    assert draw_subset(LABELS, 10, seed=1) != drawn


def test_places_are_those_of_the_seed() -> None:
    assert draw_subset(["a", "a", "a", "a", "b", "b"], 3, seed=0) == [0, 1, 4]
    assert draw_subset(["", "", "", "", ""], 2, seed=7) == [2, 3]


def test_small_subsets_lie_within_large_ones() -> None:
    for seed in range(5):
        subsets = [set(draw_subset(LABELS, size, seed)) for size in (5, 20, 50, 100)]
        for small, large in itertools.pairwise(subsets):
            assert small < large


def test_all_rows_are_all_rows() -> None:
    assert draw_subset(LABELS, None, seed=3) == list(range(100))
    with pytest.raises(UsageError, match="101 training rows of 100; expected at most"):
        draw_subset(LABELS, 101, seed=3)
