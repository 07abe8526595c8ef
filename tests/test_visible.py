"""python -m pytest tests/test_visible.py"""

from __future__ import annotations

from electra_keras.data.visible import show_invisible


def test_controls_marks_of_direction_and_surrogates_are_shown_by_number() -> None:
    assert show_invisible("a\u202eb\x1b[0m\ud800") == "a‹U+202E›b‹U+001B›[0m‹U+D800›"


def test_tabs_newlines_and_joiners_of_emoji_stay() -> None:
    assert show_invisible("a\n\tb 👨‍👩") == "a\n\tb 👨‍👩"
