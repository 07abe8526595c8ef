"""python -m pytest tests/test_packing.py"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.packing import Example, document_generator, pack_document

CLS, SEP = 2, 3


def pack(
    lengths: list[int], sequence_length: int, *, seed: int = 1, **rates: float
) -> list[Example]:
    """Packs sentences whose token ids count up from 10."""
    ends = np.cumsum([0, *lengths]) + 10
    sentences = [np.arange(a, b, dtype=np.int32) for a, b in itertools.pairwise(ends)]
    return pack_document(
        sentences,
        sequence_length=sequence_length,
        generator=document_generator(seed, b"document"),
        cls_id=CLS,
        sep_id=SEP,
        **rates,
    )


def as_lists(examples: list[Example]) -> list[tuple[list[int], int]]:
    return [(e.token_ids.tolist(), e.first_segment_tokens) for e in examples]


PLAIN = {"single_segment_rate": 0.0, "short_example_rate": 0.0}


def test_sentences_are_shared_out_over_two_segments() -> None:
    # Target of a: (13 - 3) // 2 = 5, so 2 + 2 fit and the next 2 do not.
    assert as_lists(pack([2, 2, 4, 2], 13, **PLAIN))[0] == (
        [CLS, 10, 11, 12, 13, SEP, 14, 15, 16, 17, 18, 19, SEP],
        6,
    )


def test_a_later_short_sentence_may_join_the_first_segment() -> None:
    # 3 in a; 5 does not fit, b starts (or, by the coin, a); then 1 fits a.
    outcomes = {
        str(as_lists(pack([3, 5, 1, 1], 13, seed=seed, **PLAIN))) for seed in range(40)
    }
    joined = [([CLS, 10, 11, 12, 18, SEP, 13, 14, 15, 16, 17, 19, SEP], 6)]
    coin = [([CLS, *range(10, 18), SEP, 18, 19, SEP], 10)]
    assert outcomes == {str(joined), str(coin)}


def test_what_does_not_fit_starts_the_next_example() -> None:
    # 6 + 6 tokens, room for 10 in a pair: b is cut, two tokens are left.
    assert as_lists(pack([6, 6], 13, **PLAIN)) == [
        ([CLS, *range(10, 16), SEP, *range(16, 20), SEP], 8),
        ([CLS, 20, 21, SEP], 4),
    ]


def test_a_long_sentence_is_split_over_examples() -> None:
    assert as_lists(pack([14], 8, **PLAIN)) == [
        ([CLS, *range(10, 16), SEP], 8),
        ([CLS, *range(16, 22), SEP], 8),
        ([CLS, 22, 23, SEP], 4),
    ]


def test_single_segment_fills_the_row() -> None:
    examples = pack([3] * 9, 11, single_segment_rate=1.0, short_example_rate=0.0)
    assert as_lists(examples)[0] == ([CLS, *range(10, 19), SEP], 11)
    assert all(e.first_segment_tokens == len(e.token_ids) for e in examples)


def test_nothing_comes_of_nothing() -> None:
    assert pack([], 16) == []
    assert pack([0, 0], 16) == []


@settings(max_examples=300, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 60), max_size=30),
    sequence_length=st.integers(8, 40),
    seed=st.integers(0, 2**40),
)
def test_every_token_comes_out_once_in_rows_that_fit(
    lengths: list[int], sequence_length: int, seed: int
) -> None:
    examples = pack(lengths, sequence_length, seed=seed, short_example_rate=0.3)
    out: Counter[int] = Counter()
    for token_ids, first in examples:
        assert len(token_ids) <= sequence_length
        assert token_ids[0] == CLS and token_ids[first - 1] == SEP == token_ids[-1]
        assert np.count_nonzero(token_ids < 10) == (2 if first == len(token_ids) else 3)
        assert 3 <= first <= len(token_ids) != first + 1
        for segment in (token_ids[1 : first - 1], token_ids[first:-1]):
            assert np.all(np.diff(segment) > 0)
        out.update(token_ids[token_ids >= 10].tolist())
    assert out == Counter(range(10, 10 + sum(lengths)))


def test_rates_of_single_segments_and_short_examples() -> None:
    examples = pack([1] * 300_000, 64, seed=5)[:-1]
    lengths = np.array([len(e.token_ids) for e in examples])
    single = np.array([e.first_segment_tokens for e in examples]) == lengths
    # A single segment has one [SEP] less; one token alone cannot be a pair.
    short = lengths < 63
    assert np.mean(single[~short]) == pytest.approx(0.1, abs=0.015)
    assert np.mean(short) == pytest.approx(0.05 * 58 / 60, abs=0.01)
    assert lengths[short].min() >= 4


def test_randomness_follows_seed_and_document_only() -> None:
    first = document_generator(1, b"a").random(4).tolist()
    document_generator(1, b"other").random(9)
    assert document_generator(1, b"a").random(4).tolist() == first
    assert document_generator(2, b"a").random(4).tolist() != first
    assert document_generator(1, b"b").random(4).tolist() != first
