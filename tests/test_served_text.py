"""python -m pytest tests/test_served_text.py"""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import tensorflow as tf

from beam_pipelines.cleaning.normalization import (
    decode,
    join_documents,
    normalize_text,
    tidy_lines,
)
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, TokenizerConfig, Vocabulary
from electra_keras.serving.served_text import ServedText

ENTRIES = (
    *SPECIAL_TOKENS,
    *"가나다한글!.",
    "##나",
    "##글",
    *"abc",
    "\u2764\ufe0f",
    "é",
)
LOWER_CASE = TokenizerConfig(lower_case=True)


@pytest.fixture(scope="module")
def served() -> ServedText:
    return ServedText(Tokenizer(Vocabulary(ENTRIES)), 8)


def rows_of(served: ServedText, texts: list) -> list[list[tuple[str, int, int]]]:
    answer = served.tokenize(tf.constant(texts, tf.string))
    values = [
        answer[name].numpy().tolist()
        for name in ("tokens", "token_starts", "token_ends")
    ]
    return [
        [(t.decode(), s, e) for t, s, e in zip(*row, strict=True)]
        for row in zip(*values, strict=True)
    ]


def test_rows_have_tokens_and_offsets(served: ServedText) -> None:
    answer = served.tokenize(tf.constant(["가나 다!", "a"]))
    assert {name: value.numpy().tolist() for name, value in answer.items()} == {
        "token_ids": [[2, 5, 12, 7, 10, 3], [2, 14, 3, 0, 0, 0]],
        "segment_ids": [[0] * 6] * 2,
        "padding_mask": [[1] * 6, [1, 1, 1, 0, 0, 0]],
        "tokens": [
            [b"[CLS]", "가".encode(), "##나".encode(), "다".encode(), b"!", b"[SEP]"],
            [b"[CLS]", b"a", b"[SEP]", b"", b"", b""],
        ],
        "token_starts": [[0, 0, 1, 3, 4, 5], [0, 0, 1, 1, 1, 1]],
        "token_ends": [[0, 1, 2, 4, 5, 5], [0, 1, 1, 1, 1, 1]],
    }


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # Offsets are of the text as given, whatever NFC makes of it.
        (unicodedata.normalize("NFD", "한글"), [("한", 0, 3), ("##글", 3, 6)]),
        ("가\u200b나", [("가", 0, 1), ("##나", 2, 3)]),
        ("\u202b가\u202c b", [("가", 1, 2), ("b", 4, 5)]),
        ("\U0001f468\u200d\U0001f469 a", [("[UNK]", 0, 3), ("a", 4, 5)]),
        ("❤\ufe0f", [("❤\ufe0f", 0, 2)]),
        ("\0a\0", [("a", 1, 2)]),
        (b"\xff\xc3 a", [("[UNK]", 0, 2), ("a", 3, 4)]),
        ("[CLS]", [("[UNK]", 0, 1), ("[UNK]", 1, 4), ("[UNK]", 4, 5)]),
        (" \t\n", []),
        ("a" * 400 + " b", [("[UNK]", 0, 400), ("b", 401, 402)]),
    ],
)
def test_odd_texts(served: ServedText, text, tokens) -> None:
    (row,) = rows_of(served, [text])
    end = tokens[-1][2] if tokens else 0
    assert row == [("[CLS]", 0, 0), *tokens, ("[SEP]", end, end)]


def test_rows_are_cut_and_the_end_is_that_of_the_cut(served: ServedText) -> None:
    (row,) = rows_of(served, ["a b c a b c a b c"])
    assert [token for token, _, _ in row] == ["[CLS]", *"abcabc", "[SEP]"]
    assert row[-1] == ("[SEP]", 11, 11)


def test_lower_casing_keeps_the_offsets_of_the_text() -> None:
    vocabulary = Vocabulary((*SPECIAL_TOKENS, "abc", "e", "##e", "i"))
    served = ServedText(Tokenizer(vocabulary, LOWER_CASE), 8)
    expected = {
        "x ABC": ("abc", 2, 5),
        "\xc9e": ("e", 0, 1),  # É is one character of two bytes.
        "E\u0301": ("e", 0, 2),
        "\u0130": ("i", 0, 1),  # Its lower case is two characters.
    }
    for text, token in expected.items():
        (row,) = rows_of(served, [text])
        assert token in row


def test_empty_batch_has_rows_of_two(served: ServedText) -> None:
    answer = served.tokenize(tf.constant([], tf.string))
    assert {tuple(value.shape) for value in answer.values()} == {(0, 2)}


def test_a_row_is_the_same_alone(served: ServedText) -> None:
    texts = ["", "가\u0301", "a b", "e\u0301\u200b", b"\xf0\x9f"]
    for text, row in zip(texts, rows_of(served, texts), strict=True):
        (alone,) = rows_of(served, [text])
        assert row[: len(alone)] == alone


def test_ids_are_those_of_the_training_data(served: ServedText) -> None:
    texts = [
        "가\u200d나 a\u200bb❤\ufe0f",
        "한\u0301글\x07!\u3000다",
        "1\ufe0f\u20e3.",
        "\x01a\n\nb",
    ]
    answer = served.tokenize(tf.constant(texts))
    for text, row in zip(texts, answer["token_ids"].numpy(), strict=True):
        (decoded,), _ = decode([text.encode()], "replace")
        lines = tidy_lines(normalize_text(join_documents([decoded]))).split("\n")
        ids = served.tokenizer.tokenize_normalized(tf.constant(lines))
        expected = [2, *ids.flat_values.numpy().tolist(), 3]
        assert np.trim_zeros(row).tolist() == expected


def test_a_megabyte_of_one_character(served: ServedText) -> None:
    texts = ["가" * 350_000, "! " * 500_000, "\u200b" * 350_000]
    rows = rows_of(served, texts)
    assert rows[0][1] == ("[UNK]", 0, 350_000)
    assert rows[1][6] == ("!", 10, 11)
    assert rows[2][:2] == [("[CLS]", 0, 0), ("[SEP]", 0, 0)]
