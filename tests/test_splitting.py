"""python -m pytest tests/test_splitting.py"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from beam_pipelines.document_blocks import hashes_to_columns
from beam_pipelines.splitting import (
    ShardPlan,
    copies_of,
    hash_document,
    plan_shards,
)


def hashes(count: int) -> np.ndarray:
    return hashes_to_columns([hash_document(str(i).encode()) for i in range(count)])


def plan(rate: float, test_rate: float = 0.0) -> ShardPlan:
    return plan_shards(
        10**6, validation_rate=rate, test_rate=test_rate, shard_bytes=10**5
    )


def splits(shard_plan: ShardPlan, count: int) -> list[str]:
    keys = shard_plan.keys()
    return [keys[place][0] for place in shard_plan.place(hashes(count)).tolist()]


def test_splits_follow_the_hash_and_the_rates() -> None:
    places = plan(0.2, 0.1)
    assert (places.train_shards, places.validation_shards, places.test_shards) == (
        *(10, 2, 1),
    )
    counts = Counter(splits(places, 20_000))
    assert counts["validation"] / 20_000 == pytest.approx(0.2, abs=0.01)
    assert counts["test"] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert len(set(places.place(hashes(20_000)).tolist())) == 13


def test_literal_places() -> None:
    assert plan(0.5, 0.2).place(hashes(8)).tolist() == [14, 13, 4, 13, 5, 1, 8, 2]


def test_a_lower_rate_never_moves_documents_into_validation() -> None:
    for lower, higher in zip(
        splits(plan(0.1), 2000), splits(plan(0.2), 2000), strict=True
    ):
        assert higher == "validation" or lower == "train"


@pytest.mark.parametrize(("rate", "split"), [(0.0, "train"), (1.0, "validation")])
def test_extreme_rates_leave_one_split(rate: float, split: str) -> None:
    assert set(splits(plan(rate), 500)) == {split}


@pytest.mark.parametrize(
    ("text_bytes", "rate", "shards"),
    [(10, 0.0, (1, 0)), (10, 0.01, (1, 1)), (10**9, 0.05, (60, 3))],
)
def test_number_of_shards_follows_the_size(
    text_bytes: int, rate: float, shards: tuple[int, int]
) -> None:
    places = plan_shards(text_bytes, validation_rate=rate, shard_bytes=16 * 2**20)
    assert (places.train_shards, places.validation_shards) == shards


def test_copies_have_the_weight_as_their_mean() -> None:
    columns = hashes(20_000)
    for weight in (0.0, 0.25, 1.0, 2.5):
        copies = copies_of(columns, np.full(20_000, weight))
        assert copies.mean() == pytest.approx(weight, abs=0.02)
        assert set(copies.tolist()) <= {int(weight), int(weight) + 1}


def test_sampling_and_split_are_independent() -> None:
    columns = hashes(20_000)
    is_used = copies_of(columns, np.full(20_000, 0.5)) > 0
    held_out = plan(0.2).place(columns) >= 10
    assert held_out[is_used].mean() == pytest.approx(0.2, abs=0.015)
