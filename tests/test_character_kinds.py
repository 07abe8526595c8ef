"""python -m pytest tests/test_character_kinds.py"""

from __future__ import annotations

import pytest

from electra_keras.data import character_kinds as kinds


@pytest.mark.parametrize(
    ("characters", "kind"),
    [
        ("a가1!\0\x01\n \u4e00\U0001f44d", 0),
        ("\x07\u200b\ufeff\u00ad\ufffe\u115f", kinds.INVISIBLE),
        ("\t\u3000\u00a0\u3164\u0600", kinds.SPACE),
        ("\r\v\u2028\x85", kinds.LINE_END),
        ("\u200d\ufe0f", kinds.JOINER),
        ("\U000e0067\U000e007f", kinds.TAG),
        ("\u0301\u1161\u11ab\uf900\u2126", kinds.COMPOSED),
    ],
)
def test_kinds(characters: str, kind: int) -> None:
    table = kinds.character_kinds()
    assert [int(table[ord(character)]) for character in characters] == [kind] * len(
        characters
    )


def test_tables_cover_unicode() -> None:
    for table in (kinds.character_kinds(), kinds.is_emoji(), kinds.is_combining_mark()):
        assert table.shape == (0x110000,)


def test_emoji_and_marks() -> None:
    assert [bool(kinds.is_emoji()[ord(c)]) for c in "❤👍a#"] == [
        True,
        True,
        False,
        False,
    ]
    marks = [bool(kinds.is_combining_mark()[ord(c)]) for c in "\u0301\u1161e"]
    assert marks == [True, False, False]
