"""Words of a user's list, found in many documents at once.

Below `filters.py`. Words are found by hashes of all windows of their lengths,
so that the time grows with the number of different lengths, not of words: a
regular expression of thousands of alternatives tries them one by one.
"""

from __future__ import annotations

import dataclasses
import functools
import unicodedata
from collections.abc import Iterable

import numpy as np
from apache_beam.io.filesystems import FileSystems
from numpy.typing import NDArray

from beam_pipelines.characters import (
    DIGIT,
    LATIN,
    code_points,
    look_at,
    lowercase,
)
from beam_pipelines.text_hashes import HashFilter, SpanHasher
from electra_keras.errors import UsageError


def read_words(path: str) -> list[str]:
    """Reads a list: one word or phrase a line, UTF-8.

    Raises:
        UsageError: The file cannot be read, or holds no word.
    """
    try:
        with FileSystems.open(path) as stream:
            text = stream.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the word list {path} cannot be read ({error})",
            expected="a UTF-8 file of one word or phrase a line",
            fix="Check the path and the encoding.",
        ) from error
    words = [line.strip() for line in text.splitlines() if line.strip()]
    if not words:
        raise UsageError(
            f"the word list {path} is empty",
            expected="one word or phrase a line",
            fix="Add words, or leave the option out.",
        )
    return words


def load_words(path: str) -> WordList | None:
    """Reads a list to search for; None if there is no path."""
    return WordList.make(read_words(path)) if path else None


@dataclasses.dataclass(frozen=True)
class WordList:
    """Words to look for, as hashes.

    Small and capital letters are the same. Hangul is found within words, since
    particles and endings follow it; where a listed word begins or ends with a
    Latin letter or a digit, no other may stand next to it: "TV" is in "TV는",
    not in "TVs".

    Attributes:
        hashes: For each length in characters, the hashes of its words.
    """

    hashes: dict[int, NDArray[np.uint64]]

    @classmethod
    def make(cls, words: Iterable[str]) -> WordList:
        """Makes a list to search for; white space around words is dropped."""
        hashes: dict[int, set[int]] = {}
        for word in words:
            points = lowercase(code_points(unicodedata.normalize("NFC", word.strip())))
            if points.size:
                (value,) = SpanHasher(points).windows(points.size).tolist()
                hashes.setdefault(points.size, set()).add(value)
        return cls(
            {
                length: np.array(sorted(values), np.uint64)
                for length, values in sorted(hashes.items())
            }
        )

    @functools.cached_property
    def _filter(self) -> HashFilter:
        parts = [np.zeros(0, np.uint64), *self.hashes.values()]
        return HashFilter(np.concatenate(parts))

    def find(self, text: str) -> NDArray[np.int64]:
        """Returns the positions at which a word begins, ascending, each once."""
        joined = look_at(text)
        points, classes = joined.points, joined.classes
        hasher = SpanHasher(lowercase(points))
        glued = np.zeros(points.size + 1, np.bool_)
        is_western = (classes == LATIN) | (classes == DIGIT)
        glued[1:-1] = is_western[1:] & is_western[:-1]
        found = [np.zeros(0, np.int64)]
        for length, hashes in self.hashes.items():
            windows = hasher.windows(length)
            starts = self._filter.find(windows)
            values = windows[starts]
            nearest = np.searchsorted(hashes[:-1], values)
            starts = starts[hashes[nearest] == values]
            found.append(starts[~(glued[starts] | glued[starts + length])])
        return np.unique(np.concatenate(found))
