"""python -m pytest tests/test_block_packing.py"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.block_packing import OPEN_ROWS, fit_blocks, pack_blocks
from beam_pipelines.packed_rows import PackedRows, TokenizedDocuments

CLS, SEP = 2, 3


def pack(lengths: list[int], sequence_length: int, *, dense: bool) -> PackedRows:
    """Packs documents of one line; token ids count up from 10."""
    documents = TokenizedDocuments(
        np.arange(10, 10 + sum(lengths)),
        np.cumsum([0, *lengths]),
        np.arange(len(lengths) + 1),
    )
    return pack_blocks(
        documents,
        sequence_length=sequence_length,
        cls_id=CLS,
        sep_id=SEP,
        dense=dense,
    )


def test_a_block_goes_where_it_leaves_the_least_room() -> None:
    # Rows of 10: 6, then 7; 3 fills the second, 4 the first, 5 opens another.
    assert fit_blocks([6, 7, 3, 4, 5], 10) == [0, 1, 1, 0, 2]


def test_a_row_without_room_for_a_block_is_closed() -> None:
    assert fit_blocks([8, 10, 3, 4, 3, 3], 10) == [0, 1, 2, 2, 2, 3]


def test_the_fullest_row_makes_place_for_another() -> None:
    # 63 rows with room for 4 and one for 5; the last 6 closes one of those 63.
    blocks = [6] * (OPEN_ROWS - 1) + [5, 6, 5] + [4] * OPEN_ROWS
    placed = fit_blocks(blocks, 10)
    assert OPEN_ROWS == 64
    assert placed[:65] == list(range(65))
    assert placed[65:] == [63, 64, *range(61, -1, -1), 65]


def test_long_documents_are_cut_into_full_blocks_and_a_rest() -> None:
    rows = pack([14, 3], 8, dense=True)
    assert rows.token_ids.tolist() == [
        *(CLS, *range(10, 16), SEP),
        *(CLS, *range(16, 22), SEP),
        *(CLS, 22, 23, SEP),
        *(CLS, 24, 25, 26, SEP),
    ]
    assert rows.row_splits.tolist() == [0, 8, 16, 20, 25]
    assert rows.block_tokens.tolist() == [8, 8, 4, 5]
    assert rows.block_tokens.dtype == np.uint16
    assert rows.first_segment_tokens.tolist() == [8, 8, 4, 5]


def test_short_rows_have_no_blocks_to_tell() -> None:
    rows = pack([14, 3], 8, dense=False)
    assert rows.row_splits.tolist() == [0, 8, 16, 20, 25]
    assert rows.block_tokens is None and rows.block_splits is None


@pytest.mark.parametrize("dense", [True, False])
@settings(max_examples=200, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 60), max_size=60),
    sequence_length=st.integers(8, 40),
)
def test_every_token_comes_out_once_in_blocks_of_its_document(
    dense: bool, lengths: list[int], sequence_length: int
) -> None:
    rows = pack(lengths, sequence_length, dense=dense)
    assert np.all(rows.row_tokens <= sequence_length)
    splits = rows.row_splits
    if dense:
        splits = np.cumsum([0, *rows.block_tokens])
        assert splits[rows.block_splits].tolist() == rows.row_splits.tolist()
    document = np.repeat(np.arange(len(lengths)), lengths)
    text: list[int] = []
    for start, stop in itertools.pairwise(splits.tolist()):
        block = rows.token_ids[start:stop].tolist()
        assert block[0] == CLS and block[-1] == SEP and len(block) > 2
        assert len({document[token - 10] for token in block[1:-1]}) == 1
        assert block[1:-1] == list(range(block[1], block[-2] + 1))
        text += block[1:-1]
    assert sorted(text) == list(range(10, 10 + sum(lengths)))


def test_short_documents_leave_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 5000).tolist()
    rows = pack(lengths, 128, dense=True)
    assert 1 - rows.token_ids.size / (128 * len(rows)) < 0.02
