"""python -m pytest tests/test_graph_normalization.py"""

from __future__ import annotations

import time

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from beam_pipelines.cleaning.normalization import (
    decode,
    join_documents,
    normalize_text,
    tidy_lines,
)
from electra_keras.data.graph_normalization import GraphNormalizer

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"


@pytest.fixture(scope="module")
def normalize():
    """The graph of a `GraphNormalizer`, traced once."""
    normalizer = GraphNormalizer(300)
    return tf.function(
        lambda text: vars(normalizer.normalize(text)),
        [tf.TensorSpec([None], tf.string)],
    )


def rows_of(answer: dict) -> list[list[tuple[str, int, int]]]:
    """Each text's characters with their offsets."""
    texts = [text.decode() for text in answer["text"].numpy()]
    starts, ends = (answer[name].numpy().tolist() for name in ("starts", "ends"))
    spans = iter(zip(starts, ends, strict=True))
    return [[(c, *next(spans)) for c in text] for text in texts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # NFD Hangul: three jamo are one syllable.
        ("\u1112\u1161\u11ab글", [("한", 0, 3), ("글", 3, 4)]),
        ("e\u0301x", [("\xe9", 0, 2), ("x", 2, 3)]),
        # What is dropped between two marks does not part them.
        ("e\u200b\u0301", [("\xe9", 0, 3)]),
        ("가\u200b나", [("가", 0, 1), ("나", 2, 3)]),
        ("a\r\n\0b", [("a", 0, 1), (" ", 1, 2), ("b", 4, 5)]),
        ("  a ", [("a", 2, 3), (" ", 3, 4)]),
        (b"\xff" + "가".encode(), [("\ufffd", 0, 1), ("가", 1, 2)]),
        # U+0344 becomes two marks, both of which come from it and its letter.
        ("q\u0344", [("q", 0, 2), ("\u0308", 0, 2), ("\u0301", 0, 2)]),
        ("\u0301", [("\u0301", 0, 1)]),
        ("", []),
    ],
)
def test_characters_know_where_they_came_from(normalize, text, expected) -> None:
    answer = normalize(tf.constant([text]))
    assert rows_of(answer) == [expected]


@pytest.mark.parametrize("text", [FAMILY, f"❤\ufe0f 1\ufe0f\u20e3 {WALES}"])
def test_joiners_stay_inside_emoji(normalize, text: str) -> None:
    assert normalize(tf.constant([text]))["text"].numpy()[0].decode() == text


PIECES = [
    *("가", "나 ", "e", "1", "#", " ", "\n", "\n\n", "\x01", "\t", "\u3000", "\0"),
    *("\u0301", "\u0316", "\u1112", "\u1161", "\u11ab", "\r", "\x85", "\x07"),
    *("\u200d", "\ufe0f", "\u20e3", "❤", "\U0001f44d", "\U0001f3fd", "\U0001f3f4"),
    *("\U000e0067", "\U000e007f", "\u115f", "\u034f", "\uffa1", "\u0344", "\uf900"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join).map(str.encode)


def words_of_training(text: bytes) -> list[str]:
    """The words that `beam_pipelines.preprocess` would have read."""
    (decoded,), _ = decode([text], "replace")
    assert decoded is not None
    return tidy_lines(normalize_text(join_documents([decoded]))).split()


@given(st.lists(st.one_of(texts, st.binary(max_size=12)), max_size=8))
@example(["가\u200d나 ❤\ufe0f\ufe0f\u200d\u200d가 x\U000e0067\U000e007f".encode()])
@settings(max_examples=150, deadline=None)
def test_words_are_those_of_the_training_data(normalize, batch) -> None:
    answer = normalize(tf.constant(batch, tf.string))
    for text, row, length in zip(
        batch, rows_of(answer), answer["lengths"].numpy(), strict=True
    ):
        assert "".join(c for c, _, _ in row).split() == words_of_training(text)
        assert length == len(text.decode("utf-8", "replace"))
        assert all(0 <= start < end <= length for _, start, end in row)
        assert [s for _, s, _ in row] == sorted(s for _, s, _ in row)
        assert [e for _, _, e in row] == sorted(e for _, _, e in row)


def test_a_text_is_read_as_far_as_its_words_go() -> None:
    normalizer = GraphNormalizer(300, most_words=2)
    answer = normalizer.normalize(tf.constant([" a bc d ", "a b", "a"]))
    assert answer.text.numpy().tolist() == [b"a bc ", b"a b", b"a"]


def test_marks_without_end_take_linear_time_and_keep_the_end(normalize) -> None:
    start = time.monotonic()
    answer = normalize(tf.constant(["a" + "\u0301\u0316" * 200_000]))
    # Sorting all 400,000 takes minutes; 300 bytes are an [UNK] already.
    assert time.monotonic() - start < 20
    assert 300 < len(answer["text"].numpy()[0]) < 1000
    assert answer["ends"].numpy()[-1] == 400_001
