"""Rewrites a text where it can change: on the few lines that hold certain signs.

Used by `presets.py` and `personal_data.py`, whose patterns match within one
line. To look for a dozen literals in all of a text takes longer than to look
once, with a table, for characters of which each match holds one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

LINE_END = re.compile("[\n\x00]")
# Where more than one character of so many is a sign, lines without are rare.
_MIN_CHARACTERS_PER_SIGN = 64


def rewrite_lines(text: str, places: np.ndarray, rewrite: Callable[[str], str]) -> str:
    r"""Rewrites the lines that hold some places.

    Args:
        text: Joined documents.
        places: Of signs, ascending.
        rewrite: From lines joined by "\n" to as many; what it does to a line
            depends on nothing outside it. Where signs are many, it gets the
            whole text.

    Returns:
        The text with these lines rewritten, the same object if none changed.
    """
    if not len(places):
        return text
    if len(places) * _MIN_CHARACTERS_PER_SIGN > len(text):
        return rewrite(text)
    between, lines = _cut_lines(text, places)
    before = "\n".join(lines)
    after = rewrite(before)
    if after == before:
        return text
    parts = [
        part for pair in zip(between, after.split("\n"), strict=False) for part in pair
    ]
    return "".join((*parts, between[-1]))


def _cut_lines(text: str, places: np.ndarray) -> tuple[list[str], list[str]]:
    """Returns what stands before, between and after the lines; and the lines."""
    between: list[str] = []
    lines: list[str] = []
    end = 0
    for place in places.tolist():
        if place < end:
            continue
        start = line_start(text, place, end)
        between.append(text[end:start])
        end = line_stop(text, place)
        lines.append(text[start:end])
    return [*between, text[end:]], lines


def line_start(text: str, place: int, first: int) -> int:
    """Returns where the line of a place starts, not before `first`."""
    first = max(text.rfind("\n", first, place) + 1, first)
    return max(text.rfind("\0", first, place) + 1, first)


def line_stop(text: str, place: int) -> int:
    """Returns where the line of a place ends."""
    line_end = LINE_END.search(text, place)
    return line_end.start() if line_end else len(text)
