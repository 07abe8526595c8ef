"""python -m pytest tests/test_pair_batches.py"""

from __future__ import annotations

import numpy as np
from conftest import TINY_ENTRIES
from retrieval_fixtures import small_chat
from tasks_fixtures import example, make_finder

from electra_keras.finetuning.retrieval.pair_batches import (
    FEATURES,
    PairBatchMaker,
    encode_chat,
    find_groups,
    find_positives,
)


def test_groups_follow_links_of_training_alone() -> None:
    # 0 and 1 share answer 1 (place 7); 2 and 3 share answer 2 (place 8).
    assert find_groups(small_chat()).tolist() == [0, 0, 2, 2, 4, 5, 0, 0, 2, 9]


def test_positives_are_answers_and_questions_with_one_answer() -> None:
    pairs = find_positives(small_chat(), seed=0).tolist()
    answers = [[0, 6], [0, 7], [1, 7], [2, 8], [3, 8]]
    assert pairs[:5] == answers
    assert sorted(map(sorted, pairs[5:])) == [[0, 1], [2, 3]]


def test_three_questions_of_an_answer_make_a_ring() -> None:
    chat = small_chat()
    chat.splits["train"] = np.array([2, 3, 5])
    rings = find_positives(chat, seed=3)[3:]
    assert sorted(rings[:, 0]) == sorted(rings[:, 1]) == [2, 3, 5]
    assert all(one != two for one, two in rings)


def make_maker(count: int = 6, batch_size: int = 4) -> PairBatchMaker:
    examples = [example(2 + place % 5, group_ids=place) for place in range(count)]
    positives = np.array([[0, 1], [2, 3], [4, 5], [1, 2], [3, 4]])
    return PairBatchMaker(examples, FEATURES, batch_size, 16, positives)


def test_partners_lie_side_by_side_and_the_last_batch_is_filled_up() -> None:
    maker = make_maker()
    assert maker.batches == 3
    order = maker.train_order(seed=1, epoch=0)
    assert sorted(len(places) for places in order) == [2, 4, 4]
    seen = np.concatenate(order).reshape(-1, 2).tolist()
    assert sorted(seen) == sorted(maker.positives.tolist())
    (last,) = (places for places in order if len(places) == 2)
    batch = maker.make(last)
    assert batch["weights"].tolist() == [1, 1, 0, 0]
    assert batch["group_ids"][:2].tolist() == last.tolist()


def test_order_is_of_seed_and_epoch() -> None:
    maker = make_maker()

    def flat(seed: int, epoch: int) -> list[int]:
        return np.concatenate(maker.train_order(seed, epoch)).tolist()

    assert flat(1, 0) == flat(1, 0)
    assert len({tuple(flat(s, e)) for s in (1, 2) for e in (0, 1)}) > 1


def test_questions_come_first_then_answers() -> None:
    finder = make_finder(TINY_ENTRIES)
    examples, notes = encode_chat(small_chat(), finder, 8)
    assert len(examples) == 10 and notes == ()
    assert examples[0]["token_ids"].tolist() == [2, 6, 3]  # [CLS] 가 [SEP]
    assert examples[6]["token_ids"].tolist() == [2, 22, 3]  # [CLS] a [SEP]
    assert [int(x["group_ids"]) for x in examples] == [0, 0, 2, 2, 4, 5, 0, 0, 2, 9]
