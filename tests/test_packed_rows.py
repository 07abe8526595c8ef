"""python -m pytest tests/test_packed_rows.py"""

from __future__ import annotations

import numpy as np

from beam_pipelines.packed_rows import PackedRows, RowBuilder, TokenizedDocuments

CLS, SEP = 2, 3


def test_rows_are_gathered_from_spans() -> None:
    builder = RowBuilder(np.arange(10, 20, dtype=np.int32), CLS, SEP)
    builder.add([(0, 2), (2, 3), (6, 7)], [(3, 6)])
    builder.add([(7, 10)])
    rows = builder.build()
    assert rows.token_ids.tolist() == [
        *(CLS, 10, 11, 12, 16, SEP, 13, 14, 15, SEP),
        *(CLS, 17, 18, 19, SEP),
    ]
    assert rows.token_ids.dtype == np.int32
    assert rows.row_splits.tolist() == [0, 10, 15]
    assert rows.first_segment_tokens.tolist() == [6, 5]
    assert (len(rows), rows.single_segment_rows, rows.special_tokens) == (2, 1, 5)


def test_special_tokens_of_dense_rows_are_two_a_block() -> None:
    rows = PackedRows(
        np.array([CLS, 9, SEP, CLS, 8, SEP, CLS, 7, SEP]),
        np.array([0, 6, 9]),
        np.array([6, 3]),
        np.array([3, 3, 3], np.uint16),
        np.array([0, 2, 3]),
    )
    assert rows.special_tokens == 6
    assert rows.single_segment_rows == 2


def test_tokens_of_documents_are_those_of_their_lines() -> None:
    documents = TokenizedDocuments(
        np.arange(7), np.array([0, 3, 3, 5, 7]), np.array([0, 2, 2, 4])
    )
    assert documents.token_splits.tolist() == [0, 3, 3, 7]
