"""Figures of regression: Pearson's and Spearman's correlation.

Reads the numbers of a validation file and those predicted.
"""

from __future__ import annotations

import numpy as np


def measure_correlation(
    numbers: np.ndarray, predictions: np.ndarray
) -> dict[str, float]:
    """Measures predictions of numbers.

    Args:
        numbers: float (N,), what is right.
        predictions: float (N,).

    Returns: `pearson` and `spearman`, from -1 to 1, 0 if a side is constant; and
        `mse`, the mean squared error.

    Raises:
        ValueError: Shapes differ, there are fewer than two, or one is not finite.
    """
    numbers = np.asarray(numbers, np.float64)
    predictions = np.asarray(predictions, np.float64)
    if numbers.shape != predictions.shape or numbers.ndim != 1 or len(numbers) < 2:
        raise ValueError(f"shapes {numbers.shape} and {predictions.shape}")
    if not (np.isfinite(numbers).all() and np.isfinite(predictions).all()):
        raise ValueError("a number is not finite")
    return {
        "pearson": _correlate(numbers, predictions),
        "spearman": _correlate(rank(numbers), rank(predictions)),
        "mse": float(np.mean((numbers - predictions) ** 2)),
    }


def rank(numbers: np.ndarray) -> np.ndarray:
    """Ranks numbers from 1; equal ones share the mean of their ranks.

    Args:
        numbers: float (N,).

    Returns: float64 (N,).
    """
    _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]


def _correlate(a: np.ndarray, b: np.ndarray) -> float:
    # A constant's mean may differ from it in the last bit.
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    product = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(product, -1.0, 1.0))
