r"""Which documents are kept: length, languages, symbols, repetition, word lists.

After personal data is scrubbed and sentences are split, before
`decontamination.py`. `measure` gives the figures of every document, which the
report also shows as histograms; `reject` compares them with the limits.

    measures = measure("좋아요 ㅋㅋㅋㅋ\x00http!!!")
    reasons = reject(measures, FilterConfig(min_hangul_rate=0.5))
    # ["", "little_hangul"]
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.characters import (
    DIGIT,
    LATIN,
    OTHER_LETTER,
    SPACE,
    SYMBOL,
    JoinedText,
    count_in_spans,
    look_at,
    window_starts,
)
from beam_pipelines.text_hashes import SpanHasher, mix
from beam_pipelines.word_lists import WordList
from electra_keras.errors import UsageError

# In the order in which they are tried: the first that fits is a document's reason.
REASONS = (
    "too_short",
    "too_long",
    "few_words",
    "little_hangul",
    "little_latin",
    "other_letters",
    "symbols",
    "digits",
    "repetition",
    "blocked_words",
    "no_required_word",
)
_PERIODS = (1, 2, 3, 4)
_FIRST_UNUSED_POINT = 0x110000


@dataclasses.dataclass(frozen=True)
class FilterConfig:
    """Limits for documents; the defaults keep everything.

    Attributes:
        min_characters: Code points of a document, spaces included.
        max_characters: The same; 0 sets no limit.
        min_words: Words between white space.
        min_hangul_rate: Share of Hangul among letters. A document without
            letters has a share of 0.
        min_latin_rate: Share of Latin among letters.
        max_other_rate: Share of letters that are neither.
        max_symbol_rate: Share of punctuation, symbols and emoji among what is
            not white space.
        max_digit_rate: Share of digits among what is not white space.
        max_repetition_rate: Share of characters that repeat, see `measure`.
        blocked_words_file: List of words, one a line; "" for none.
        max_blocked_words: So many places with a blocked word are let pass.
        required_words_file: List of words of which a document must hold one,
            one a line; "" for none.
    """

    min_characters: int = 0
    max_characters: int = 0
    min_words: int = 0
    min_hangul_rate: float = 0.0
    min_latin_rate: float = 0.0
    max_other_rate: float = 1.0
    max_symbol_rate: float = 1.0
    max_digit_rate: float = 1.0
    max_repetition_rate: float = 1.0
    blocked_words_file: str = ""
    max_blocked_words: int = 0
    required_words_file: str = ""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_rate") and not 0.0 <= value <= 1.0:
                raise UsageError(
                    f"filters.{field.name} {value}",
                    expected="a share between 0 and 1",
                    fix="Write 0.3 for 30 percent.",
                )
            if field.type == "int" and value < 0:
                raise UsageError(
                    f"filters.{field.name} {value}",
                    expected="a number that is not negative",
                    fix="Write 0 for no limit.",
                )
        if 0 < self.max_characters < self.min_characters:
            raise UsageError(
                f"max_characters={self.max_characters} is below "
                f"min_characters={self.min_characters}",
                expected="limits that some document can meet",
                fix="Raise max_characters, or write 0 for no limit.",
            )


def measure(
    text: str, *, blocked: WordList | None = None, required: WordList | None = None
) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    r"""Measures each document.

    A character repeats if it lies in a unit of 1 to 4 characters of a line that
    equals the unit right before it, or in a line that stood earlier in the same
    document: 3 of the 4 characters of "ㅋㅋㅋㅋ" repeat, 2 of the 4 of "ㅋㅎㅋㅎ",
    2 of the 6 of "너무너무좋다" and 3 of the 7 of "재밌다\n재밌다".

    Args:
        text: Documents joined with "\x00".
        blocked: Words that a document should not hold.
        required: Words of which a document should hold one.

    Returns:
        By name, one value a document: `characters`, `words`, `hangul_rate`,
        `latin_rate`, `other_rate`, `symbol_rate`, `digit_rate`,
        `repetition_rate`, as `FilterConfig` defines them; `blocked_words` and
        `required_words`, the places of words, where such a list is given.
    """
    joined = look_at(text)
    classes = joined.classes
    starts, stops = joined.documents

    def count(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        return count_in_spans(mask, starts, stops)

    spaces, latin, other, digits, symbols = (
        count(classes == kind) for kind in (SPACE, LATIN, OTHER_LETTER, DIGIT, SYMBOL)
    )
    # The kind that most characters of Korean text have is what is left: few are
    # quick to count.
    visible = stops - starts - spaces
    letters = visible - digits - symbols
    hangul = letters - latin - other
    measures: dict[str, NDArray[np.int64] | NDArray[np.float64]] = {
        "characters": stops - starts,
        "words": count(_begin_words(classes)),
        "hangul_rate": _divide(hangul, letters),
        "latin_rate": _divide(latin, letters),
        "other_rate": _divide(other, letters),
        "symbol_rate": _divide(symbols, visible),
        "digit_rate": _divide(digits, visible),
        "repetition_rate": _divide(_count_repeats(joined), stops - starts),
    }
    for name, words in (("blocked_words", blocked), ("required_words", required)):
        if words is not None:
            places = words.find(text)
            measures[name] = np.searchsorted(places, stops) - np.searchsorted(
                places, starts
            )
    return measures


def reject(
    measures: dict[str, NDArray[np.int64] | NDArray[np.float64]],
    config: FilterConfig,
) -> NDArray[np.str_]:
    """Names the reason why each document is rejected.

    Args:
        measures: From `measure`, with the word lists that the config names.
        config: The limits.

    Returns:
        One of `REASONS` for each document, the first that fits; "" if kept.
    """
    none = np.zeros(measures["characters"].size, np.bool_)
    conditions = [
        measures["characters"] < config.min_characters,
        (measures["characters"] > config.max_characters)
        if config.max_characters
        else none,
        measures["words"] < config.min_words,
        measures["hangul_rate"] < config.min_hangul_rate,
        measures["latin_rate"] < config.min_latin_rate,
        measures["other_rate"] > config.max_other_rate,
        measures["symbol_rate"] > config.max_symbol_rate,
        measures["digit_rate"] > config.max_digit_rate,
        measures["repetition_rate"] > config.max_repetition_rate,
        measures["blocked_words"] > config.max_blocked_words
        if config.blocked_words_file
        else none,
        measures["required_words"] == 0 if config.required_words_file else none,
    ]
    return np.select(conditions, [np.array(reason) for reason in REASONS], "")


def _divide(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return part / np.maximum(whole, 1)


def _begin_words(classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    begins = classes > SPACE
    begins[1:] &= classes[:-1] <= SPACE
    return begins


def _count_repeats(joined: JoinedText) -> NDArray[np.int64]:
    """Counts the characters of each document that repeat."""
    points = joined.points
    starts, stops = joined.documents
    line_starts, line_stops = joined.lines
    repeats = _mark_repeated_units(points, line_stops[:-1])
    counts = count_in_spans(repeats, starts, stops)
    if line_starts.size == starts.size:
        return counts
    document = np.searchsorted(stops, line_stops)
    likely = _find_similar_lines(points, line_starts, line_stops, document)
    line_starts, line_stops = line_starts[likely], line_stops[likely]
    document = document[likely]
    again = _find_repeated_lines(_hash_lines(points, line_starts, line_stops), document)
    line_starts, line_stops = line_starts[again], line_stops[again]
    rest = line_stops - line_starts - count_in_spans(repeats, line_starts, line_stops)
    np.add.at(counts, document[again], rest)
    return counts


def _mark_repeated_units(
    points: NDArray[np.uint32], line_ends: NDArray[np.int64]
) -> NDArray[np.bool_]:
    # Each line end becomes a character of its own, so that no unit crosses it.
    points = points.copy()
    points[line_ends] = _FIRST_UNUSED_POINT + np.arange(line_ends.size)
    repeated = np.zeros(points.size, np.bool_)
    for period in _PERIODS:
        if points.size < 2 * period:
            break
        same = np.zeros(points.size, np.bool_)
        same[period:] = points[period:] == points[:-period]
        last = same.copy()  # Of a unit that equals the one before it.
        for shift in range(1, period):
            last[shift:] &= same[:-shift]
        for shift in range(period):
            repeated[: points.size - shift] |= last[shift:]
    return repeated


def _find_similar_lines(
    points: NDArray[np.uint32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    document: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Returns the lines with another of the same length and some same characters.

    Few lines are, and only these are worth a hash of all their characters.
    """
    sizes = stops - starts
    keys = mix((document << 24 | sizes).astype(np.uint64))
    last = max(points.size - 1, 0)
    for numerator in (0, 1, 2):
        place = np.minimum(starts + sizes * numerator // 3, last)
        keys = mix(keys + points[place])
    return _find_equal(keys)


def _hash_lines(
    points: NDArray[np.uint32], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> NDArray[np.uint64]:
    places, sizes = window_starts(starts, stops, 1)
    stops = np.cumsum(sizes)
    return SpanHasher(points[places]).spans(stops - sizes, stops)


def _find_equal(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Returns the places of keys that stand more than once."""
    # The plain sort is far faster than an argsort.
    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.flatnonzero(np.isin(keys, repeated, kind="sort"))


def _find_repeated_lines(
    hashes: NDArray[np.uint64], document: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Returns the lines that stood earlier in the same document."""
    keys = hashes + mix(document.astype(np.uint64))
    lines = _find_equal(keys)
    order = lines[np.argsort(keys[lines], kind="stable")]
    return order[1:][keys[order[1:]] == keys[order[:-1]]]
