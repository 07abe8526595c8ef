"""Tagged words to rows: a word's first word piece bears its tag.

Reads rows of `tagged_files.py` through `encoding.py`, feeds the batches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from electra_keras.finetuning.encoding import EncodedRow, PieceFinder
from electra_keras.finetuning.tagged_files import TaggedRow

# No word starts here, so it is neither learned nor measured.
IGNORED = -1


@dataclasses.dataclass(frozen=True)
class EncodedSentence:
    """One sentence.

    Attributes:
        row: Its word pieces.
        tag_ids: int32 (T,), -1 where no word starts.
        word_places: int32 (words,), the token each word starts with; -1 if it was
            cut or has no word pieces, such as a control character.
    """

    row: EncodedRow
    tag_ids: np.ndarray
    word_places: np.ndarray


@dataclasses.dataclass(frozen=True)
class EncodedSentences:
    """Encoded sentences.

    Attributes:
        sentences: In their order.
        cut_tags: Tags of words that did not fit.
        empty_tags: Tags of words without word pieces.
    """

    sentences: list[EncodedSentence]
    cut_tags: int
    empty_tags: int


def encode_tags(
    rows: Sequence[TaggedRow],
    tags: Sequence[str],
    finder: PieceFinder,
    sequence_length: int,
) -> EncodedSentences:
    """Encodes sentences word by word.

    Args:
        rows: The sentences.
        tags: All tags; their places are their ids. Another one, such as that of a
            raw text, is not learned.
        finder: Tokenizes the words.
        sequence_length: S, tokens of the longest row.
    """
    ids = {tag: place for place, tag in enumerate(tags)}
    pieces = iter(finder.find_pieces([word for row in rows for word in row.words]))
    sentences, cut_tags, empty_tags = [], 0, 0
    for row in rows:
        tokens = [next(pieces).token_ids for _ in row.words]
        lengths = np.array([len(part) for part in tokens], np.int64)
        joined = np.concatenate([np.zeros(0, np.int32), *tokens])
        encoded = finder.join(joined[: sequence_length - 2])
        places = np.cumsum(lengths) - lengths + 1
        is_cut = (places >= len(encoded.token_ids) - 1) & (lengths > 0)
        places = np.where(is_cut | (lengths == 0), -1, places).astype(np.int32)
        tag_ids = np.full(len(encoded.token_ids), IGNORED, np.int32)
        for place, tag in zip(places, row.tags, strict=True):
            if place >= 0:
                tag_ids[place] = ids.get(tag, IGNORED)
        sentences.append(EncodedSentence(encoded, tag_ids, places))
        cut_tags += int(is_cut.sum())
        empty_tags += int((lengths == 0).sum())
    return EncodedSentences(sentences, cut_tags, empty_tags)
