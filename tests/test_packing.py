"""python -m pytest tests/test_packing.py"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.packed_rows import (
    PackedRows,
    PackingSettings,
    TokenizedDocuments,
)
from beam_pipelines.packing import (
    Example,
    document_generator,
    pack_document,
    pack_documents,
)
from electra_keras.errors import UsageError

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


def make_documents(
    documents: list[list[int]], turn_starts: list[bool] | None = None
) -> TokenizedDocuments:
    """Documents by the lengths of their lines; token ids count up from 10."""
    lengths = [length for lines in documents for length in lines]
    return TokenizedDocuments(
        np.arange(10, 10 + sum(lengths), dtype=np.int32),
        np.cumsum([0, *lengths]),
        np.cumsum([0, *map(len, documents)]),
        None if turn_starts is None else np.array(turn_starts),
    )


def rows_of(rows: PackedRows) -> list[tuple[list[int], int]]:
    splits = rows.row_splits.tolist()
    return [
        (rows.token_ids[a:b].tolist(), first)
        for (a, b), first in zip(
            itertools.pairwise(splits), rows.first_segment_tokens.tolist(), strict=True
        )
    ]


def test_a_shard_is_its_documents_one_after_the_other() -> None:
    documents = [[5, 3, 4, 15], [], [0], [30], [2, 0, 9, 9]]
    hashes = [b"a", b"b", b"c", b"d", b"e"]
    settings = PackingSettings(16, CLS, SEP, seed=2)
    tokens = make_documents(documents)
    together = rows_of(pack_documents(tokens, hashes, settings))
    alone = []
    for number, key in enumerate(hashes):
        lines = range(*tokens.document_splits[number : number + 2])
        bounds = tokens.line_splits
        examples = pack_document(
            [tokens.token_ids[bounds[i] : bounds[i + 1]] for i in lines],
            sequence_length=16,
            generator=document_generator(2, key),
            cls_id=CLS,
            sep_id=SEP,
        )
        alone += as_lists(examples)
    assert together == alone


def test_a_dialogue_is_told_by_its_turns() -> None:
    # 4 + 4 tokens of one speaker, 3 + 2 of the other, behind a plain document.
    # A marked first line, and the mark of the empty line, are both fine.
    settings = PackingSettings(
        16, CLS, SEP, single_segment_rate=0.0, short_example_rate=0.0
    )
    turn_starts = [True, False, True, False, True, False, False, False]
    documents = make_documents([[1, 1], [4, 4, 0, 3, 2, 1]], turn_starts)
    assert rows_of(pack_documents(documents, [b"a", b"b"], settings)) == [
        ([CLS, 10, 11, SEP], 4),
        ([CLS, *range(12, 20), SEP, *range(20, 25), SEP], 10),
        ([CLS, 25, SEP], 3),
    ]


def test_packings_of_one_shard_side_by_side() -> None:
    documents = make_documents([[3], [2, 2], [], [9]])
    hashes = [b"a", b"b", b"c", b"d"]

    def pack_as(packing: str) -> PackedRows:
        settings = PackingSettings(9, CLS, SEP, packing, single_segment_rate=1.0)
        return pack_documents(documents, hashes, settings)

    short = [
        ([CLS, 10, 11, 12, SEP], 5),
        ([CLS, 13, 14, 15, 16, SEP], 6),
        ([CLS, *range(17, 24), SEP], 9),
        ([CLS, 24, 25, SEP], 4),
    ]
    assert rows_of(pack_as("reference")) == rows_of(pack_as("short")) == short
    dense = pack_as("dense")
    assert rows_of(dense) == [
        ([CLS, 10, 11, 12, SEP, CLS, 24, 25, SEP], 9),
        short[1],
        short[2],
    ]
    assert dense.block_tokens.tolist() == [5, 4, 6, 9]
    assert dense.block_splits.tolist() == [0, 2, 3, 4]


@pytest.mark.parametrize("packing", ["reference", "dense", "short"])
def test_no_documents_no_rows(packing: str) -> None:
    settings = PackingSettings(16, CLS, SEP, packing)
    for documents in ([], [[]], [[0], [0, 0]]):
        rows = pack_documents(make_documents(documents), [b""] * 3, settings)
        assert (len(rows), rows.token_ids.size) == (0, 0)
        assert rows.row_splits.tolist() == [0]


def test_unknown_packings_and_tiny_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="packing 'tight'; expected one of reference"):
        PackingSettings(16, CLS, SEP, "tight")
    with pytest.raises(UsageError, match="sequence_length 7; expected 8 or more"):
        PackingSettings(7, CLS, SEP)
