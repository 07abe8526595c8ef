"""Cleaning presets: what to take out of a text, by name.

Stands between `normalization.py` and `personal_data.py`. `docs/cleaning.md`
shows the examples and says where published recipes and their code differ.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable

import numpy as np

from beam_pipelines.characters import code_points
from beam_pipelines.cleaning.code_points import drop_repeats, to_text
from beam_pipelines.cleaning.markup import replace_emails, strip_html, strip_urls
from beam_pipelines.cleaning.suspect_lines import line_start, line_stop, rewrite_lines
from electra_keras.data.character_kinds import (
    EMOJI,
    EMOJI_STYLE,
    KEYCAP,
    TAGS,
    ZERO_WIDTH_JOINER,
    Ranges,
    make_table,
)
from electra_keras.errors import UsageError

_JAMO = (ord("ㄱ"), ord("ㅣ"))
_SYLLABLES = (ord("가"), ord("힣"))
_ASCII = (0, 0x7F)
_KOELECTRA = (_ASCII, _SYLLABLES, *((ord(sign), ord(sign)) for sign in "％·∼"))
# What "\w" of the published patterns matches among the characters they keep.
_WORD = (
    *((ord("0"), ord("9")), (ord("A"), ord("Z")), (ord("a"), ord("z"))),
    *((ord("_"), ord("_")), _JAMO, _SYLLABLES),
)
_KCELECTRA = (
    *_KOELECTRA,
    _JAMO,
    *EMOJI,
    *((part, part) for part in (ZERO_WIDTH_JOINER, EMOJI_STYLE, KEYCAP)),
    TAGS,
)
# Numbers and the Roman numeral III say something else when they are shorter.
_NOT_REPEATS = (*((ord("0"), ord("9")), (ord("I"), ord("I"))), (0, 0x1F))

_BRACKETS = [
    re.compile(pattern)
    for pattern in (
        r"\[[^][\n\x00]*\]",
        r"\{[^{}\n\x00]*\}",
        r"【[^【】\n\x00]*】",
        r"<[^<>\n\x00]*>",
    )
]
_HASHTAG = re.compile(r"#[\w·]+")
_USER = re.compile(r"@[\w.]+")
_NEWS = re.compile(
    r"무단 ?(?:전재|복제|배포)|재배포 ?금지|저작권자"
    r"|\([가-힣]{2,4}=[가-힣A-Za-z0-9]{2,10}\)"
)
_KC_URL = re.compile(r"https?://[-A-Za-z0-9@:%._+~#=()?&/]+")
# Naver shows OOO for a masked word, other portals *** or circles.
_OOO = re.compile(r"OOO(?<![A-Za-z0-9]OOO)O*(?![A-Za-z0-9])")
_MASKS = (
    ("OOO", _OOO),
    ("***", re.compile(r"\*\*\*+")),
    *((circle, re.compile("[○◯〇][○◯〇]+")) for circle in "○◯〇"),
)
_SPACES = re.compile("  +")
# One of them is in whatever `_strip_chat_lines` finds.
_CHAT_SIGNS = tuple((ord(sign), ord(sign)) for sign in "&</wO*○◯〇")
_TYPOGRAPHY = tuple(
    zip(
        "‘’‚‛′“”„‟″«»–—―−…",
        ("'",) * 5 + ('"',) * 7 + ("-",) * 4 + ("...",),
        strict=True,
    )
)


@dataclasses.dataclass(frozen=True)
class Preset:
    """One way of cleaning.

    Attributes:
        description: In one line.
        clean: From joined, normalised documents to the same, see `cleaning`.
        examples: Documents before, and after cleaning and `tidy_lines`.
    """

    description: str
    clean: Callable[[str], str]
    examples: tuple[tuple[str, str], ...]


@functools.cache
def _table(ranges: Ranges, *, inverted: bool = False) -> np.ndarray:
    return make_table(ranges) ^ inverted


def _keep_only(codes: np.ndarray, ranges: Ranges) -> np.ndarray:
    """Puts one space in the place of each run of other characters."""
    is_other = ~_table(ranges)[codes]
    if not is_other.any():
        return codes
    is_surplus = np.append(False, is_other[1:] & is_other[:-1])
    return np.where(is_other, np.uint32(ord(" ")), codes)[~is_surplus]


def _clean_koelectra(text: str) -> str:
    text = _empty_news_lines(text)
    for pattern in _BRACKETS:
        text = pattern.sub(" ", text)
    text, _ = replace_emails(text, " ")
    text = _USER.sub(" ", _HASHTAG.sub(" ", text))
    codes = _keep_only(code_points(text), _KOELECTRA)
    return to_text(drop_repeats(codes, _table(_WORD), longest_unit=1, copies=2))


def _empty_news_lines(text: str) -> str:
    parts: list[str] = []
    end = 0
    for match in _NEWS.finditer(text):
        if match.start() < end:
            continue
        parts.append(text[end : line_start(text, match.start(), end)])
        end = line_stop(text, match.end())
    return "".join((*parts, text[end:]))


def _clean_kcelectra(text: str) -> str:
    codes = _keep_only(code_points(text), _KCELECTRA)
    text = _OOO.sub(" ", _KC_URL.sub("", to_text(codes)))
    codes = drop_repeats(code_points(text), _table(_WORD), longest_unit=1, copies=2)
    return to_text(codes)


def _clean_korean_chat(text: str) -> str:
    signs = np.flatnonzero(_table(_CHAT_SIGNS).take(code_points(text)))
    text = rewrite_lines(text, signs, _strip_chat_lines)
    may_repeat = _table(_NOT_REPEATS, inverted=True)
    return to_text(
        drop_repeats(code_points(text), may_repeat, longest_unit=4, copies=2)
    )


def _strip_chat_lines(text: str) -> str:
    text = strip_urls(strip_html(text))
    for sign, pattern in _MASKS:
        if sign in text:
            text = pattern.sub(" ", text)
    # As `tidy_lines` will: words that it brings together may be repeats.
    return _SPACES.sub(" ", text)


def _clean_english(text: str) -> str:
    text = strip_html(text)
    for sign, plain in _TYPOGRAPHY:
        text = text.replace(sign, plain)
    text = strip_urls(text)
    may_repeat = _table(_NOT_REPEATS, inverted=True)
    return to_text(
        drop_repeats(code_points(text), may_repeat, longest_unit=1, copies=3)
    )


PRESETS = {
    "raw": Preset(
        "Nothing: the text as `normalize_text` leaves it.",
        str,
        (
            (
                "대박ㅋㅋㅋㅋㅋ https://example.com 😂",
                "대박ㅋㅋㅋㅋㅋ https://example.com 😂",
            ),
            ("&lt;b&gt; <b>", "&lt;b&gt; <b>"),
        ),
    ),
    "koelectra": Preset(
        "KoELECTRA's recipe for news and encyclopedias: syllables and ASCII only.",
        _clean_koelectra,
        (
            ("재밌다ㅋㅋㅋ 와하하하하하하하핫", "재밌다 와하하핫"),
            ("대한민국(大韓民國)은 [속보] 좋다😂", "대한민국( )은 좋다"),
            ("#서울 @user 문의 reporter@example.com", "문의"),
            ("(서울=뉴스1) 오늘의 소식\n비가 왔다.", "비가 왔다."),
            ("무단전재 및 재배포 금지", ""),
            ("상금 10000원!!!!!", "상금 100원!!!!!"),
        ),
    ),
    "kcelectra": Preset(
        "KcELECTRA's recipe for comments: also jamo and emoji, no URLs, no OOO.",
        _clean_kcelectra,
        (
            ("재밌다ㅋㅋㅋㅋㅋ ㅠㅠㅠㅠ", "재밌다ㅋㅋ ㅠㅠ"),
            ("좋다😂😂😂 👍🏽 🇰🇷 ♥", "좋다😂😂😂 👍🏽 🇰🇷 ♥"),
            ("이런 OOO같은 영화", "이런 같은 영화"),
            ("大韓民國 만세", "만세"),
            ("보세요 https://example.com/a?b=1", "보세요"),
            ("상금 10000원!!!!!", "상금 100원!!!!!"),
        ),
    ),
    "korean_chat": Preset(
        "Ours, for chat and comments: keeps emoji, jamo and numbers whole.",
        _clean_korean_chat,
        (
            ("대박ㅋㅋㅋㅋㅋ ㅠㅠㅠ 하하하하하핫", "대박ㅋㅋ ㅠㅠ 하하핫"),
            ("ㅋㅎㅋㅎㅋㅎ 좋아좋아좋아좋아!!!!!!", "ㅋㅎㅋㅎ 좋아좋아!!"),
            ("👨‍👩‍👧 👍🏽👍🏽👍🏽👍🏽 🇰🇷🇰🇷🇰🇷 ❤️❤️❤️", "👨‍👩‍👧 👍🏽👍🏽 🇰🇷🇰🇷 ❤️❤️"),
            ("상금 10000원, 타이타닉 III", "상금 10000원, 타이타닉 III"),
            ("여기요 https://example.com/a?b=1보세요", "여기요 보세요"),
            ("www.example.com 또는 example.com/b 참고", "또는 참고"),
            ("이런 OOO같은 ***야 ○○고등학교", "이런 같은 야 고등학교"),
            (
                "톰&amp;제리 <b>재미</b>있다<br>굿 <기생충>",
                "톰&제리 재미있다 굿 <기생충>",
            ),
            ("메일은 lee@example.com 大賞 COOOL", "메일은 lee@example.com 大賞 COOL"),
        ),
    ),
    "english": Preset(
        "For English: no HTML and URLs, plain quotes and dashes, repeats to three.",
        _clean_english,
        (
            ("“It’s here” — he said…", '"It\'s here" - he said...'),
            ("Sooooooo good!!!!!! www.example.com", "Sooo good!!!"),
            (
                "R&amp;D costs $10000 in World War III",
                "R&D costs $10000 in World War III",
            ),
            ("<p>Read <a href='x'>this</a></p>", "Read this"),
            ("naïve café 😂", "naïve café 😂"),
        ),
    ),
}


def find_preset(name: str) -> Preset:
    """Returns a preset by its name.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in PRESETS:
        raise UsageError(
            f"the cleaning preset {name!r}",
            expected=" or ".join(PRESETS),
            fix="Choose one of them; docs/cleaning.md shows what each does.",
        )
    return PRESETS[name]
