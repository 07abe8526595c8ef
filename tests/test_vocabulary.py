"""python -m pytest tests/test_vocabulary.py"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from beam_pipelines.config import VocabularyConfig
from beam_pipelines.vocabulary import (
    choose_alphabet,
    learn_and_report,
    learn_vocabulary,
)
from electra_keras.data.vocabulary import SPECIAL_TOKENS
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


def test_unused_and_user_tokens_follow_the_special_tokens() -> None:
    user_tokens = ("😀", "썸남", "한국어", "👍", "lowest")
    entries = learn_vocabulary(
        WORDS,
        vocabulary_size=55,
        character_coverage=1.0,
        unused_tokens=3,
        user_tokens=user_tokens,
    )
    assert entries[:5] == SPECIAL_TOKENS
    assert entries[5:8] == ("[unused0]", "[unused1]", "[unused2]")
    assert entries[8:13] == user_tokens
    assert len(entries) == len(set(entries)) == 55
    # The rest is the alphabet without the 👍 that is there already.
    plain = learn_vocabulary(WORDS, vocabulary_size=48, character_coverage=1.0)
    alphabet = [entry for entry in plain[5:] if len(entry) == 1 and entry != "👍"]
    assert list(entries[13 : 13 + len(alphabet)]) == alphabet


def test_user_tokens_are_not_learned_from() -> None:
    words = {"ab": 9, "cd": 5}
    plain = learn_vocabulary(words, vocabulary_size=14, character_coverage=1.0)
    assert plain[-1] == "##ab"
    entries = learn_vocabulary(
        words, vocabulary_size=15, character_coverage=1.0, user_tokens=("ab",)
    )
    assert (entries[5], entries[-1]) == ("ab", "##cd")


def test_too_small_a_size_names_the_slots() -> None:
    with pytest.raises(UsageError, match="30 unused and 1 user tokens"):
        learn_vocabulary(
            WORDS, vocabulary_size=40, unused_tokens=30, user_tokens=("썸",)
        )


def test_learn_and_report(tmp_path: Path) -> None:
    path = tmp_path / "tokens.txt"
    path.write_text("썸남\n", encoding="utf-8")
    config = VocabularyConfig(
        size=48,
        character_coverage=1.0,
        unused_tokens=1,
        user_tokens_file=str(path),
    )
    counts = Counter(documents=3, documents_dropped=1, distinct_words=11)
    learned = learn_and_report(
        WORDS,
        counts,
        config,
        max_bytes_per_word=300,
        held_out_counts={"썸남": 3, "?": 1},
    )
    lines = learned.text.splitlines()
    assert lines[5:7] == ["[unused0]", "썸남"]
    assert learned.text.endswith("\n")
    assert learned.summary == (
        "48 entries from 3 documents, 71 words counted (11 different), [UNK] rate "
        "25.000%, 1.00 pieces per word on held-out text, 1 documents dropped"
    )
    assert learned.report.held_out is not None
    with pytest.raises(UsageError, match="an empty corpus: 3 documents"):
        learn_and_report({}, counts, config, max_bytes_per_word=300)
