"""python -m pytest tests/test_characters.py"""

from __future__ import annotations

import pytest

from beam_pipelines.characters import (
    DIGIT,
    HANGUL,
    LATIN,
    OTHER_LETTER,
    SEPARATOR,
    SPACE,
    SYMBOL,
    classify,
    code_points,
    count_in_spans,
    document_spans,
    line_spans,
    lowercase,
    running_count,
    window_starts,
)


@pytest.mark.parametrize(
    ("characters", "kind"),
    [
        ("\0", SEPARATOR),
        (" \n\t\r\u00a0\u3000", SPACE),
        ("가힣ㅋㅠ\u1100\u11a8ﾡ", HANGUL),
        ("aZéßſＡａªﬁḀ", LATIN),
        ("漢あアяΩאक\u093e\U00020000", OTHER_LETTER),
        ("09٣②½Ⅳ７", DIGIT),
        (".,!?~^…·×÷€+©♥☆😀👍🏽\u200d\ufe0f\u20e3\ufffd\ue000\x07", SYMBOL),
    ],
)
def test_classes(characters: str, kind: int) -> None:
    received = classify(code_points(characters)).tolist()
    assert received == [kind] * len(characters)


def test_code_points_take_any_text() -> None:
    assert code_points("a가😀\ud800").tolist() == [0x61, 0xAC00, 0x1F600, 0xD800]


def test_lowercase_is_one_for_one() -> None:
    points = lowercase(code_points("AbÉΣЖİＡ가!\0"))
    assert "".join(map(chr, points.tolist())) == "abéσжİａ가!\0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]),
        ("\0", ["", ""]),
        ("ab\0\0c\nd\0", ["ab", "", "c\nd", ""]),
    ],
)
def test_document_spans(text: str, expected: list[str]) -> None:
    starts, stops = document_spans(code_points(text))
    spans = zip(starts.tolist(), stops.tolist(), strict=True)
    assert [text[start:stop] for start, stop in spans] == expected


def test_line_spans_end_at_line_ends_and_separators() -> None:
    text = "a\n\nbc\0\0d\n"
    starts, stops = line_spans(code_points(text))
    spans = zip(starts.tolist(), stops.tolist(), strict=True)
    assert [text[a:b] for a, b in spans] == ["a", "", "bc", "", "d", ""]


def test_counts_in_spans_with_empty_ones() -> None:
    points = code_points("aa\0\0ab\0")
    is_a = points == ord("a")
    assert running_count(is_a).tolist() == [0, 1, 2, 2, 2, 3, 3, 3]
    assert count_in_spans(is_a, *document_spans(points)).tolist() == [2, 0, 1, 0]


def test_windows_lie_within_their_span() -> None:
    starts, stops = document_spans(code_points("abcd\0\0ab\0abc"))
    windows, counts = window_starts(starts, stops, 3)
    assert windows.tolist() == [0, 1, 9]
    assert counts.tolist() == [2, 0, 0, 1]
