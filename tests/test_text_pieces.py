"""python -m pytest tests/test_text_pieces.py"""

from __future__ import annotations

import pytest
import tensorflow as tf

from electra_keras.data.text_pieces import TextPieces
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, TokenizerConfig, Vocabulary

# Ids from 5: 한 5, ##글 6.
TOKENIZER = Tokenizer(Vocabulary((*SPECIAL_TOKENS, "한", "##글", "a", "b")))


def rows_of(pieces: TextPieces, texts: list) -> list[list[tuple[int, int, int]]]:
    """Each text's ids with their offsets."""
    found = pieces.find(tf.constant(texts, tf.string))
    assert {part.dtype for part in found} == {tf.int32}
    columns = [part.to_list() for part in found]
    return [list(zip(*row, strict=True)) for row in zip(*columns, strict=True)]


def test_word_pieces_know_their_characters() -> None:
    texts = ["한글  a", "", "\u1112\u1161\u11ab\u200b글", b"\xff b"]
    assert rows_of(TextPieces(TOKENIZER), texts) == [
        [(5, 0, 1), (6, 1, 2), (7, 4, 5)],
        [],
        [(5, 0, 3), (6, 4, 5)],
        [(1, 0, 1), (8, 2, 3)],
    ]
    assert rows_of(TextPieces(TOKENIZER), []) == []


@pytest.mark.parametrize("lower_case", [False, True])
def test_what_comes_after_the_most_tokens_is_left_out(lower_case: bool) -> None:
    vocabulary = Vocabulary((*SPECIAL_TOKENS, "a", "##b", "b"))
    tokenizer = Tokenizer(vocabulary, TokenizerConfig(lower_case=lower_case))
    # Two accents that lower-casing strips are no token.
    texts = ["ab ab", "a", "\u0301 \u0301 a b"]
    left = [[(5, 4, 5), (7, 6, 7)], [(1, 0, 1), (1, 2, 3)]][not lower_case]
    assert rows_of(TextPieces(tokenizer, 2), texts) == [
        [(5, 0, 1), (6, 1, 2)],
        [(5, 0, 1)],
        left,
    ]
    assert len(rows_of(TextPieces(tokenizer), texts)[0]) == 4


def test_one_graph_serves_every_number_of_texts() -> None:
    traced = []

    def find(text: tf.Tensor) -> tuple:
        traced.append(text)
        return TextPieces(TOKENIZER).find(text)

    function = tf.function(find, [tf.TensorSpec([None], tf.string)])
    for texts in ([], ["a"], ["b a", "한"]):
        ids, _, _ = function(tf.constant(texts, tf.string))
        assert len(ids.to_list()) == len(texts)
    assert len(traced) == 1
