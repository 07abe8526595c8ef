"""Measures of documents in, what the report draws of them out.

Used by `documents.py` and `shards.py`; rows of several units add up.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beam_pipelines.cleaning.normalization import normalize_text
from beam_pipelines.cleaning.personal_data import scrub

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
# To tell what was removed takes time that grows with the square.
_PERSONAL_SAMPLE_CHARACTERS = 160
PERSONAL_DATA = "personal data"  # The stage that scrubs.
_REMOVED = "•"
# An address, a number or a name is removed whole or not at all.
_UNIT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._%+@-]*[A-Za-z0-9])?|.", re.S)


def histogram(name: str, values: np.ndarray) -> list[int]:
    """Counts values between the edges of `name`; the last bin is open."""
    edges = np.array([*EDGES[name][:-1], np.inf])
    return np.histogram(np.asarray(values, float), edges)[0].tolist()


@dataclasses.dataclass(frozen=True)
class Step:
    """What one stage of cleaning did to a batch.

    Attributes:
        stage: Its name.
        before: Documents joined by NUL.
        after: The same.
    """

    stage: str
    before: str
    after: str

    @functools.cached_property
    def changes(self) -> dict[int, tuple[str, str]]:
        """The documents that it changed, before and after, by their numbers."""
        pairs = zip(self.before.split("\0"), self.after.split("\0"), strict=True)
        return {n: (old, new) for n, (old, new) in enumerate(pairs) if old != new}


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

    def note_changes(self, steps: Sequence[Step], offsets: Sequence[int]) -> None:
        """Keeps the first documents that a stage changed, of one batch.

        Where one of the steps scrubs personal data, no sample shows what it
        removed: those of the stages before are of other documents.

        Args:
            steps: All stages, in their order.
            offsets: Of the documents.
        """
        new = [x for x in steps if x.stage not in self._sampled and x.before != x.after]
        if not new:
            return
        stages = [step.stage for step in steps]
        scrubs = stages.index(PERSONAL_DATA) if PERSONAL_DATA in stages else -1
        scrubbed = set(steps[scrubs].changes) if scrubs >= 0 else set()
        for step in new:
            is_before = stages.index(step.stage) < scrubs
            self._sample(step, offsets, scrubbed if is_before else None)

    def _sample(
        self, step: Step, offsets: Sequence[int], scrubbed: set[int] | None
    ) -> None:
        """Keeps a few documents of a step, of those before scrubbing others."""
        for number, (old, new) in step.changes.items():
            if scrubbed is not None and (
                # A preset may have removed an address before it was looked for.
                number in scrubbed or scrub(normalize_text(old))[1]
            ):
                continue
            self._sampled[step.stage] += 1
            start = _first_difference(old, new)
            is_personal = step.stage == PERSONAL_DATA
            size = _PERSONAL_SAMPLE_CHARACTERS if is_personal else _SAMPLE_CHARACTERS
            old = old[start : start + size]
            if is_personal:
                old = _mask_removed(old, new[start : start + 2 * size])
            self.samples.append(
                {
                    "stage": step.stage,
                    "source": self._source,
                    "offset": offsets[number],
                    "before": old,
                    "after": new[start : start + size],
                }
            )
            if self._sampled[step.stage] == _SAMPLES_PER_STAGE:
                return

    def row(self) -> dict[str, Any]:
        """Returns all of it as JSON."""
        return {
            "histograms": self.histograms,
            "languages": dict(self.languages),
            "samples": self.samples,
        }


def _mask_removed(old: str, new: str) -> str:
    """Puts a bullet for each character that is not in the new text."""
    units, kept = _UNIT.findall(old), _UNIT.findall(new)
    matcher = difflib.SequenceMatcher(None, units, kept, autojunk=False)
    masked = [_REMOVED * len(unit) for unit in units]
    for start, _, size in matcher.get_matching_blocks():
        masked[start : start + size] = units[start : start + size]
    return "".join(masked)


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
