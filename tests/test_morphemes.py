"""python -m pytest tests/test_morphemes.py"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from beam_pipelines.morphemes import (
    count_units,
    cut_at_borders,
    load_morpheme_splitter,
)
from beam_pipelines.vocabulary import learn_vocabulary
from electra_keras.data.vocabulary import SPECIAL_TOKENS
from electra_keras.errors import ElectraError, UsageError

PARTS = {"영화를": ["영화", "를"], "영화": ["영화"], "한국을": ["한국", "을"]}


def split_by_table(words: Sequence[str]) -> list[list[str]]:
    return [PARTS[word] for word in words]


def test_the_first_unit_of_a_word_is_told_from_the_others() -> None:
    words = {"영화를": 3, "영화": 2, "를": 5, "movie": 4, "!": 1}
    assert count_units(words, split_by_table) == {
        " 영화": 5,
        "를": 3,
        " 를": 5,
        " movie": 4,
        " !": 1,
    }
    assert count_units({"영화를": 3}, None) == {" 영화를": 3}


def test_merges_do_not_cross_borders() -> None:
    words = {"영화를": 9, "영화": 2, "한국을": 4}
    size = len(SPECIAL_TOKENS) + 2 * 6 + 2
    entries = learn_vocabulary(
        words,
        vocabulary_size=size,
        character_coverage=1.0,
        split_morphemes=split_by_table,
    )
    # 화 and 를 meet as often as 영 and 화, and yet ##화를 is not learned.
    assert entries[-2:] == ("영화", "한국")
    whole = learn_vocabulary(words, vocabulary_size=size, character_coverage=1.0)
    assert whole[-2:] == ("영화", "영화를")


def test_an_inner_unit_becomes_a_continuation() -> None:
    def split(words: Sequence[str]) -> list[list[str]]:
        return [[word[:2], word[2:]] for word in words]

    entries = learn_vocabulary(
        {"좋았습니다": 9, "갔었습니다": 5},
        vocabulary_size=5 + 2 * 7 + 2,
        character_coverage=1.0,
        split_morphemes=split,
    )
    assert entries[-2:] == ("##니다", "##습니다")


def test_parts_that_lose_a_character_are_refused() -> None:
    with pytest.raises(ElectraError, match="영화를") as error:
        count_units({"영화를": 1}, lambda words: [["영화"]])
    assert error.value.exit_code == 1


def test_cuts_only_where_no_morpheme_reaches_across() -> None:
    assert cut_at_borders("도와줬다", [(0, 3), (2, 3), (3, 4)]) == ["도와줬", "다"]
    assert cut_at_borders("아름다운", [(0, 4), (3, 4)]) == ["아름다운"]
    assert cut_at_borders("했다", [(0, 1), (0, 1), (1, 2)]) == ["했", "다"]
    assert cut_at_borders("ㅋㅋ", []) == ["ㅋㅋ"]
    assert cut_at_borders("배우들의", [(0, 2), (2, 3), (3, 4)]) == ["배우", "들", "의"]


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [("kiwi", "kiwipiepy", "kiwipiepy"), ("mecab", "mecab", "python-mecab-ko")],
)
def test_a_missing_analyser_is_a_usage_error(
    name: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=f"pip install {package}"):
        load_morpheme_splitter(name)


def test_no_analyser_and_an_unknown_one() -> None:
    assert load_morpheme_splitter("none") is None
    with pytest.raises(UsageError, match="kiwi, mecab"):
        load_morpheme_splitter("okt")


@pytest.mark.parametrize(
    ("name", "module"), [("kiwi", "kiwipiepy"), ("mecab", "mecab")]
)
def test_real_analysers(name: str, module: str) -> None:
    pytest.importorskip(module)
    split = load_morpheme_splitter(name)
    assert split is not None
    words = ["영화를", "배우들의", "감동적이었습니다", "ㅋㅋㅋ", "😀재밌음"]
    assert split(words) == [
        ["영화", "를"],
        ["배우", "들", "의"],
        ["감동", "적", "이", "었", "습니다"],
        ["ㅋㅋㅋ"],
        ["😀", "재밌", "음"],
    ]
    contracted = ["했다", "도와줬다", "아름다운", "봄", "a가b"]
    assert ["".join(parts) for parts in split(contracted)] == contracted
