"""A few examples of many, with each label's share kept.

Reads label ids of a labelled file, used by `probe.py`.
"""

from __future__ import annotations

import numpy as np


def draw_stratified(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draws examples so that each label has its share, less or more than one.

    Args:
        labels: int (N,), label ids.
        count: Examples to draw; all of them where there are fewer.
        seed: The same one draws the same.

    Returns: int64 (min(count, N),), places in rising order, each once.
    """
    total = len(labels)
    count = min(count, total)
    shuffled = np.random.default_rng(seed).permutation(total)
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    # Evenly apart in the order of labels.
    return np.sort(by_label[np.arange(count) * total // max(count, 1)])
