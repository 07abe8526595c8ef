"""python -m pytest tests/test_encoding.py"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from beam_pipelines.encoding import encode_rows
from beam_pipelines.packed_rows import PackedRows
from electra_keras.data.features import encode_example


def make_rows(lengths: list[int], firsts: list[int], top: int = 65535) -> PackedRows:
    choose = np.random.default_rng(len(lengths))
    return PackedRows(
        choose.integers(0, top, sum(lengths), endpoint=True).astype(np.int32),
        np.cumsum([0, *lengths]),
        np.array(firsts),
    )


def theirs(rows: PackedRows, dtype: str) -> list[bytes]:
    blocks: list[list[int] | None] = [None] * len(rows)
    if rows.block_tokens is not None and rows.block_splits is not None:
        blocks = [
            rows.block_tokens[a:b].tolist()
            for a, b in itertools.pairwise(rows.block_splits)
        ]
    return [
        encode_example(rows.token_ids[a:b], int(first), dtype, block)
        for (a, b), first, block in zip(
            itertools.pairwise(rows.row_splits),
            rows.first_segment_tokens,
            blocks,
            strict=True,
        )
    ]


def test_a_plain_and_a_dense_row_are_these_very_bytes() -> None:
    first = b"\n\x1d\n\x14first_segment_tokens\x12\x05\x1a\x03\n\x01"
    ids = b"\n\x17\n\ttoken_ids\x12\n\n\x08\n\x06\x02\x00\x07\x00\x03\x00"
    rows = PackedRows(np.array([2, 7, 3]), np.array([0, 3]), np.array([3]))
    assert list(encode_rows(rows, "uint16")) == [b"\n\x38" + first + b"\x03" + ids]
    dense = PackedRows(
        np.array([2, 7, 3]),
        np.array([0, 3]),
        np.array([3]),
        np.array([3], np.uint16),
        np.array([0, 1]),
    )
    blocks = b"\n\x16\n\x0cblock_tokens\x12\x06\n\x04\n\x02\x03\x00"
    assert list(encode_rows(dense, "uint16")) == [
        b"\n\x50" + blocks + first + b"\x03" + ids
    ]


@pytest.mark.parametrize(("dtype", "top"), [("uint16", 65535), ("int32", 2**31 - 1)])
def test_bytes_are_those_of_tensorflow_at_every_length(dtype: str, top: int) -> None:
    lengths = list(range(3, 513))
    # First segments whose varint has one byte, and two.
    for firsts in (lengths, [min(n, 3) for n in lengths], [n // 2 for n in lengths]):
        rows = make_rows(lengths, firsts, top)
        assert list(encode_rows(rows, dtype)) == theirs(rows, dtype)


def test_longer_varints_are_right_too() -> None:
    # Lengths of three and four bytes of varint.
    lengths = [8190, 8200, 20_000, 1_100_000]
    rows = make_rows(lengths, [127, 128, 16_384, 2_097_152])
    assert list(encode_rows(rows, "uint16")) == theirs(rows, "uint16")


@pytest.mark.parametrize("dtype", ["uint16", "int32"])
def test_dense_rows_are_those_of_tensorflow(dtype: str) -> None:
    choose = np.random.default_rng(0)
    counts = choose.integers(1, 170, 200)
    block_tokens = choose.integers(3, 9, counts.sum()).astype(np.uint16)
    block_splits = np.cumsum([0, *counts])
    row_splits = np.cumsum([0, *block_tokens])[block_splits]
    rows = PackedRows(
        choose.integers(0, 65535, row_splits[-1]),
        row_splits,
        np.diff(row_splits),
        block_tokens,
        block_splits,
    )
    assert list(encode_rows(rows, dtype)) == theirs(rows, dtype)


def test_order_chooses_the_rows() -> None:
    rows = make_rows([3, 4, 5], [3, 4, 5])
    plain = list(encode_rows(rows, "uint16"))
    assert list(encode_rows(rows, "uint16", [2, 0])) == [plain[2], plain[0]]
