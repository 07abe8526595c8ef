"""python -m pytest tests/test_sentence_packing.py"""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.document_draws import document_generator
from beam_pipelines.packed_rows import PackingSettings, RowBuilder
from beam_pipelines.packing import pack_document
from beam_pipelines.sentence_packing import pack_turns

CLS, SEP = 2, 3
Row = tuple[list[int], int]


# The first implementation, on lists of arrays: its rows are what shards hold.
def oracle_pack(
    sentences: list[np.ndarray],
    sequence_length: int,
    generator: np.random.Generator,
    *,
    single_segment_rate: float = 0.1,
    short_example_rate: float = 0.05,
) -> list[Row]:
    rows = []
    pending = deque(sentence for sentence in sentences if len(sentence))
    while pending:
        target = sequence_length
        if generator.random() < short_example_rate:
            target = int(generator.integers(5, sequence_length, endpoint=True))
        taken = [pending.popleft()]
        while pending and sum(map(len, taken)) < target - 3:
            taken.append(pending.popleft())
        first_target = (target - 3) // 2
        if generator.random() < single_segment_rate:
            first_target = sequence_length * 1000
        first, second = oracle_share_out(taken, first_target, generator)
        first, rest = oracle_trim(first, sequence_length - 2)
        first_tokens = sum(map(len, first)) + 2
        second, more = oracle_trim(second, sequence_length - first_tokens - 1)
        ids = [CLS, *np.concatenate(first).tolist(), SEP]
        if second:
            ids += [*np.concatenate(second).tolist(), SEP]
        rows.append((ids, first_tokens))
        pending.extendleft(reversed(rest + more))
    return rows


def oracle_share_out(
    sentences: list[np.ndarray], target: int, generator: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    length = 0
    for sentence in sentences:
        if (
            not first
            or length + len(sentence) < target
            or (not second and length < target and generator.random() < 0.5)
        ):
            first.append(sentence)
            length += len(sentence)
        else:
            second.append(sentence)
    return first, second


def oracle_trim(
    sentences: list[np.ndarray], tokens: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    for index, sentence in enumerate(sentences):
        if len(sentence) > tokens:
            tokens = max(tokens, 0)
            kept = sentences[:index] + ([sentence[:tokens]] if tokens else [])
            return kept, [sentence[tokens:], *sentences[index + 1 :]]
        tokens -= len(sentence)
    return sentences, []


@settings(max_examples=600, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 60), max_size=30),
    sequence_length=st.integers(8, 64),
    seed=st.integers(0, 2**40),
)
def test_rows_are_those_of_the_first_implementation(
    lengths: list[int], sequence_length: int, seed: int
) -> None:
    ends = np.cumsum([0, *lengths]) + 10
    sentences = [np.arange(a, b) for a, b in itertools.pairwise(ends)]
    rates = {"single_segment_rate": 0.2, "short_example_rate": 0.3}
    examples = pack_document(
        sentences,
        sequence_length=sequence_length,
        generator=document_generator(seed, b"document"),
        cls_id=CLS,
        sep_id=SEP,
        **rates,
    )
    generator = document_generator(seed, b"document")
    assert [
        (e.token_ids.tolist(), e.first_segment_tokens) for e in examples
    ] == oracle_pack(sentences, sequence_length, generator, **rates)


def pack_dialogue(
    turns: list[list[int]], sequence_length: int, *, seed: int = 1, **rates: float
) -> list[Row]:
    """Packs turns, given by the lengths of their sentences; ids count from 10."""
    lengths = [length for turn in turns for length in turn]
    builder = RowBuilder(np.arange(10, 10 + sum(lengths)), CLS, SEP)
    starts = np.cumsum([0, *map(sum, turns)])[:-1].tolist()
    pack_turns(
        np.cumsum([0, *lengths]).tolist(),
        starts,
        PackingSettings(sequence_length, CLS, SEP, **rates),
        document_generator(seed, b"dialogue"),
        builder,
    )
    rows = builder.build()
    bounds = itertools.pairwise(rows.row_splits.tolist())
    return [
        (rows.token_ids[a:b].tolist(), int(first))
        for (a, b), first in zip(bounds, rows.first_segment_tokens, strict=True)
    ]


PLAIN = {"single_segment_rate": 0.0, "short_example_rate": 0.0}


def test_border_is_the_change_of_speaker_nearest_to_the_middle() -> None:
    # Room for 13; the changes are after 4, 7 and 9, the middle at 6.
    assert pack_dialogue([[4], [2, 1], [2], [4]], 16, **PLAIN) == [
        ([CLS, *range(10, 17), SEP, *range(17, 23), SEP], 9)
    ]
    # A dialogue shorter than the row is shared out by its own middle.
    assert pack_dialogue([[2], [2], [1]], 30, **PLAIN) == [
        ([CLS, 10, 11, SEP, 12, 13, 14, SEP], 4)
    ]


def test_a_long_turn_has_its_border_at_a_sentence() -> None:
    # The change after 14 comes too late for a row of 13; it starts a new one.
    assert pack_dialogue([[5, 4, 5], [3], [2]], 16, **PLAIN) == [
        ([CLS, *range(10, 15), SEP, *range(15, 23), SEP], 7),
        ([CLS, 23, 24, 25, 26, SEP, 27, 28, SEP], 6),
    ]
    # One sentence only: a single segment, which ends with the turn.
    assert pack_dialogue([[13], [6]], 16, **PLAIN) == [
        ([CLS, *range(10, 23), SEP], 15),
        ([CLS, *range(23, 29), SEP], 8),
    ]


def test_single_segments_run_over_turns() -> None:
    rates = {"single_segment_rate": 1.0, "short_example_rate": 0.0}
    assert pack_dialogue([[4], [3], [4], [5]], 16, **rates) == [
        ([CLS, *range(10, 24), SEP], 16),
        ([CLS, 24, 25, SEP], 4),
    ]


@settings(max_examples=500, deadline=None)
@given(
    turns=st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=5), min_size=2),
    sequence_length=st.integers(8, 40),
    seed=st.integers(0, 2**40),
)
def test_dialogues_keep_order_and_change_speaker_at_the_border(
    turns: list[list[int]], sequence_length: int, seed: int
) -> None:
    rates = {"single_segment_rate": 0.0, "short_example_rate": 0.3}
    rows = pack_dialogue(turns, sequence_length, seed=seed, **rates)
    ends = (np.cumsum([*map(sum, turns)]) + 10).tolist()
    text: list[int] = []
    for ids, first in rows:
        assert len(ids) <= sequence_length
        assert ids[0] == CLS and ids[first - 1] == ids[-1] == SEP
        tokens = [*ids[1 : first - 1], *ids[first:-1]]
        changes = [end for end in ends if tokens[0] < end <= tokens[-1]]
        if changes:
            assert first < len(ids) and ids[first] in changes
        text += tokens
    assert text == list(range(10, ends[-1]))
