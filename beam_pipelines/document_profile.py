"""Measures of documents in, what the report draws of them out.

Used by `documents.py` and `shards.py`; rows of several units add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Rates by tenths, lengths by steps that grow.
_RATE_EDGES: list[float] = [round(step / 20, 2) for step in range(21)]
_LENGTH_EDGES: list[float] = [
    0,
    10,
    20,
    40,
    80,
    160,
    320,
    640,
    1280,
    2560,
    5120,
    10240,
    20480,
]
EDGES: dict[str, list[float]] = {
    "characters": _LENGTH_EDGES,
    "words": _LENGTH_EDGES,
    "hangul_rate": _RATE_EDGES,
    "latin_rate": _RATE_EDGES,
    "symbol_rate": _RATE_EDGES,
    "digit_rate": _RATE_EDGES,
    "repetition_rate": _RATE_EDGES,
    "tokens_per_document": _LENGTH_EDGES,
    "tokens_per_example": [*range(1, 514, 16)],  # A full row ends its bin: 113 to 128.
}
MAIN_SHARE = 0.5  # Of letters, from which a document is of that script.
MIXED_SHARE = 0.1
_SAMPLES_PER_STAGE = 2
_SAMPLE_CHARACTERS = 400


def histogram(name: str, values: np.ndarray) -> list[int]:
    """Counts values between the edges of `name`; the last bin is open."""
    edges = np.array([*EDGES[name][:-1], np.inf])
    return np.histogram(np.asarray(values, float), edges)[0].tolist()


class DocumentProfile:
    """Collects what the report shows of the documents of one range.

    Args:
        source: Path of their file.

    Attributes:
        histograms: Counts by measure, see `EDGES`.
        languages: Documents by main script.
        samples: Documents before and after a stage that changed them.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._sampled: Counter[str] = Counter()
        self._looked: set[str] = set()
        self.histograms: dict[str, list[int]] = {}
        self.languages: Counter[str] = Counter()
        self.samples: list[dict[str, Any]] = []

    def add(self, measures: Mapping[str, np.ndarray]) -> None:
        """Adds the measures of some documents, from `filters.measure`."""
        for name in EDGES:
            if name in measures:
                self._add_histogram(name, histogram(name, measures[name]))
        hangul, latin = measures["hangul_rate"], measures["latin_rate"]
        both = (hangul >= MIXED_SHARE) & (latin >= MIXED_SHARE)
        kinds = np.select(
            [both, hangul >= MAIN_SHARE, latin >= MAIN_SHARE], [0, 1, 2], 3
        )
        counts = np.bincount(kinds, minlength=4).tolist()
        names = ("mixed", "korean", "latin", "other")
        self.languages.update(dict(zip(names, counts, strict=True)))

    def _add_histogram(self, name: str, counts: list[int]) -> None:
        known = self.histograms.setdefault(name, [0] * len(counts))
        self.histograms[name] = [a + b for a, b in zip(known, counts, strict=True)]

    def note_changes(
        self, stage: str, before: str, after: str, offsets: Sequence[int]
    ) -> None:
        """Keeps the first documents that a stage changed, of the first batch.

        Args:
            stage: Its name.
            before: Documents joined by NUL.
            after: The same.
            offsets: Of the documents.
        """
        if stage in self._looked or before == after:
            return
        self._looked.add(stage)
        pairs = zip(before.split("\0"), after.split("\0"), offsets, strict=True)
        for old, new, offset in pairs:
            if old != new and self._sampled[stage] < _SAMPLES_PER_STAGE:
                self._sampled[stage] += 1
                start = _first_difference(old, new)
                self.samples.append(
                    {
                        "stage": stage,
                        "source": self._source,
                        "offset": offset,
                        "before": old[start : start + _SAMPLE_CHARACTERS],
                        "after": new[start : start + _SAMPLE_CHARACTERS],
                    }
                )

    def row(self) -> dict[str, Any]:
        """Returns all of it as JSON."""
        return {
            "histograms": self.histograms,
            "languages": dict(self.languages),
            "samples": self.samples,
        }


def _first_difference(old: str, new: str) -> int:
    """Where to start showing: a little before the first difference."""
    pairs = zip(old, new, strict=False)
    place = next((i for i, (a, b) in enumerate(pairs) if a != b), 0)
    return max(0, place - 80)


def add_histograms(rows: Sequence[Mapping[str, list[int]]]) -> dict[str, Any]:
    """Adds up the histograms of all rows and names their edges."""
    total: dict[str, list[int]] = {}
    for row in rows:
        for name, counts in row.items():
            known = total.setdefault(name, [0] * len(counts))
            total[name] = [a + b for a, b in zip(known, counts, strict=True)]
    return {
        name: {"edges": EDGES[name], "counts": total[name]}
        for name in EDGES
        if name in total
    }
