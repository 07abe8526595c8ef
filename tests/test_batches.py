"""python -m pytest tests/test_batches.py"""

from __future__ import annotations

import numpy as np
from tasks_fixtures import example

from electra_keras.data.dataset import BatchShare
from electra_keras.finetuning.batches import BatchMaker


def make(lengths, batch_size=2, sequence_length=64) -> BatchMaker:
    examples = [
        example(length, label_ids=np.int32(place), tags=np.arange(length))
        for place, length in enumerate(lengths)
    ]
    features = {"label_ids": None, "tags": -1}
    return BatchMaker(examples, features, batch_size, sequence_length)


def test_a_batch_is_padded_to_its_longest_row() -> None:
    batch = make([3, 11]).make(np.array([1, 0]))
    assert batch["token_ids"].shape == (2, 16)
    assert batch["token_ids"][1].tolist() == [1, 2, 3] + [0] * 13
    assert batch["padding_mask"].sum(axis=1).tolist() == [11, 3]
    assert batch["label_ids"].tolist() == [1, 0]
    assert batch["tags"][1].tolist() == [0, 1, 2] + [-1] * 13
    assert batch["weights"].tolist() == [1.0, 1.0]
    assert make([3, 11], sequence_length=12).make(np.array([1]))["tags"].shape == (
        2,
        12,
    )


def test_rows_that_fill_up_count_nothing() -> None:
    batch = make([3]).make(np.array([0]))
    assert batch["weights"].tolist() == [1.0, 0.0]
    assert batch["token_ids"][1].tolist() == [0] * 8
    # A row without any token would be taken for an unreadable one.
    assert batch["padding_mask"][1].tolist() == [1] + [0] * 7


def test_an_epoch_holds_every_row_once_in_an_order_of_its_own() -> None:
    maker = make([5] * 7)
    orders = [
        maker.train_order(seed, epoch) for seed, epoch in ((1, 0), (1, 1), (2, 0))
    ]
    for order in orders:
        assert sorted(np.concatenate(order).tolist()) == list(range(7))
        assert [len(places) for places in sorted(order, key=len)] == [1, 2, 2, 2]
    again = maker.train_order(1, 0)
    assert [x.tolist() for x in again] == [x.tolist() for x in orders[0]]
    assert len({str([x.tolist() for x in order]) for order in orders}) == 3


def test_rows_of_similar_length_come_together() -> None:
    maker = make([5, 50] * 20, batch_size=4)
    for places in maker.train_order(3, 0):
        assert len(set((places % 2).tolist())) == 1
    lengths = [
        len(maker.examples[p]["token_ids"]) for o in maker.sorted_order() for p in o
    ]
    assert lengths == sorted(lengths)


def test_a_stream_begins_at_any_step() -> None:
    maker = make([5, 6, 7, 8, 9])
    whole = list(maker.train_dataset(4, 0).take(9))
    later = list(maker.train_dataset(4, 5).take(4))
    for one, two in zip(whole[5:], later, strict=True):
        np.testing.assert_array_equal(one["label_ids"], two["label_ids"])
    # Three batches an epoch: every row once in the first three.
    seen = [
        int(label)
        for batch in whole[:3]
        for label, weight in zip(batch["label_ids"], batch["weights"], strict=True)
        if weight
    ]
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_replicas_get_their_rows_of_a_batch() -> None:
    maker = make([5, 6, 7, 8], batch_size=4)
    (whole,) = maker.train_dataset(4, 0).take(1)
    parts = list(maker.train_dataset(4, 0, BatchShare(0, 1, 2)).take(2))
    both = np.concatenate([part["label_ids"] for part in parts])
    np.testing.assert_array_equal(both, whole["label_ids"])
