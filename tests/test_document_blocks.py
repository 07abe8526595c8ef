"""python -m pytest tests/test_document_blocks.py"""

from __future__ import annotations

import numpy as np

from beam_pipelines.document_blocks import (
    DocumentBlock,
    columns_to_hashes,
    concatenate,
    hashes_to_columns,
    pack_ids,
    unpack_id,
)

DIGESTS = [bytes(range(16)), bytes(range(16, 32)), b"\xff" * 16]
TEXTS = ["가나".encode(), b"", b"abc"]


def block() -> DocumentBlock:
    return DocumentBlock.make(
        hashes_to_columns(DIGESTS),
        np.array([0, 1, 2**24 - 1], np.uint32),
        np.array([5, 0, 2**40 - 1], np.uint64),
        TEXTS,
    )


def test_bytes_give_the_block_back() -> None:
    again = DocumentBlock.from_bytes(block().to_bytes())
    assert again.texts() == TEXTS
    assert columns_to_hashes(again.hashes) == DIGESTS
    assert again.source_indices.tolist() == [0, 1, 2**24 - 1]
    assert again.offsets.tolist() == [5, 0, 2**40 - 1]
    assert block().to_bytes() == again.to_bytes()


def test_blocks_join() -> None:
    joined = concatenate([block(), block()])
    assert len(joined) == 6
    assert joined.texts() == TEXTS * 2


def test_ids_sort_by_file_then_offset_and_come_apart_again() -> None:
    ids = block().ids.tolist()
    assert ids == [5, 2**40, 2**64 - 1]
    assert [unpack_id(i) for i in ids] == [(0, 5), (1, 0), (2**24 - 1, 2**40 - 1)]
    assert pack_ids(np.array([3]), np.array([7])).tolist() == [3 * 2**40 + 7]
