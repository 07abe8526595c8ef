"""python -m pytest tests/test_encoding.py"""

from __future__ import annotations

import json
import random
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, TokenizerConfig, Vocabulary
from electra_keras.finetuning import encoding
from electra_keras.finetuning.encoding import PieceFinder, Pieces, cut_pair
from electra_keras.serving.export import export_run
from electra_keras.serving.served_text import ServedText
from electra_keras.training.saved_run import load_run

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
    (pieces,) = PieceFinder(TOKENIZER).find_pieces(["a\u200bb\t나\x00는"])
    assert pieces.token_ids.tolist() == [9, 10, 6, 7]
    assert pieces.starts.tolist() == [0, 2, 4, 6]
    assert pieces.ends.tolist() == [1, 3, 5, 7]


def test_a_lone_surrogate_is_one_unknown_character() -> None:
    # Two halves that a program did not join are two, as offsets count them.
    text = json.loads('"나\\ud800 a"') + "\ud83d" + "\ude00"
    (pieces,) = PieceFinder(TOKENIZER).find_pieces([text])
    assert pieces.token_ids.tolist() == [1, 1]
    assert pieces.starts.tolist() == [0, 3]
    assert pieces.ends.tolist() == [2, 6]


# Joined and skin-toned emoji, flags, NFD Hangul, accents in two orders, controls,
# right-to-left, ideographs, private use, white space of all kinds.
ODD_TEXTS = (
    *("", " ", "\x00나", "나는.", "a\u200bb", "나\u3000는", "中나", "\ue000"),
    *("\u0301", "\u1102\u1161\u11ab", "e\u0301\u0323", "나\ufeff는", "a\nb\rb"),
    *("😀나", "q\u0344", unicodedata.normalize("NFD", "각나 é.나는")),
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 a\u200db ❤\ufe0f\ufe0f 1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e007f나 x\U000e0067 👍🏽👍\u200d",
    "\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd \u202bab\u202c \u0645\u0631\u062d",
    "\u200f나\x07는\x1f\x85a\u2028\u115f각\u034f\uffa1\uf900",
)


def random_texts(count: int) -> list[str]:
    """Texts whose characters meet as no writer would have them meet."""
    choose = random.Random(1)
    characters = sorted({character for text in ODD_TEXTS for character in text})
    return ["".join(choose.choices(characters, k=n % 24)) for n in range(count)]


@pytest.mark.parametrize("lower_case", [False, True])
def test_ids_and_characters_are_those_of_served_text(lower_case: bool) -> None:
    entries = (*SPECIAL_TOKENS, ".", "a", "##b", "b", "e") if lower_case else ENTRIES
    tokenizer = Tokenizer(Vocabulary(entries), TokenizerConfig(lower_case=lower_case))
    texts = [*ODD_TEXTS, *random_texts(300)]
    found = PieceFinder(tokenizer).find_pieces(texts)
    given = tf.constant([text.encode() for text in texts])
    check_equal(found, ServedText(tokenizer, 64).tokenize(given))


def test_ids_and_characters_are_those_of_an_export(
    run_folder: Path, tmp_path: Path
) -> None:
    run = load_run(run_folder)
    loaded = tf.saved_model.load(str(export_run(run, tmp_path / "models")))
    given = tf.constant([text.encode() for text in ODD_TEXTS])
    served = loaded.signatures["tokenize"](text=given)
    finder = PieceFinder(Tokenizer(run.vocabulary, run.info.tokenizer))
    check_equal(finder.find_pieces(ODD_TEXTS), served)


def check_equal(found: list[Pieces], served: dict[str, tf.Tensor]) -> None:
    """Compares with rows that are framed, padded, and cut at their longest."""
    lengths = served["padding_mask"].numpy().sum(axis=1) - 2
    room = lengths.max()
    for row, (pieces, length) in enumerate(zip(found, lengths, strict=True)):
        for ours, theirs in (
            (pieces.token_ids, "token_ids"),
            (pieces.starts, "token_starts"),
            (pieces.ends, "token_ends"),
        ):
            cut = served[theirs].numpy()[row, 1 : length + 1]
            assert ours[:room].tolist() == cut.tolist(), (row, theirs)


def test_texts_go_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["나는 나", "", "a", "ab", "각 각 각", "é"]
    expected = [[6, 7, 6], [], [9], [9, 10], [8, 8, 8], [11]]
    for limit, size in (("_CHUNK_TEXTS", 2), ("_CHUNK_BYTES", 3)):
        with monkeypatch.context() as patch:
            patch.setattr(encoding, limit, size)
            found = PieceFinder(TOKENIZER).find_pieces(texts)
        assert [pieces.token_ids.tolist() for pieces in found] == expected


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
