"""Part of the training rows: the same for all methods, small parts in large ones.

Reads labels, feeds `labelled_pool.py`.
"""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Sequence

from electra_keras.errors import UsageError


def draw_subset(labels: Sequence[str], size: int | None, seed: int) -> list[int]:
    """Draws rows, of each label its share.

    Rows stand in an order in which every beginning holds the labels in their
    shares, to within a row each; the subset is the first `size` of it. So a
    smaller subset of the same seed lies within a larger one.

    Args:
        labels: One a row; where rows have none, all the same.
        size: Rows to draw; None: all.
        seed: Of the order.

    Returns: Places of rows, rising.

    Raises:
        UsageError: There are fewer rows.
    """
    if size is None:
        return list(range(len(labels)))
    if size > len(labels):
        raise UsageError(
            f"{size:,} training rows of {len(labels):,}",
            expected="at most as many as there are beside those held out",
            fix="Lower train_sizes, or write null for all.",
        )
    return sorted(_order(labels, seed)[:size])


def _order(labels: Sequence[str], seed: int) -> list[int]:
    by_label: dict[str, list[int]] = collections.defaultdict(list)
    for place in sorted(range(len(labels)), key=lambda place: _draw(seed, place)):
        by_label[labels[place]].append(place)
    # The k-th of n rows of a label stands (k + 1/2) / n of the way down.
    placed = [
        ((number + 0.5) / len(places), label, place)
        for label, places in by_label.items()
        for number, place in enumerate(places)
    ]
    return [place for _, _, place in sorted(placed)]


def _draw(seed: int, place: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{place}".encode()).digest()
