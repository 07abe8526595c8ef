"""python -m pytest tests/test_word_lists.py"""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from beam_pipelines.word_lists import WordList, read_words
from electra_keras.errors import UsageError


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        (["바보"], "바보야 이바보\0바보", [0, 5, 8]),
        (["TV"], "TV tv는 TVs 1TV 새TV HDTV", [0, 3, 16]),
        (["a.b"], "a.b xa.b a.b.", [0, 9]),
        (["공짜 폰"], "공짜 폰 공짜폰 공짜  폰", [0]),
        (["개", "개새끼"], "개새끼 개", [0, 4]),
        (["가나"], "가\0나 가\n나", []),
        (["가나다"], "가나", []),
        ([], "가나", []),
        (["  ", "É"], "é 가", [0]),
    ],
)
def test_places_of_words(words: list[str], text: str, expected: list[int]) -> None:
    assert WordList.make(words).find(text).tolist() == expected


def test_decomposed_word_is_composed() -> None:
    assert WordList.make(["\u1112\u1161\u11ab글"]).find("이 한글").tolist() == [2]


def test_thousands_of_words_find_their_own_places() -> None:
    words = [f"말{number:04d}은" for number in range(5000)]
    found = WordList.make(words).find(" ".join([*words, "말5000은"]))
    assert found.tolist() == list(range(0, 5000 * 7, 7))


def test_pickles() -> None:
    words = pickle.loads(pickle.dumps(WordList.make(["바보", "개"])))
    assert words.find("개 바보").tolist() == [0, 2]


def test_reads_one_word_a_line(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("\ufeff바보 \r\n\n공짜 폰\n".encode())
    assert read_words(str(path)) == ["바보", "공짜 폰"]


@pytest.mark.parametrize("content", [None, b"\n \n", b"\xff\xfe"])
def test_missing_empty_and_malformed_lists_are_usage_errors(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"the word list .*words\.txt"):
        read_words(str(path))
