"""python -m pytest tests/test_cleaning.py"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.cleaning.markup import replace_emails, strip_html, strip_urls
from beam_pipelines.cleaning.normalization import (
    join_documents,
    normalize_text,
    tidy_lines,
)
from beam_pipelines.cleaning.presets import PRESETS, find_preset
from electra_keras.errors import UsageError

PAGE = Path(__file__).parent.parent / "docs" / "cleaning.md"
EXAMPLES = [
    (name, before, after)
    for name, preset in PRESETS.items()
    for before, after in preset.examples
]
PIECES = [
    *("가", "하하", "ㅋ", "ㅠ", "e", "O", "OOO", "I", "10", "0", " ", "\n", "\n\x01\n"),
    *(
        "!",
        ".",
        "*",
        "***",
        "○",
        "漢",
        "😂",
        "👍🏽",
        "🇰🇷",
        "#태그",
        "@name",
        "a@example.com",
    ),
    *("http://", "https://example.com/a", "www.example.com", "example.com/x", "/"),
    *("&amp;", "&lt;", "&nbsp;", "&#10;", "<b>", "<br>", "</p>", "<기생충>", "<"),
    *("[", "]", "{", "}", "【", "】", ">", "(서울=뉴스1)", "무단전재", "“", "…", "—"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=16).map("".join)


def clean(name: str, document: str) -> str:
    text = normalize_text(join_documents([document]))
    return tidy_lines(find_preset(name).clean(text))


@pytest.mark.parametrize(("name", "before", "after"), EXAMPLES)
def test_examples(name: str, before: str, after: str) -> None:
    assert clean(name, before) == after
    # What the example of numbers shows: the published recipes shorten them again.
    assert clean(name, after) == after


@pytest.mark.parametrize("name", PRESETS)
@settings(max_examples=200, deadline=None)
@given(a=texts, b=texts)
def test_presets_treat_documents_alone(name: str, a: str, b: str) -> None:
    preset = PRESETS[name].clean
    a, b = normalize_text(a), normalize_text(b)
    joined = preset(f"{a}\0{b}")
    assert joined == f"{preset(a)}\0{preset(b)}"
    for mark in "\0\n\x01":
        assert joined.count(mark) == f"{a}\0{b}".count(mark)


# KoELECTRA's step for brackets takes the inner of two nested ones.
@pytest.mark.parametrize("name", sorted(PRESETS.keys() - {"koelectra"}))
@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_cleaning_twice_changes_nothing_more(name: str, text: str) -> None:
    once = clean(name, text)
    assert clean(name, once) == once


def test_words_that_a_mask_held_apart_are_repeats() -> None:
    once = clean("korean_chat", "가***하하 하하OOO 하하")
    assert once == clean("korean_chat", once) == "가 하하 하하"


def test_unknown_preset_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'kobert'; expected raw or koelectra"):
        find_preset("kobert")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(http://example.com)보고", "( 보고"),
        ("Http://example.com/ 2.5/5점 및/또는", "  2.5/5점 및/또는"),
        ("a@example.com/x and/or 1.5/km", None),
        ("example.com 좋다", None),
    ],
)
def test_strip_urls(before: str, after: str | None) -> None:
    assert strip_urls(before) == (before if after is None else after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("&amp;amp;lt; &#x1F602; &foo; A&B;", "< 😂 &foo; A&B;"),
        ("a&#10;b&#0;c&nbsp;d", "a b\ufffdc d"),
        ("e&#769;", "\xe9"),
        ("&lt;br/&gt;1<2>3 <3 <BR>x", " 1<2>3 <3  x"),
    ],
)
def test_strip_html(before: str, after: str) -> None:
    assert strip_html(before) == after


def test_replace_emails_counts_what_was_not_yet_replaced() -> None:
    text = "a.b@example.org, x@mail.example.co.kr로 @home a@b"
    assert replace_emails(text, "M@M.MM") == ("M@M.MM, M@M.MM로 @home a@b", 2)
    assert replace_emails("M@M.MM로", "M@M.MM") == ("M@M.MM로", 0)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    "unit", ["a", "[", "<a ", "&amp;", "a.", "@a.bc", "http://", ".ab/", "O", "(서울="]
)
def test_hostile_text_takes_linear_time(name: str, unit: str) -> None:
    text = unit * (400_000 // len(unit))
    start = time.process_time()
    PRESETS[name].clean(text)
    # Linear: below 0.3 s. Quadratic would take minutes.
    assert time.process_time() - start < 5


def test_page_shows_the_examples_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    for name, preset in PRESETS.items():
        section = page.split(f"\n### {name}\n", 1)[1].split("\n##", 1)[0]
        assert preset.description in section
        rows = re.findall(r"^\| `(.+)` \| (?:`(.+)`|nothing) \|$", section, re.M)
        shown = [(a.replace("⏎", "\n"), b.replace("⏎", "\n")) for a, b in rows]
        assert shown == list(preset.examples)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("했습니다.name@example.com 끝", "했습니다. 끝"),
        ("했습니다...a.b@example.com", "했습니다..."),
        ("10%a@example.com", ""),  # One name, of digits and a sign too.
    ],
)
def test_an_address_may_follow_a_full_stop(before: str, after: str) -> None:
    assert clean("koelectra", before) == after


def test_an_address_is_found_behind_one_that_is_not_taken() -> None:
    text = "가example.com/x***example.com/x 끝"
    assert clean("korean_chat", text) == "가example.com/x 끝"
