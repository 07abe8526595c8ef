"""Texts to word pieces with their characters, and word pieces to rows.

Reads the tokenizer of the pre-training, feeds `tasks/`. Rows are not padded:
batches of rows of a length do that.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from electra_keras.data import character_kinds as kinds
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import CLS, SEP


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
    """Gives texts the ids that preprocessing would give, and their characters.

    Args:
        tokenizer: The one of the pre-training.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        special = tokenizer.vocabulary.special_token_ids
        self._cls, self._sep = special[CLS], special[SEP]

    def find_pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """Tokenizes texts.

        Args:
            texts: N texts, of any normal form.

        Returns: N times the word pieces, as those of the served model.
        """
        if not texts:
            return []
        normalized = [normalize_text(text) for text in texts]
        rows = tf.constant([text.encode() for text, _, _ in normalized])
        found = self._tokenizer.tokenize_normalized_with_offsets(rows)
        ids, starts, ends = (ragged.numpy() for ragged in found)
        lengths = found[0].row_lengths().numpy()
        placed = []
        for row, length in enumerate(lengths):
            cut = [
                np.asarray(part[row], np.int64)[:length] for part in (ids, starts, ends)
            ]
            placed.append(_place(cut, *normalized[row]))
        return placed

    def join(self, first: np.ndarray, second: np.ndarray | None = None) -> EncodedRow:
        """Frames one or two lists of ids, int (T,), as the pre-training did."""
        parts: list[Any] = [[self._cls], first, [self._sep]]
        if second is not None:
            parts += [second, [self._sep]]
        token_ids = np.concatenate(parts).astype(np.int32)
        segment_ids = np.zeros_like(token_ids)
        segment_ids[len(first) + 2 :] = 1
        return EncodedRow(token_ids, segment_ids, np.ones_like(token_ids))


def normalize_text(text: str) -> tuple[str, np.ndarray, np.ndarray]:
    """Normalises a text as that of the pre-training, and says from where.

    Composed (NFC), spaces and line ends as one kind of space, no invisible
    characters. Sequences of emoji are told by their first joiner alone.

    Returns: The text of N characters, and the code points of `text` in which
        each starts and after which it ends, int64 (N,). Characters that were
        composed together share theirs.
    """
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _split_clusters(text):
        for character in unicodedata.normalize("NFC", text[start:end]):
            kind = kinds.character_kinds()[ord(character)]
            if character == "\n" or kind in (kinds.SPACE, kinds.LINE_END):
                character = " "
            elif kind in (kinds.JOINER, kinds.TAG):
                # They hold emoji together, and are nothing elsewhere.
                if not (characters and kinds.is_emoji()[ord(characters[-1])]):
                    continue
            elif kind == kinds.INVISIBLE or character in "\0\1":
                continue
            # A lone surrogate has no UTF-8.
            is_surrogate = unicodedata.category(character) == "Cs"
            characters.append("\ufffd" if is_surrogate else character)
            starts.append(start)
            ends.append(end)
    return "".join(characters), np.array(starts, int), np.array(ends, int)


def _split_clusters(text: str) -> list[tuple[int, int]]:
    """Parts of a text that NFC changes on their own."""
    if unicodedata.is_normalized("NFC", text):
        return [(place, place + 1) for place in range(len(text))]
    clusters: list[tuple[int, int]] = []
    start = 0
    for place in range(1, len(text) + 1):
        if place < len(text):
            here, character = text[start:place], text[place]
            alone = unicodedata.normalize("NFC", here)
            both = unicodedata.normalize("NFC", here + character)
            joins = unicodedata.combining(character) or both != (
                alone + unicodedata.normalize("NFC", character)
            )
            if joins:
                continue
        clusters.append((start, place))
        start = place
    return clusters


def _place(
    found: Sequence[np.ndarray], text: str, starts: np.ndarray, ends: np.ndarray
) -> Pieces:
    """Bytes of the normalised text to code points of the text as given."""
    ids, first_bytes, last_bytes = found
    sizes = [len(character.encode()) for character in text]
    characters = np.repeat(np.arange(len(text)), sizes)
    return Pieces(
        ids.astype(np.int32),
        starts[characters[first_bytes]].astype(np.int32),
        ends[characters[last_bytes - 1]].astype(np.int32),
    )


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
