"""Token ids of a shard's documents in, rows out; no token is thrown away.

Reads what `tokenization.py` gives, feeds `encoding.py`. Three kinds:

- `reference`: [CLS] a [SEP] b [SEP] of one document. As in google-research/electra
  `build_pretraining_dataset.py`, sentences are taken whole until a target is
  reached and shared out over two segments. Unlike there, randomness is seeded
  per document, what exceeds the length starts the next row, and in a dialogue
  segment b begins where the speaker changes.
- `dense`: several documents in a row, each a block [CLS] text [SEP] that never
  attends to another one.
- `short`: one such block a row.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from beam_pipelines.block_packing import pack_blocks
from beam_pipelines.document_draws import document_generator as document_generator
from beam_pipelines.document_draws import document_generators
from beam_pipelines.packed_rows import (
    SHORT_EXAMPLE_RATE,
    SINGLE_SEGMENT_RATE,
    PackedRows,
    PackingSettings,
    RowBuilder,
    TokenizedDocuments,
)
from beam_pipelines.sentence_packing import (
    pack_sentence,
    pack_sentences,
    pack_turns,
)


class Example(NamedTuple):
    """One packed example.

    Attributes:
        token_ids: integer (T,), T <= sequence_length. [CLS] a [SEP] (b [SEP]).
        first_segment_tokens: Tokens of the first segment, [CLS] and [SEP]
            included.
    """

    token_ids: np.ndarray
    first_segment_tokens: int


def pack_documents(
    documents: TokenizedDocuments,
    document_hashes: Sequence[bytes],
    settings: PackingSettings,
) -> PackedRows:
    """Packs the documents of a shard; every token comes out exactly once.

    Args:
        documents: In the order of the shard, which decides what shares a dense
            row. Other packings give each document the same rows in any company.
        document_hashes: Of each document; they key its randomness.
        settings: Kind, lengths, rates and seed.

    Returns:
        The rows, in order. Tokens of a document keep their order too, but that
        in the reference packing a later short sentence may join the first
        segment, as in the reference; not in dialogues.
    """
    if settings.packing != "reference":
        return pack_blocks(
            documents,
            sequence_length=settings.sequence_length,
            cls_id=settings.cls_id,
            sep_id=settings.sep_id,
            dense=settings.packing == "dense",
        )
    rows = RowBuilder(documents.token_ids, settings.cls_id, settings.sep_id)
    sentence_splits = _sentence_splits(documents.line_splits)
    numbers = np.searchsorted(sentence_splits, documents.token_splits)
    # One sentence gives the same rows whatever is drawn.
    draws = (np.diff(numbers) > 1).tolist()
    drawing = itertools.compress(document_hashes, draws)
    generators = document_generators(settings.seed, list(drawing))
    turns = _turn_offsets(documents)
    splits = sentence_splits.tolist()
    for (begin, end), has_draws in zip(
        itertools.pairwise(numbers.tolist()), draws, strict=True
    ):
        start, stop = splits[begin], splits[end]
        if not has_draws:
            pack_sentence((start, stop), settings.sequence_length - 2, rows)
            continue
        generator = next(generators)
        first_turn = bisect.bisect_right(turns, start)
        if first_turn < len(turns) and turns[first_turn] < stop:
            pack_turns(splits[begin : end + 1], turns, settings, generator, rows)
        else:
            pack_sentences(splits, (begin, end), settings, generator, rows)
    return rows.build()


def pack_document(
    sentences: Sequence[np.ndarray],
    *,
    sequence_length: int,
    generator: np.random.Generator,
    cls_id: int,
    sep_id: int,
    single_segment_rate: float = SINGLE_SEGMENT_RATE,
    short_example_rate: float = SHORT_EXAMPLE_RATE,
) -> list[Example]:
    """Packs one document by itself, in the reference packing.

    Args:
        sentences: integer (tokens,) each; token ids without specials. Empty
            ones are skipped.
        sequence_length: S, the most tokens of an example, specials included.
        generator: From `document_generator`.
        cls_id: Id of [CLS].
        sep_id: Id of [SEP].
        single_segment_rate: See `PackingSettings`.
        short_example_rate: See `PackingSettings`.

    Returns:
        The examples in order.
    """
    settings = PackingSettings(
        sequence_length,
        cls_id,
        sep_id,
        single_segment_rate=single_segment_rate,
        short_example_rate=short_example_rate,
    )
    splits = _sentence_splits(np.cumsum([0, *map(len, sentences)])).tolist()
    token_ids = np.concatenate([np.empty(0, np.int32), *sentences])
    builder = RowBuilder(token_ids, cls_id, sep_id)
    if len(splits) > 1:
        bounds = (0, len(splits) - 1)
        pack_sentences(splits, bounds, settings, generator, builder)
    return list(_examples(builder.build()))


def _examples(rows: PackedRows) -> Iterator[Example]:
    bounds = itertools.pairwise(rows.row_splits.tolist())
    for (start, stop), first in zip(
        bounds, rows.first_segment_tokens.tolist(), strict=True
    ):
        yield Example(rows.token_ids[start:stop], first)


def _sentence_splits(line_splits: np.ndarray) -> np.ndarray:
    """Where the lines start that hold tokens, and the end: strictly ascending."""
    return line_splits[np.diff(line_splits, prepend=-1) > 0]


def _turn_offsets(documents: TokenizedDocuments) -> list[int]:
    """Where in the token ids the speaker changes, ascending."""
    if documents.turn_starts is None:
        return []
    offsets = np.asarray(documents.line_splits)[:-1][documents.turn_starts]
    return np.unique(offsets).tolist()
