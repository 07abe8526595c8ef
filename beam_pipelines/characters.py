r"""Code points, their classes and the spans of documents and lines among them.

Below `filters.py`, `decontamination.py` and `near_duplicates/`, which count in
numpy over many documents at once: documents are joined with "\x00", lines end
with "\n".
"""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
from numpy.typing import NDArray

# Letters and digits lie between HANGUL and DIGIT, what is not blank from HANGUL on.
SEPARATOR = 0  # "\x00", between documents.
SPACE = 1  # White space, the line end included.
HANGUL = 2  # Syllables and all jamo.
LATIN = 3
OTHER_LETTER = 4  # Also the marks of other scripts, and ideographs.
DIGIT = 5  # Numbers of any script.
SYMBOL = 6  # All else: punctuation, symbols, emoji and what belongs to them.

_TABLE_STOP = 0x110000
_NAMED_STOP = 0x20000  # Planes 2 and 3 are ideographs, those above not letters.
_IDEOGRAPHS = slice(0x20000, 0x40000)
_HANGUL = (
    (0x1100, 0x11FF),
    (0x3130, 0x318F),
    (0xA960, 0xA97F),
    (0xAC00, 0xD7A3),
    (0xD7B0, 0xD7FF),
    (0xFFA0, 0xFFDC),
)
_LATIN = (
    (0x41, 0x5A),
    (0x61, 0x7A),
    (0xAA, 0xAA),
    (0xBA, 0xBA),
    (0xC0, 0x2AF),
    (0x1E00, 0x1EFF),
    (0x2C60, 0x2C7F),
    (0xA720, 0xA7FF),
    (0xAB30, 0xAB6F),
    (0xFB00, 0xFB06),
    (0xFF21, 0xFF3A),
    (0xFF41, 0xFF5A),
)
_CLASS_OF_CATEGORY = {"L": OTHER_LETTER, "M": OTHER_LETTER, "N": DIGIT, "Z": SPACE}
_VARIATION_SELECTORS = slice(0xFE00, 0xFE10)  # Marks, but of emoji.
_KEYCAP = 0x20E3
_LINE_END = 10


@functools.cache
def _class_table() -> NDArray[np.uint8]:
    table = np.full(_TABLE_STOP, SYMBOL, np.uint8)
    categories = map(unicodedata.category, map(chr, range(_NAMED_STOP)))
    table[:_NAMED_STOP] = np.fromiter(
        (_CLASS_OF_CATEGORY.get(category[0], SYMBOL) for category in categories),
        np.uint8,
        _NAMED_STOP,
    )
    table[_IDEOGRAPHS] = OTHER_LETTER
    for ranges, script in ((_HANGUL, HANGUL), (_LATIN, LATIN)):
        for first, last in ranges:
            part = table[first : last + 1]
            part[part == OTHER_LETTER] = script
    table[_VARIATION_SELECTORS] = SYMBOL
    table[_KEYCAP] = SYMBOL
    table[ord("\t") : ord("\r") + 1] = SPACE
    table[0] = SEPARATOR
    return table


@functools.cache
def _lowercase_table() -> NDArray[np.uint32]:
    table = np.arange(_TABLE_STOP, dtype=np.uint32)
    letters = np.flatnonzero(
        (_class_table() == LATIN) | (_class_table() == OTHER_LETTER)
    )
    for point in letters[letters < _NAMED_STOP].tolist():
        lower = chr(point).lower()
        if len(lower) == 1:
            table[point] = ord(lower)
    return table


@functools.cache
def _letter_table() -> NDArray[np.uint32]:
    classes = _class_table()
    is_letter = (classes >= HANGUL) & (classes <= DIGIT)
    return np.where(is_letter, _lowercase_table(), np.uint32(0))


def code_points(text: str) -> NDArray[np.uint32]:
    """Returns the code points of a text, one number each."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def classify(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Returns the class of each code point, such as `HANGUL`."""
    return _class_table().take(points)


def lowercase(points: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Returns small letters for capital ones, one code point for one."""
    return _lowercase_table().take(points)


def letters_of(points: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Returns letters and digits, in lower case, and 0 for all else."""
    return _letter_table().take(points)


def document_spans(
    points: NDArray[np.uint32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Finds the documents of a joined text; an empty text is one, empty.

    Args:
        points: From `code_points`.

    Returns:
        Start and stop of each document, without the separators.
    """
    return _spans(np.flatnonzero(points == SEPARATOR), points.size)


def line_spans(
    points: NDArray[np.uint32],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    r"""Finds the lines of a joined text, as many as its "\n" and "\x00" plus one.

    Args:
        points: From `code_points`.

    Returns:
        Start and stop of each line, without the line ends.
    """
    ends = np.flatnonzero((points == SEPARATOR) | (points == _LINE_END))
    return _spans(ends, points.size)


def _spans(
    ends: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.append(0, ends + 1), np.append(ends, size)


class JoinedText:
    """A joined text as numbers, each list made once and when it is asked for.

    Args:
        text: Documents joined with NUL.
    """

    def __init__(self, text: str):
        self._text = text

    @functools.cached_property
    def points(self) -> NDArray[np.uint32]:
        """Code points."""
        return code_points(self._text)

    @functools.cached_property
    def classes(self) -> NDArray[np.uint8]:
        """Their classes."""
        return classify(self.points)

    @functools.cached_property
    def documents(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and stop of each document."""
        _, line_stops = self.lines
        return _spans(line_stops[self.is_last_line][:-1], self.points.size)

    @functools.cached_property
    def lines(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Start and stop of each line."""
        return line_spans(self.points)

    @functools.cached_property
    def is_last_line(self) -> NDArray[np.bool_]:
        """Of each line, whether its document ends with it."""
        _, stops = self.lines
        return np.append(self.points[stops[:-1]] == SEPARATOR, True)


# Stages that follow each other look at the same text.
look_at = functools.lru_cache(maxsize=1)(JoinedText)


def running_count(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Returns how many are true before each position, and at the end all.

    `running_count(mask)[stops] - running_count(mask)[starts]` counts by spans,
    and maps positions among all to positions among those that are true.
    """
    count = np.zeros(mask.size + 1, np.int32)
    np.cumsum(mask, out=count[1:])
    return count


def count_in_spans(
    mask: NDArray[np.bool_], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Returns how many are true within each span."""
    # Far quicker than a running count, even where most are true.
    where = np.flatnonzero(mask)
    return np.searchsorted(where, stops) - np.searchsorted(where, starts)


def window_starts(
    starts: NDArray[np.int64], stops: NDArray[np.int64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lists the windows of one length that lie within one span each.

    Args:
        starts: Of the spans.
        stops: Of the spans.
        length: Of a window.

    Returns:
        Start of every window, span by span, and the number of each span.
    """
    counts = np.maximum(stops - starts - length + 1, 0)
    before = np.cumsum(counts) - counts
    positions = np.repeat(starts - before, counts)
    return positions + np.arange(positions.size), counts
