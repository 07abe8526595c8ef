"""python -m pytest tests/test_filters.py"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.filters import REASONS, FilterConfig, measure, reject
from beam_pipelines.word_lists import WordList
from electra_keras.errors import UsageError


def measure_one(text: str) -> dict[str, float]:
    measures = measure(text)
    assert all(values.size == 1 for values in measures.values())
    return {name: values[0].item() for name, values in measures.items()}


def test_measures_of_one_document() -> None:
    assert measure_one("영화 HD 4장,\n漢字 ㅋㅋ!") == {
        "characters": 16,
        "words": 5,
        "hangul_rate": 5 / 9,
        "latin_rate": 2 / 9,
        "other_rate": 2 / 9,
        "symbol_rate": 2 / 12,
        "digit_rate": 1 / 12,
        "repetition_rate": 1 / 16,
    }


def test_an_empty_document_measures_zero() -> None:
    assert set(measure_one("").values()) == {0}
    assert measure("\0가\0")["characters"].tolist() == [0, 1, 0]
    assert measure("\0가\0")["hangul_rate"].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "repeated"),
    [
        ("", 0),
        ("ㅋ", 0),
        ("ㅋㅋ", 1),
        ("ㅋㅋㅋㅋ", 3),
        ("하하하하", 3),
        ("ㅋㅎㅋㅎ", 2),
        ("ㅋㅎㅋ", 0),
        ("너무너무좋다", 2),
        ("가나다가나다가나다", 6),
        ("가나다라가나다라", 4),
        ("가나다라마가나다라마", 0),
        ("좋아요 좋다 좋네", 0),
        ("재밌다\n재밌다", 3),
        ("재밌다\n별로\n재밌다\n재밌다", 6),
        ("ㅋㅋ\n가나다라마\nㅋㅋ", 1 + 2),
        ("가\n\n나\n\n다", 0),
        ("가\n가\n가\n나\n나", 2 + 1),
    ],
)
def test_repetition(text: str, repeated: int) -> None:
    expected = repeated / max(len(text), 1)
    assert measure_one(text)["repetition_rate"] == pytest.approx(expected)


def test_nothing_repeats_across_documents() -> None:
    texts = ["가", "가", "가나", "가나", "가", "", "", "", "같은 줄\n하나", "같은 줄"]
    assert measure("\0".join(texts))["repetition_rate"].tolist() == [0.0] * 10


documents = st.lists(
    st.text(st.sampled_from("가나ㅋab \n1!😀漢"), max_size=12), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=200)
@given(texts=documents)
def test_each_document_is_measured_as_if_alone(texts: list[str]) -> None:
    together = measure("\0".join(texts))
    for number, text in enumerate(texts):
        received = {name: values[number].item() for name, values in together.items()}
        assert received == measure_one(text)


def count_repeats(text: str) -> int:
    """Repetition as documented, one character at a time."""
    repeated = set()
    for period in (1, 2, 3, 4):
        for start in range(period, len(text) - period + 1):
            unit = text[start : start + period]
            if unit == text[start - period : start] and "\n" not in unit:
                repeated.update(range(start, start + period))
    seen: set[str] = set()
    position = 0
    for line in text.split("\n"):
        if line in seen:
            repeated.update(range(position, position + len(line)))
        seen.add(line)
        position += len(line) + 1
    return len(repeated)


@settings(deadline=None, max_examples=300)
@given(text=st.text(st.sampled_from("가나다 \n"), max_size=24))
def test_repetition_is_what_the_definition_counts(text: str) -> None:
    expected = count_repeats(text) / max(len(text), 1)
    assert measure_one(text)["repetition_rate"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings_", "text", "reason"),
    [
        ({"min_characters": 3}, "가나", "too_short"),
        ({"max_characters": 5}, "가나다라마바", "too_long"),
        ({"min_words": 2}, "가나다", "few_words"),
        ({"min_hangul_rate": 0.5}, "가 hello", "little_hangul"),
        ({"min_hangul_rate": 0.5}, "12 !!", "little_hangul"),
        ({"min_latin_rate": 0.4}, "hi 안녕하세요", "little_latin"),
        ({"max_other_rate": 0.3}, "漢字가", "other_letters"),
        ({"max_symbol_rate": 0.5}, "가!?😀", "symbols"),
        ({"max_digit_rate": 0.5}, "가 010", "digits"),
        ({"max_repetition_rate": 0.5}, "ㅋㅋㅋㅋ", "repetition"),
    ],
)
def test_reasons(settings_: dict[str, Any], text: str, reason: str) -> None:
    config = FilterConfig(**settings_)
    kept = "가나 hi"
    assert reject(measure(f"{text}\0{kept}"), config).tolist() == [reason, ""]


def test_limits_themselves_are_kept() -> None:
    config = FilterConfig(
        min_characters=4, max_characters=4, min_words=2, max_digit_rate=0.5
    )
    measures = measure("가나 1\0가 12\0가1 2")
    assert reject(measures, config).tolist() == ["", "digits", "digits"]


def test_the_first_reason_counts() -> None:
    config = FilterConfig(min_characters=5, max_repetition_rate=0.1)
    assert reject(measure("ㅋㅋㅋ\0ㅋㅋㅋㅋㅋ"), config).tolist() == [
        "too_short",
        "repetition",
    ]


def test_word_lists() -> None:
    blocked, required = WordList.make(["바보"]), WordList.make(["영화", "드라마"])
    text = "바보 영화\0바보 바보 드라마\0좋다\0영화"
    measures = measure(text, blocked=blocked, required=required)
    assert measures["blocked_words"].tolist() == [1, 2, 0, 0]
    assert measures["required_words"].tolist() == [1, 1, 0, 1]
    config = FilterConfig(
        blocked_words_file="b", max_blocked_words=1, required_words_file="r"
    )
    expected = ["", "blocked_words", "no_required_word", ""]
    assert reject(measures, config).tolist() == expected


def test_defaults_keep_everything() -> None:
    measures = measure("\0!!!!\0ㅋㅋㅋㅋ\n\nhello 漢 12\0")
    assert reject(measures, FilterConfig()).tolist() == [""] * 4


def test_every_reason_is_documented_once() -> None:
    assert len(set(REASONS)) == 11


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        (
            {"min_hangul_rate": 50},
            r"filters.min_hangul_rate 50; expected a share between",
        ),
        ({"max_digit_rate": -0.1}, r"filters.max_digit_rate -0\.1"),
        ({"min_characters": -1}, r"filters.min_characters -1; expected a number"),
        (
            {"min_characters": 9, "max_characters": 8},
            r"max_characters=8 is below min_characters=9",
        ),
    ],
)
def test_wrong_limits_are_usage_errors(settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FilterConfig(**settings_)


def test_measures_of_a_long_batch_add_up() -> None:
    texts = ["가나다 라마" * (number % 7) for number in range(3000)]
    measures = measure("\0".join(texts))
    assert measures["characters"].tolist() == [len(text) for text in texts]
    assert int(np.sum(measures["words"])) == sum(len(text.split()) for text in texts)
