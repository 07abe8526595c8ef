"""python -m pytest tests/test_tokenizer.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.data.tokenizer import (
    Tokenizer,
    TokenizerConfig,
    Vocabulary,
    WordSplitter,
)
from electra_keras.errors import UsageError

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_last_entry_counts_with_and_without_a_final_newline(
    tmp_path: Path, end: str
) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(("\n".join([*SPECIALS, "가", "##나"]) + end).encode())
    assert Vocabulary.load(path).entries == (*SPECIALS, "가", "##나")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([*SPECIALS, "", "a"], "an empty line"),
        (["a", *SPECIALS], "[PAD] at line 2"),
        ([*SPECIALS, "a", "a"], "holds 'a' twice"),
        ([*SPECIALS[:4], "a"], "lacks [MASK]"),
    ],
)
def test_wrong_vocabulary_is_refused(
    tmp_path: Path, entries: list[str], message: str
) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(entries) + "\n", "utf-8")
    with pytest.raises(UsageError) as error:
        Vocabulary.load(path)
    assert message in str(error.value)


def test_lower_case_is_refused_with_hangul_and_works_without() -> None:
    config = TokenizerConfig(lower_case=True)
    with pytest.raises(UsageError, match="lower_case"):
        Tokenizer(Vocabulary((*SPECIALS, "가")), config)
    tokenizer = Tokenizer(Vocabulary((*SPECIALS, "cafe", "b")), config)
    assert tokenizer.tokenize(["Café B"]).to_list() == [[5, 6]]


def test_decomposed_hangul_is_composed_first() -> None:
    tokenizer = Tokenizer(Vocabulary((*SPECIALS, "가")))
    assert tokenizer.tokenize(["\u1100\u1161"]).to_list() == [[5]]


@pytest.mark.parametrize(("syllables", "ids"), [(100, [5] + [6] * 99), (101, [1])])
def test_words_up_to_a_hundred_syllables_are_no_unknowns(
    syllables: int, ids: list[int]
) -> None:
    tokenizer = Tokenizer(Vocabulary((*SPECIALS, "가", "##가")))
    assert tokenizer.tokenize(["가" * syllables]).to_list() == [ids]


def test_special_tokens_never_come_from_text() -> None:
    tokenizer = Tokenizer(Vocabulary((*SPECIALS, "[", "MASK", "]")))
    assert tokenizer.tokenize(["[MASK] [PAD]"]).to_list() == [[5, 6, 7, 5, 1, 7]]


def test_splitter_splits_as_the_tokenizer_does() -> None:
    words = WordSplitter().split(["한국어, ㅋㅋ😂 don't 中文".encode(), b"", b"a"])
    expected = ["한국어", ",", "ㅋㅋ😂", "don", "'", "t", "中", "文", "a"]
    assert [word.decode() for word in words] == expected
