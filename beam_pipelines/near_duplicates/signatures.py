r"""MinHash signatures of documents, and the bands that make them meet.

After `decontamination.py`, before `clusters.py`. A document is the set of its
runs of five characters, white space left out since Korean spacing varies. Two
documents agree in a row of their signatures with a probability equal to their
Jaccard similarity (shared runs / all runs): Broder, "On the resemblance and
containment of documents", 1997. They meet if they agree in all 8 rows of one
of 14 bands, with probability 1 - (1 - s**8)**14:

    similarity  0.5   0.6   0.7   0.72  0.75  0.8   0.85  0.9
    they meet   0.053 0.211 0.564 0.650 0.772 0.924 0.988 0.9996

More rows in a band miss more, fewer compare more pairs in vain. `clusters.py`
drops one of those that met only if their signatures also agree far enough.

    signatures = make_signatures("\x00".join(documents))
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.characters import (
    SPACE,
    classify,
    code_points,
    document_spans,
    window_starts,
)
from beam_pipelines.text_hashes import SpanHasher, mix, splitmix64
from electra_keras.errors import UsageError

PERMUTATIONS = 112
SHINGLE_CHARACTERS = 5
BANDS = 14
# All rows of a document without characters. It meets no other.
EMPTY = 0xFFFFFFFF
_PERMUTATION_SEED = 20
_BAND_SEED = 21
_BLOCK_SHINGLES = 32768  # With its products, 256 KB: they stay in the L2 cache.
_UPPER_HALF = np.uint64(32)


def make_signatures(
    text: str,
    permutations: int = PERMUTATIONS,
    shingle_characters: int = SHINGLE_CHARACTERS,
) -> NDArray[np.uint32]:
    r"""Signs each document.

    Args:
        text: Documents joined with "\x00", NFC.
        permutations: Rows of a signature.
        shingle_characters: Characters of a run. A shorter document is one run.

    Returns:
        (documents, permutations). All rows of a document without characters
        but white space are `EMPTY`.
    """
    shingles, counts = _hash_shingles(text, shingle_characters)
    signatures = np.full((permutations, counts.size), EMPTY, np.uint32)
    filled = np.flatnonzero(counts)
    signatures[:, filled] = _minimise(shingles, counts[filled], permutations)
    return np.ascontiguousarray(signatures.T)


def _hash_shingles(
    text: str, length: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Returns the hashes of all runs, and how many each document has."""
    points = code_points(text)
    points = points.take(np.flatnonzero(classify(points) != SPACE))
    starts, stops = document_spans(points)
    hasher = SpanHasher(points)
    windows, counts = window_starts(starts, stops, length)
    shingles = _shorten(hasher.windows(length)[windows])
    short = np.flatnonzero((counts == 0) & (stops > starts))
    if short.size:
        hashes = _shorten(hasher.spans(starts[short], stops[short]))
        places = (np.cumsum(counts) - counts)[short]
        shingles = np.insert(shingles, places, hashes)
        counts[short] = 1
    return shingles, counts


def _shorten(hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
    # Mixed, since the hashes of runs that share characters are related, and so
    # would be their order under all permutations: similarities came out too high.
    return (mix(hashes) >> _UPPER_HALF).astype(np.uint32)


@functools.cache
def _draw_permutations(count: int) -> list[tuple[np.uint32, np.uint32]]:
    """Returns factor and summand of each: h -> factor * h + summand mod 2**32."""
    numbers = splitmix64(_PERMUTATION_SEED, 2 * count)
    numbers = (numbers >> _UPPER_HALF).astype(np.uint32)
    return list(zip(numbers[:count] | np.uint32(1), numbers[count:], strict=True))


def _minimise(
    shingles: NDArray[np.uint32], counts: NDArray[np.int64], permutations: int
) -> NDArray[np.uint32]:
    """Returns the smallest permuted hash of each document, none of them empty.

    Args:
        shingles: Hashes, document by document.
        counts: Of each document, 1 or more.
        permutations: How many.

    Returns:
        (permutations, documents).
    """
    smallest = np.full((permutations, counts.size), EMPTY, np.uint32)
    stops = np.cumsum(counts)
    starts = stops - counts
    buffer = np.empty(_BLOCK_SHINGLES, np.uint32)
    for begin in range(0, shingles.size, _BLOCK_SHINGLES):
        block = shingles[begin : begin + _BLOCK_SHINGLES]
        first = int(np.searchsorted(stops, begin, side="right"))
        last = int(np.searchsorted(starts, begin + block.size, side="left"))
        edges = np.maximum(starts[first:last] - begin, 0)
        permuted = buffer[: block.size]
        for row, (factor, summand) in enumerate(_draw_permutations(permutations)):
            np.multiply(block, factor, out=permuted)
            np.add(permuted, summand, out=permuted)
            part = smallest[row, first:last]
            np.minimum(part, np.minimum.reduceat(permuted, edges), out=part)
    return smallest


def make_band_keys(
    signatures: NDArray[np.uint32], bands: int = BANDS
) -> NDArray[np.uint64]:
    """Makes the keys by which documents meet.

    Args:
        signatures: (documents, permutations).
        bands: Into so many the permutations are divided.

    Returns:
        (documents, bands). Keys of different bands differ, whatever the rows.

    Raises:
        UsageError: The permutations cannot be divided into so many bands.
    """
    documents, permutations = signatures.shape
    if bands < 1 or permutations % bands:
        raise UsageError(
            f"{permutations} permutations in {bands} bands",
            expected="a number of permutations that the bands divide",
            fix="Leave both at their defaults, 112 and 14.",
        )
    rows = signatures.reshape(documents, bands, permutations // bands)
    keys = np.broadcast_to(splitmix64(_BAND_SEED, bands), (documents, bands))
    for row in range(rows.shape[2]):
        keys = mix(keys ^ rows[:, :, row])
    return keys
