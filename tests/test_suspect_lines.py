"""Only lines with signs are rewritten, and that changes nothing but the time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.cleaning import suspect_lines
from beam_pipelines.cleaning.normalization import normalize_text
from beam_pipelines.cleaning.personal_data import scrub
from beam_pipelines.cleaning.presets import PRESETS
from beam_pipelines.cleaning.suspect_lines import rewrite_lines

# Pieces of what is looked for: literals alone, and what must stand around them.
PIECES = [
    *(
        "가",
        "하하하",
        "ㅋㅋㅋ",
        "😂",
        "a",
        "k",
        " ",
        ".",
        "(",
        ")",
        "-",
        "\n",
        "\n",
        "\0",
    ),
    *("lee@example.com", "lee", "@", "골뱅이", "(at)", " example", ".com", "닷", "컴"),
    *("카톡", "카카오", "까톡", "kakao", "KAKAO", " 아이디: ", "bluesky", "blue_1"),
    *("010-1234-5678", "공일공", "공1공", "o1O", "일이삼사", "오육칠팔", "국민 "),
    *("123456-01-123456", "1588-1588", "0101", "2345678", "원"),
    *("&lt;", "&#64;", "&", "<b>", "<", ">", "http://", "Https://", "www.", "a.kr/b"),
    *("OOO", "O", "***", "○○", "◯", "〇〇"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


@pytest.mark.parametrize(
    "clean", [scrub, PRESETS["korean_chat"].clean], ids=["scrub", "korean_chat"]
)
@settings(max_examples=150, deadline=None)
@given(text=texts)
def test_few_lines_or_the_whole_text_give_the_same(clean, text: str) -> None:
    text = normalize_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suspect_lines, "_MIN_CHARACTERS_PER_SIGN", 0)
        few = clean(text)
        patch.setattr(suspect_lines, "_MIN_CHARACTERS_PER_SIGN", 10**9)
        # With a sign to be sure that there is one.
        whole = clean(f"{text}\0)&")
    if clean is scrub:
        assert few == (whole[0].removesuffix("\0)&"), whole[1])
    else:
        assert few == whole.removesuffix("\0)&")


def test_only_lines_with_a_place_are_rewritten() -> None:
    text = f"가@\n나{'다' * 200}\0@라\n@\0마@\n\n바"
    places = np.flatnonzero([letter == "@" for letter in text])
    seen: list[str] = []

    def rewrite(lines: str) -> str:
        seen.append(lines)
        return lines.replace("@", "")

    after = rewrite_lines(text, places[:2], rewrite)
    assert seen == ["가@\n@라"]
    assert after == f"가\n나{'다' * 200}\0라\n@\0마@\n\n바"


def test_a_text_without_places_is_not_touched() -> None:
    assert rewrite_lines("가\n나", np.zeros(0, np.int64), lambda lines: "!") == "가\n나"


def test_a_text_full_of_places_is_rewritten_whole() -> None:
    assert rewrite_lines("@\0가\n@", np.array([0, 4]), str.upper) == "@\0가\n@"
    assert rewrite_lines("@\0a", np.array([0]), str.upper) == "@\0A"
