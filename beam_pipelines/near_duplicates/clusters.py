"""From band keys to the documents that are dropped.

After `signatures.py`, before shards are written. Documents give `BandEntries`;
those of all documents with some of the keys, such as the keys of one band, give
edges, and all edges give clusters. In a cluster the document with the smallest
id is kept. The result depends on the documents and their ids alone, not on the
order in which they come or on how the keys are divided.

An edge needs a shared key and an estimated similarity of `THRESHOLD` at least.
The share of pairs found, by their Jaccard similarity, with two thresholds
(computed for independent rows; test_near_duplicates.py repeats it):

    similarity       0.5      0.6    0.7   0.72  0.75  0.8   0.85  0.9
    found with 0.7   0.000006 0.0093 0.363 0.514 0.720 0.921 0.988 0.9996
    found with 0.75  0.00000002 0.0003 0.094 0.193 0.428 0.843 0.986 0.9996

A cluster is all that edges connect: its ends may be less similar than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.near_duplicates.signatures import EMPTY, make_band_keys

THRESHOLD = 0.7
# Of a group with the same key, so many different documents at most are compared
# with all others: a page template shared by many documents would else take time
# by the square of their number.
MAX_LEADERS = 16
_CHANCE = 1 / 256  # That two different rows have the same print.
_PAIRS_AT_ONCE = 65536
_ROW_BITS = np.uint64(32)  # Pairs of rows are packed, the smaller one on top.
_LOWER_HALF = np.uint64(2**32 - 1)


class BandEntries(NamedTuple):
    """Documents and the keys by which they meet others.

    With all of 14 bands and 112 permutations, 288 bytes a document.

    Attributes:
        ids: (documents,), uint64, each once.
        prints: (documents, permutations), uint8: a byte of each row of the
            signature, enough to estimate similarities.
        keys: (entries,), uint64.
        rows: (entries,), int32: the document of each key.
    """

    ids: NDArray[np.uint64]
    prints: NDArray[np.uint8]
    keys: NDArray[np.uint64]
    rows: NDArray[np.int32]


def make_entries(
    ids: NDArray[np.uint64], signatures: NDArray[np.uint32]
) -> BandEntries:
    """Makes the entries of documents; those without characters have none.

    Args:
        ids: (documents,). Their order decides which of a cluster is kept.
        signatures: (documents, permutations).
    """
    filled = np.flatnonzero((signatures != EMPTY).any(axis=1))
    signatures = signatures[filled]
    keys = make_band_keys(signatures)
    rows = np.repeat(np.arange(filled.size, dtype=np.int32), keys.shape[1])
    return BandEntries(ids[filled], signatures.astype(np.uint8), keys.ravel(), rows)


def find_edges(
    parts: Iterable[BandEntries], threshold: float = THRESHOLD
) -> NDArray[np.uint64]:
    """Finds pairs of near-duplicates.

    In each group of documents with the same key, one is compared with all
    others, and those similar enough are linked to it. It leaves the group, with
    those that equal it; the next one is compared, and so on. Those that are
    linked to none yet lead first, by their ids: each may have a cluster of its
    own. Then the others, which may link these clusters.

    Args:
        parts: All entries with the same keys, in any order.
        threshold: Smallest estimated Jaccard similarity.

    Returns:
        (edges, 2): ids, the smaller one first, each pair once, ascending.
    """
    parts = list(parts)
    if not parts:
        return np.zeros((0, 2), np.uint64)
    ids, prints, keys, rows = _merge(parts)
    first, second = _unpack(_compare_groups(prints, keys, rows, threshold))
    return np.stack([ids[first], ids[second]], axis=1)


def _compare_groups(
    prints: NDArray[np.uint8],
    keys: NDArray[np.uint64],
    rows: NDArray[np.uint64],
    threshold: float,
) -> NDArray[np.uint64]:
    """Returns the packed pairs of rows that are similar enough, ascending."""
    order = np.lexsort((rows, keys))
    keys, rows = keys[order], rows[order]
    is_linked = np.zeros(keys.size, np.bool_)
    found = [np.zeros(0, np.uint64)]
    for _ in range(MAX_LEADERS):
        is_first = np.ones(keys.size, np.bool_)
        is_first[1:] = keys[1:] != keys[:-1]
        groups = np.cumsum(is_first) - 1
        others = np.flatnonzero(~is_first)
        if not others.size:
            break
        leaders = rows[is_first][groups[others]]
        pairs, pair_of_other = np.unique(
            _pack(leaders, rows[others]), return_inverse=True
        )
        similarities = _estimate_similarities(prints, pairs)
        found.append(pairs[similarities >= threshold])
        similarities = similarities[pair_of_other]
        is_linked[others] |= similarities >= threshold
        # One with the same prints has the same neighbours.
        left = others[similarities < 1]
        order = left[np.argsort(2 * groups[left] + is_linked[left], kind="stable")]
        keys, rows, is_linked = keys[order], rows[order], is_linked[order]
    return np.unique(np.concatenate(found))


def _merge(
    parts: list[BandEntries],
) -> tuple[
    NDArray[np.uint64], NDArray[np.uint8], NDArray[np.uint64], NDArray[np.uint64]
]:
    """Joins entries; documents are ordered by id, so rows are in that order."""
    ids = np.concatenate([part.ids for part in parts])
    sizes = np.cumsum([0] + [part.ids.size for part in parts[:-1]])
    rows = np.concatenate(
        [part.rows + size for part, size in zip(parts, sizes, strict=True)]
    )
    order = np.argsort(ids)
    ranks = np.empty(ids.size, np.uint64)
    ranks[order] = np.arange(ids.size, dtype=np.uint64)
    prints = np.concatenate([part.prints for part in parts])[order]
    return (
        ids[order],
        prints,
        np.concatenate([part.keys for part in parts]),
        ranks[rows],
    )


def _pack(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (np.minimum(a, b) << _ROW_BITS) | np.maximum(a, b)


def _unpack(
    pairs: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = pairs >> _ROW_BITS, pairs & _LOWER_HALF
    return first.astype(np.int64), second.astype(np.int64)


def _estimate_similarities(
    prints: NDArray[np.uint8], pairs: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """Estimates the Jaccard similarity of packed pairs of rows of `prints`."""
    agreement = np.empty(pairs.size)
    for begin in range(0, pairs.size, _PAIRS_AT_ONCE):
        first, second = _unpack(pairs[begin : begin + _PAIRS_AT_ONCE])
        agreement[begin : begin + first.size] = (prints[first] == prints[second]).mean(
            axis=1
        )
    return (agreement - _CHANCE) / (1 - _CHANCE)


def find_duplicates(
    edges: NDArray[np.uint64],
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Joins edges to clusters, of which all documents but one are dropped.

    Args:
        edges: (edges, 2), pairs of ids, in any order, also more than once.

    Returns:
        The ids to drop, ascending, and for each the id that its cluster keeps.
    """
    ids, ends = np.unique(edges, return_inverse=True)
    low, high = ends.reshape(-1, 2).T
    parents = np.arange(ids.size)
    while True:
        low, high = parents[low], parents[high]
        apart = low != high
        if not apart.any():
            break
        low, high = np.minimum(low, high)[apart], np.maximum(low, high)[apart]
        # Both are roots, and a root only ever gets a smaller parent: no cycles.
        np.minimum.at(parents, high, low)
        while (parents[parents] != parents).any():
            parents = parents[parents]
    is_dropped = parents != np.arange(ids.size)
    return ids[is_dropped], ids[parents[is_dropped]]
