"""What is counted of a shard, and how the counts of all shards add up.

Used by `shards.py` for the row of a shard, by `manifest.py` and `stats.py` for
the whole.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from beam_pipelines.copies import ChosenDocuments
from beam_pipelines.packed_rows import PackedRows, TokenizedDocuments

if TYPE_CHECKING:
    from electra_keras.data.tokenizer import Tokenizer

_word_starts: dict[int, np.ndarray] = {}


def count_shard(
    documents: TokenizedDocuments,
    packed: PackedRows,
    chosen: ChosenDocuments,
    document_tokens: np.ndarray,
    tokenizer: Tokenizer,
) -> dict[str, int]:
    """Counts documents, lines, tokens and examples of a shard.

    Args:
        documents: Tokenized.
        packed: Their rows.
        chosen: What was packed.
        document_tokens: Tokens of each document.
        tokenizer: What the ids come from.
    """
    ids = documents.token_ids
    unknown = tokenizer.vocabulary.special_token_ids["[UNK]"]
    return {
        "documents": int(np.count_nonzero(document_tokens[: chosen.unique])),
        "copies": len(chosen.texts),
        "copy_groups": chosen.copy_groups,
        "lines": len(documents.line_splits) - 1,
        "text_bytes": sum(map(len, chosen.texts)),
        "text_tokens": len(ids),
        "words": int(_begins_word(tokenizer)[ids].sum()),
        "unknown_tokens": int(np.count_nonzero(ids == unknown)),
        "examples": len(packed),
        "tokens": len(packed.token_ids),
        "special_tokens": packed.special_tokens,
        "single_segment_examples": packed.single_segment_rows,
        "blocks": 0 if packed.block_tokens is None else len(packed.block_tokens),
    }


def _begins_word(tokenizer: Tokenizer) -> np.ndarray:
    """Tells of each entry whether it can begin a word: bool (V,)."""
    if id(tokenizer) not in _word_starts:
        entries = tokenizer.vocabulary.entries
        _word_starts[id(tokenizer)] = np.array(
            [not entry.startswith("##") for entry in entries]
        )
    return _word_starts[id(tokenizer)]


def kept_by_input(
    chosen: ChosenDocuments, kept: np.ndarray, sources: Sequence[tuple[str, int]]
) -> dict[str, int]:
    """Counts the documents kept of each input, by its index.

    Args:
        chosen: What was packed.
        kept: Numbers of the documents that have tokens.
        sources: Path and input index of each file.
    """
    input_indices = np.array([index for _, index in sources])
    indices = input_indices[chosen.source_indices[kept]]
    values, counts = np.unique(indices, return_counts=True)
    pairs = zip(values.tolist(), counts.tolist(), strict=True)
    return {str(index): count for index, count in pairs}


def used_ids(documents: TokenizedDocuments, vocabulary_size: int) -> str:
    """Which entries occur: a bit each, in base64."""
    used = np.bincount(documents.token_ids, minlength=vocabulary_size) > 0
    return base64.b64encode(np.packbits(used).tobytes()).decode("ascii")


def used_entries(rows: Iterable[dict[str, Any]], vocabulary_size: int) -> int:
    """Counts the vocabulary entries that occur in any shard."""
    used = np.zeros((vocabulary_size + 7) // 8, np.uint8)
    for row in rows:
        if "used_ids" in row:
            used |= np.frombuffer(base64.b64decode(row["used_ids"]), np.uint8)
    return int(np.unpackbits(used)[:vocabulary_size].sum())


def total_counts(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Adds up the counts of rows."""
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row["counts"])
    return total


def rejected_counts(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Documents left out, by reason."""
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row["rejected"])
    return total
