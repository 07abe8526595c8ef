"""python -m pytest tests/test_encoding.py"""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, TokenizerConfig, Vocabulary
from electra_keras.finetuning.encoding import PieceFinder, cut_pair, normalize_text
from electra_keras.serving.served_text import ServedText

# Ids from 5: 나 6, ##는 7.
ENTRIES = (*SPECIAL_TOKENS, ".", "나", "##는", "각", "a", "##b", "é")
TOKENIZER = Tokenizer(Vocabulary(ENTRIES))


def test_characters_of_word_pieces() -> None:
    (pieces,) = PieceFinder(TOKENIZER).find_pieces(["나는  ab."])
    assert pieces.token_ids.tolist() == [6, 7, 9, 10, 5]
    assert pieces.starts.tolist() == [0, 1, 4, 5, 6]
    assert pieces.ends.tolist() == [1, 2, 5, 6, 7]
    assert pieces.token_ids.dtype == pieces.starts.dtype == np.int32


def test_characters_of_decomposed_text() -> None:
    (pieces,) = PieceFinder(TOKENIZER).find_pieces(
        [unicodedata.normalize("NFD", "각 é")]
    )
    assert pieces.token_ids.tolist() == [8, 11]
    assert pieces.starts.tolist() == [0, 4]
    assert pieces.ends.tolist() == [3, 6]


def test_control_characters_leave_no_trace() -> None:
    text, starts, ends = normalize_text("a\u200bb\tc\x00")
    assert text == "ab c"
    assert starts.tolist() == [0, 2, 3, 4]
    assert ends.tolist() == [1, 3, 4, 5]


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "나는.", "a\u200bb", "나\u3000는", "\x00나", "中나", "a\u0301"),
        *(
            "\u1102\u1161\u11ab",
            "e\u0301\u0323",
            "나\ufeff는",
            "a\nb\rb",
            "😀나",
            "\ue000",
        ),
    ],
)
@pytest.mark.parametrize("lower_case", [False, True])
def test_ids_and_characters_are_those_of_the_served_model(
    text: str, lower_case: bool
) -> None:
    entries = (*SPECIAL_TOKENS, ".", "a", "##b", "b", "e") if lower_case else ENTRIES
    tokenizer = Tokenizer(Vocabulary(entries), TokenizerConfig(lower_case=lower_case))
    (pieces,) = PieceFinder(tokenizer).find_pieces([text])
    served = ServedText(tokenizer, 16).tokenize(tf.constant([text.encode()]))
    assert pieces.token_ids.tolist() == served["token_ids"].numpy()[0, 1:-1].tolist()
    assert pieces.starts.tolist() == served["token_starts"].numpy()[0, 1:-1].tolist()
    assert pieces.ends.tolist() == served["token_ends"].numpy()[0, 1:-1].tolist()


def test_texts_of_several_lengths() -> None:
    found = PieceFinder(TOKENIZER).find_pieces(["나는 나", "", "a"])
    assert [pieces.token_ids.tolist() for pieces in found] == [[6, 7, 6], [], [9]]
    assert PieceFinder(TOKENIZER).find_pieces([]) == []


def test_rows_are_framed_as_in_the_pre_training() -> None:
    finder = PieceFinder(TOKENIZER)
    one = finder.join(np.array([6, 7]))
    assert one.token_ids.tolist() == [2, 6, 7, 3]
    assert one.segment_ids.tolist() == [0, 0, 0, 0]
    two = finder.join(np.array([6]), np.array([9, 10]))
    assert two.token_ids.tolist() == [2, 6, 3, 9, 10, 3]
    assert two.segment_ids.tolist() == [0, 0, 0, 1, 1, 1]
    assert two.padding_mask.tolist() == [1] * 6
    assert two.token_ids.dtype == two.segment_ids.dtype == two.padding_mask.dtype
    assert two.token_ids.dtype == np.int32


@pytest.mark.parametrize(
    ("first", "second", "room", "kept"),
    [
        (3, 4, 7, (3, 4)),
        (9, 2, 6, (4, 2)),
        (2, 9, 6, (2, 4)),
        (5, 5, 7, (4, 3)),
        (9, 8, 4, (2, 2)),
        (9, 8, 5, (3, 2)),
        (3, 0, 2, (2, 0)),
    ],
)
def test_the_longer_is_cut_first(
    first: int, second: int, room: int, kept: tuple[int, int]
) -> None:
    assert cut_pair(first, second, room) == kept
