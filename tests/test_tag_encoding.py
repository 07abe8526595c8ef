"""python -m pytest tests/test_tag_encoding.py"""

from __future__ import annotations

import numpy as np

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.tagged_files import TaggedRow
from electra_keras.finetuning.tasks.tag_encoding import encode_tags

FINDER = PieceFinder(Tokenizer(Vocabulary((*SPECIAL_TOKENS, "조선", "##을", "왕"))))
TAGS = ("O", "B-LC", "I-LC")
ROW = TaggedRow(("조선을", "\u200b", "왕", "왕을"), ("B-LC", "O", "O", "I-LC"), 1)


def test_the_first_word_piece_bears_the_tag() -> None:
    encoded = encode_tags([ROW], TAGS, FINDER, 16)
    (sentence,) = encoded.sentences
    assert sentence.row.token_ids.tolist() == [2, 5, 6, 7, 7, 6, 3]
    assert sentence.tag_ids.tolist() == [-1, 1, -1, 0, 2, -1, -1]
    assert sentence.word_places.tolist() == [1, -1, 3, 4]
    assert (encoded.cut_tags, encoded.empty_tags) == (0, 1)
    assert sentence.tag_ids.dtype == sentence.word_places.dtype == np.int32


def test_cut_tags_are_counted() -> None:
    encoded = encode_tags([ROW, ROW], TAGS, FINDER, 4)
    for sentence in encoded.sentences:
        assert sentence.row.token_ids.tolist() == [2, 5, 6, 3]
        assert sentence.tag_ids.tolist() == [-1, 1, -1, -1]
        assert sentence.word_places.tolist() == [1, -1, -1, -1]
    assert (encoded.cut_tags, encoded.empty_tags) == (4, 2)


def test_a_tag_that_is_not_known_is_not_learned() -> None:
    encoded = encode_tags([ROW], TAGS[:2], FINDER, 16)
    assert encoded.sentences[0].tag_ids.tolist() == [-1, 1, -1, 0, -1, -1, -1]
    assert encoded.sentences[0].word_places.tolist() == [1, -1, 3, 4]
