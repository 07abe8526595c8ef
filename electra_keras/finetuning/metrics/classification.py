"""Figures of classification: accuracy, F1, macro-F1, Matthews correlation.

Reads label ids of a validation file and those predicted.
"""

from __future__ import annotations

import numpy as np


def count_confusions(labels: np.ndarray, predictions: np.ndarray, n: int) -> np.ndarray:
    """Counts what was taken for what.

    Args:
        labels: int (N,), from 0 to n - 1.
        predictions: int (N,), as there.
        n: Number of labels.

    Returns: int64 (n, n); row: the label, column: the prediction.

    Raises:
        ValueError: Shapes differ, or an id is out of range.
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.shape != predictions.shape or labels.ndim != 1:
        raise ValueError(f"shapes {labels.shape} and {predictions.shape}")
    for ids in (labels, predictions):
        if ids.size and not 0 <= ids.min() <= ids.max() < n:
            raise ValueError(f"ids from {ids.min()} to {ids.max()} of {n} labels")
    confusions = np.zeros((n, n), np.int64)
    np.add.at(confusions, (labels, predictions), 1)
    return confusions


def measure_classification(confusions: np.ndarray) -> dict[str, float]:
    """Measures predictions.

    Args:
        confusions: int (n, n), of `count_confusions`.

    Returns: `accuracy`; `macro_f1`, the mean over labels that occur or were
        predicted, where 0 / 0 counts as 0 as in scikit-learn; `mcc`, by Gorodkin
        (2004) for more than two labels, 0 if a side is constant; of two labels
        also `f1`, that of label 1, as GLUE has it.
    """
    counts = np.asarray(confusions, np.float64)
    total = counts.sum()
    right, present, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
    f1 = _divide(2 * right, present + predicted)
    is_used = present + predicted > 0
    metrics = {
        "accuracy": float(_divide(right.sum(), total)),
        "macro_f1": float(f1[is_used].mean()) if is_used.any() else 0.0,
        "mcc": _correlate(right.sum(), present, predicted, total),
    }
    if len(counts) == 2:
        metrics["f1"] = float(f1[1])
    return metrics


def _correlate(
    right: float, present: np.ndarray, predicted: np.ndarray, total: float
) -> float:
    covariance = right * total - present @ predicted
    spread = (total**2 - present @ present) * (total**2 - predicted @ predicted)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.zeros_like(np.asarray(a, float)), where=b > 0)
