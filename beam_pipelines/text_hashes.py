"""64-bit hashes of any span of a text, from one pass over it.

Below `filters.py`, `word_lists.py`, `decontamination.py` and
`near_duplicates/`. A span hashes to the sum of its code points times powers of
an odd constant, modulo 2**64. Equal spans have equal hashes wherever they
stand. The upper bits are the good ones. None of the constants comes from a
library's generator, so that hashes never change.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

_BASE = 0x6E789E6AA1B965F5
_INVERSE = pow(_BASE, -1, 2**64)
_CACHED_SIZE = 2**22
_MIN_SLOT_BITS, _MAX_SLOT_BITS = 16, 24
_GAMMA = 0x9E3779B97F4A7C15


def splitmix64(seed: int, count: int) -> NDArray[np.uint64]:
    """Returns the first numbers of the generator SplitMix64.

    Reference: Steele, Lea and Flood, "Fast splittable pseudorandom number
    generators", OOPSLA 2014.
    """
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GAMMA)
    return mix(state + np.uint64(seed))


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spreads every bit over all 64, one to one: the last step of SplitMix64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _make_powers(size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Returns the powers of the base and of its inverse, from exponent 0."""
    powers, inverses = np.ones(size, np.uint64), np.ones(size, np.uint64)
    powers[1:], inverses[1:] = np.uint64(_BASE), np.uint64(_INVERSE)
    return np.cumprod(powers), np.cumprod(inverses)


_make_cached_powers = functools.lru_cache(maxsize=2)(_make_powers)


class SpanHasher:
    """Hashes spans of one array of code points.

    Args:
        points: uint32, none of those within a span 0.
    """

    def __init__(self, points: NDArray[np.uint32]):
        # Sizes by powers of two, so that batches share a table; no table of a
        # giant text stays in memory.
        size = 2 ** int(points.size).bit_length()
        make = _make_cached_powers if size <= _CACHED_SIZE else _make_powers
        powers, self._inverses = make(size)
        self._sums = np.zeros(points.size + 1, np.uint64)
        np.cumsum(points * powers[: points.size], out=self._sums[1:])

    def spans(
        self, starts: NDArray[np.int64], stops: NDArray[np.int64]
    ) -> NDArray[np.uint64]:
        """Returns a hash for each span; that of an empty one is 0."""
        return (self._sums[stops] - self._sums[starts]) * self._inverses[starts]

    def windows(self, length: int, stride: int = 1) -> NDArray[np.uint64]:
        """Returns the hash of the window of that length at each n-th position."""
        last = max(self._sums.size - length, 0)
        hashes = self._sums[length::stride] - self._sums[:last:stride]
        hashes *= self._inverses[:last:stride]
        return hashes


class HashFilter:
    """Tells quickly which of many hashes may be among some, and misses none.

    A Bloom filter of two places per hash, small enough to stay in the cache.

    Args:
        hashes: To look for.
    """

    def __init__(self, hashes: NDArray[np.uint64]):
        bits = (16 * hashes.size).bit_length()
        self._bits = np.uint64(min(max(bits, _MIN_SLOT_BITS), _MAX_SLOT_BITS))
        self._slots = np.zeros(2 ** int(self._bits), np.bool_)
        self._slots[self._first(hashes)] = True
        self._slots[self._first(hashes << self._bits)] = True

    def _first(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        return hashes >> (np.uint64(64) - self._bits)

    def find(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Returns the positions of the few hashes that are worth a search."""
        found = np.flatnonzero(self._slots.take(self._first(hashes)))
        again = self._first(hashes[found] << self._bits)
        return found[self._slots.take(again)]
