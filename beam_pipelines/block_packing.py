"""Documents as blocks [CLS] text [SEP]: the packings `dense` and `short`.

Called by `packing.py`.
"""

from __future__ import annotations

import numpy as np

from beam_pipelines.packed_rows import (
    PackedRows,
    TokenizedDocuments,
    gather_spans,
    make_splits,
)

OPEN_ROWS = 64
_SHORTEST_BLOCK_TOKENS = 3


def pack_blocks(
    documents: TokenizedDocuments,
    *,
    sequence_length: int,
    cls_id: int,
    sep_id: int,
    dense: bool,
) -> PackedRows:
    """Packs documents as blocks [CLS] text [SEP].

    Args:
        documents: Of a shard. A document that is too long for a row is cut into
            full blocks and a rest.
        sequence_length: S, the most tokens of a row.
        cls_id: Id of [CLS].
        sep_id: Id of [SEP].
        dense: Fill rows with several blocks; else each has its own.
    """
    starts, lengths = _cut_documents(documents.token_splits, sequence_length - 2)
    row_blocks = np.ones(len(starts), np.int64)
    if dense:
        row_of_block = np.array(
            fit_blocks((lengths + 2).tolist(), sequence_length), np.int64
        )
        order = np.argsort(row_of_block, kind="stable")
        starts, lengths = starts[order], lengths[order]
        row_blocks = np.bincount(row_of_block)
    cls = len(documents.token_ids)
    spans = np.empty((2, len(starts), 3), np.int64)  # Starts, and lengths.
    spans[0] = np.array([cls, 0, cls + 1])
    spans[1] = 1
    spans[:, :, 1] = starts, lengths
    block_splits = make_splits(row_blocks)
    row_splits = make_splits(lengths + 2)[block_splits]
    source = np.append(documents.token_ids, np.array([cls_id, sep_id], np.int32))
    return PackedRows(
        gather_spans(source, spans[0].ravel(), spans[1].ravel()),
        row_splits,
        np.diff(row_splits),
        (lengths + 2).astype(np.uint16) if dense else None,
        block_splits if dense else None,
    )


def _cut_documents(splits: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths of pieces of at most `room` tokens, none empty."""
    pieces = -(-np.diff(splits) // room)
    before = np.cumsum(pieces) - pieces
    place = np.arange(pieces.sum()) - np.repeat(before, pieces)
    starts = np.repeat(splits[:-1], pieces) + room * place
    return starts, np.minimum(np.repeat(splits[1:], pieces) - starts, room)


def fit_blocks(block_tokens: list[int], sequence_length: int) -> list[int]:
    """Chooses a row for each block, in order.

    A block goes into the open row that it fills best. There are at most
    `OPEN_ROWS`; for another, the fullest is closed.

    Args:
        block_tokens: Of each block, at most `sequence_length`.
        sequence_length: S.

    Returns:
        Row of each block, numbered as they are opened.
    """
    open_rows: list[list[int]] = [[] for _ in range(sequence_length + 1)]
    spaces = 0  # Bit n is set: a row with room for n tokens is open.
    open_count = rows = 0
    row_of_block: list[int] = []
    for tokens in block_tokens:
        fitting = spaces >> tokens
        if fitting:
            space = tokens + (fitting & -fitting).bit_length() - 1
            row = open_rows[space].pop()
            open_count -= 1
            if not open_rows[space]:
                spaces ^= 1 << space
        else:
            space, row, rows = sequence_length, rows, rows + 1
        row_of_block.append(row)
        space -= tokens
        if space < _SHORTEST_BLOCK_TOKENS:
            continue
        if open_count == OPEN_ROWS:
            fullest = (spaces & -spaces).bit_length() - 1
            open_rows[fullest].pop()
            open_count -= 1
            if not open_rows[fullest]:
                spaces ^= 1 << fullest
        open_rows[space].append(row)
        open_count += 1
        spaces |= 1 << space
    return row_of_block
