"""python -m pytest tests/test_sampling.py"""

from __future__ import annotations

import numpy as np
import pytest

from electra_keras.finetuning.sampling import draw_stratified

# 600 of 0, 300 of 1, 100 of 2, in turns.
LABELS = np.array([0, 1, 0, 0, 1, 0, 0, 1, 0, 2] * 100)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(10, [6, 3, 1]), (100, [60, 30, 10]), (1000, [600, 300, 100]), (0, [0, 0, 0])],
)
def test_each_label_keeps_its_share(count: int, expected: list[int]) -> None:
    places = draw_stratified(LABELS, count, 0)
    assert np.bincount(LABELS[places], minlength=3).tolist() == expected
    assert len(set(places.tolist())) == count
    assert places.tolist() == sorted(places.tolist())


def test_a_share_that_is_not_whole_is_rounded() -> None:
    counts = np.bincount(LABELS[draw_stratified(LABELS, 33, 0)])
    assert np.abs(counts - [19.8, 9.9, 3.3]).max() < 1


def test_the_seed_alone_decides() -> None:
    first = draw_stratified(LABELS, 50, 0).tolist()
    assert draw_stratified(LABELS, 50, 0).tolist() == first
    assert draw_stratified(LABELS, 50, 1).tolist() != first


def test_of_fewer_all_are_drawn() -> None:
    assert draw_stratified(np.array([1, 0, 1]), 9, 0).tolist() == [0, 1, 2]
