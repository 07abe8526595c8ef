"""python -m pytest tests/test_vocabulary.py"""

from __future__ import annotations

from collections import Counter

import pytest

from beam_pipelines.vocabulary import (
    choose_alphabet,
    learn_vocabulary,
    report_vocabulary,
)
from electra_keras.data.features import SPECIAL_TOKENS
from electra_keras.errors import UsageError

WORDS = Counter(
    {"한국어": 9, "한국": 7, "국어": 5, "lower": 6, "low": 8, "lowest": 3, "!": 20}
    | {"👍": 4, "字": 3, "ㅋㅋ": 5, "e\u0301": 1}
)


def test_specials_come_first_then_the_alphabet_then_pieces() -> None:
    entries = learn_vocabulary(WORDS, vocabulary_size=48, character_coverage=1.0)
    assert len(entries) == len(set(entries)) == 48
    assert entries[:5] == SPECIAL_TOKENS
    alphabet = choose_alphabet(WORDS, 1.0, 6000)
    assert list(entries[5 : 5 + len(alphabet)]) == alphabet == sorted(alphabet)
    inner = [entry for entry in entries if len(entry) == 3 and entry[:2] == "##"]
    # "!" and "字" always stand alone, so they have no second form.
    assert {f"##{char}" for char in alphabet} - set(inner) == {"##!", "##字"}
    assert entries[5 + len(alphabet) : 5 + len(alphabet) + len(inner)] == tuple(inner)
    assert {"low", "한국", "👍", "##ㅋ"} <= set(entries)


def test_size_is_exact_and_larger_ones_begin_with_smaller_ones() -> None:
    entries = learn_vocabulary(WORDS, vocabulary_size=50, character_coverage=1.0)
    for size in (44, 47):
        smaller = learn_vocabulary(WORDS, vocabulary_size=size, character_coverage=1.0)
        assert len(smaller) == size
        assert smaller == entries[:size]


def test_same_counts_give_the_same_vocabulary() -> None:
    ordered = dict(sorted(WORDS.items()))
    first, second = (learn_vocabulary(ordered, vocabulary_size=45) for _ in range(2))
    assert first == second


def test_too_large_a_size_names_the_largest() -> None:
    with pytest.raises(UsageError, match=r"at most \d+") as error:
        learn_vocabulary(WORDS, vocabulary_size=5000)
    largest = int(error.value.expected.split()[2].strip(","))
    assert len(learn_vocabulary(WORDS, vocabulary_size=largest)) == largest


def test_too_small_a_size_names_the_least() -> None:
    with pytest.raises(UsageError, match=r"at least \d+") as error:
        learn_vocabulary(WORDS, vocabulary_size=10)
    least = int(error.value.expected.split()[2].strip(","))
    assert len(learn_vocabulary(WORDS, vocabulary_size=least)) == least


def test_alphabet_takes_the_most_frequent_characters() -> None:
    words = {"aab": 10, "c": 1}
    assert choose_alphabet(words, 0.95, 6000) == ["a", "b"]
    assert choose_alphabet(words, 1.0, 6000) == ["a", "b", "c"]
    assert choose_alphabet(words, 1.0, 1) == ["a"]
    assert choose_alphabet({"\u2581x": 1}, 1.0, 9) == ["x"]


def test_report_counts_words_by_their_weight() -> None:
    entries = (*SPECIAL_TOKENS, "a", "##b", "ab")
    report = report_vocabulary(
        entries, {"ab": 6, "abb": 2, "z": 2}, max_bytes_per_word=300
    )
    assert report.words == 10
    assert report.unknown_rate == pytest.approx(0.2)
    assert report.pieces_per_word == pytest.approx((6 * 1 + 2 * 2 + 2 * 1) / 10)
