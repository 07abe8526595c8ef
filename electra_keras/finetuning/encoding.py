"""Texts to word pieces with their characters, and word pieces to rows.

Reads `data/text_pieces.py`, feeds `tasks/`. Rows are not padded: batches of rows of a
length do that.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from electra_keras.data.text_pieces import TextPieces
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import CLS, SEP

# What goes through the graph at once; a byte takes about 60 bytes there.
_CHUNK_TEXTS = 4096
_CHUNK_BYTES = 2**22
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclasses.dataclass(frozen=True)
class Pieces:
    """The word pieces of a text.

    Attributes:
        token_ids: int32 (T,), without [CLS] and [SEP].
        starts: int32 (T,), code points of the text as given where each starts.
        ends: int32 (T,), after which each ends.
    """

    token_ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


@dataclasses.dataclass(frozen=True)
class EncodedRow:
    """One row: [CLS] a [SEP], or [CLS] a [SEP] b [SEP].

    Attributes:
        token_ids: int32 (T,).
        segment_ids: int32 (T,), 0 up to the first [SEP], 1 after it.
        padding_mask: int32 (T,), all 1, since nothing is padded here.
    """

    token_ids: np.ndarray
    segment_ids: np.ndarray
    padding_mask: np.ndarray


class PieceFinder:
    """Gives texts the ids that the served model gives, and their characters.

    Args:
        tokenizer: The one of the pre-training.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        special = tokenizer.vocabulary.special_token_ids
        self._cls, self._sep = special[CLS], special[SEP]
        # One signature, so that the graph is traced once.
        self._find = tf.function(
            TextPieces(tokenizer).find, [tf.TensorSpec([None], tf.string)]
        )

    def find_pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """Tokenizes texts.

        Args:
            texts: N texts, of any normal form. A lone surrogate, which JSON can
                hold and UTF-8 cannot, counts as U+FFFD.

        Returns: N times the word pieces, as those of the served model.
        """
        pieces = []
        for rows in _part(texts):
            ids, *offsets = self._find(tf.constant(rows, tf.string))
            columns = [part.flat_values.numpy() for part in (ids, *offsets)]
            splits = ids.row_splits.numpy().tolist()
            pieces += [
                Pieces(*(column[first:last] for column in columns))
                for first, last in itertools.pairwise(splits)
            ]
        return pieces

    def join(self, first: np.ndarray, second: np.ndarray | None = None) -> EncodedRow:
        """Frames one or two lists of ids, int (T,), as the pre-training did."""
        parts: list[Any] = [[self._cls], first, [self._sep]]
        if second is not None:
            parts += [second, [self._sep]]
        token_ids = np.concatenate(parts).astype(np.int32)
        segment_ids = np.zeros_like(token_ids)
        segment_ids[len(first) + 2 :] = 1
        return EncodedRow(token_ids, segment_ids, np.ones_like(token_ids))


def _part(texts: Sequence[str]) -> Iterator[list[bytes]]:
    """Texts as UTF-8, in chunks of so many texts and bytes as memory bears."""
    rows: list[bytes] = []
    size_bytes = 0
    for text in texts:
        rows.append(_encode(text))
        size_bytes += len(rows[-1])
        if len(rows) == _CHUNK_TEXTS or size_bytes >= _CHUNK_BYTES:
            yield rows
            rows, size_bytes = [], 0
    if rows:
        yield rows


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # One character stays one, so that offsets are those of the text.
        return _SURROGATE.sub("\ufffd", text).encode()


def cut_pair(first_tokens: int, second_tokens: int, room: int) -> tuple[int, int]:
    """Cuts the longer of two texts until both fit; at equal length the second.

    Returns: Tokens that are kept of each; together at most `room`.
    """
    excess = max(first_tokens + second_tokens - room, 0)
    longer_by = abs(first_tokens - second_tokens)
    from_longer = min(excess, longer_by)
    if first_tokens > second_tokens:
        first_tokens -= from_longer
    else:
        second_tokens -= from_longer
    rest = excess - from_longer
    return first_tokens - rest // 2, second_tokens - (rest + 1) // 2
