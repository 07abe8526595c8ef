"""Histograms in, the geometry and words of their pictures out.

Feeds the template of the report, which draws them as inline SVG. Bins are
drawn equally wide, since their edges grow geometrically.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

from beam_pipelines.reporting.labels import title

WIDTH, HEIGHT = 360.0, 120.0
_GAP = 1.5
_MAX_TICKS = 6
_LEAST_HEIGHT = 1.0  # A bin that is not empty can be seen.


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bin: its place in the picture, and what it says."""

    x: float
    y: float
    width: float
    height: float
    range: str
    count: int
    share: float


@dataclasses.dataclass(frozen=True)
class Histogram:
    """A picture of `WIDTH` by `HEIGHT`.

    Attributes:
        title: What is counted.
        bars: Left to right.
        ticks: Place and text of the edges that are labelled.
        total: Sum of the counts.
        median: Range of the bin in which the middle one lies; "" if empty.
    """

    title: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]
    total: int
    median: str


def make_histogram(
    name: str, edges: Sequence[float], counts: Sequence[int]
) -> Histogram:
    """Lays a histogram out.

    Args:
        name: Of the figure; one that ends in "_rate" is shown in percent, any
            other counts whole things and loses its empty bins at the right end.
        edges: Of the bins, one more than counts; a bin ends before its right one.
        counts: Of the bins.
    """
    is_rate = name.endswith("_rate")
    text = _percent if is_rate else compact
    if not is_rate:
        counts = _drop_empty_end(counts)
        edges = edges[: len(counts) + 1]
    total, highest = sum(counts), max(counts, default=0)
    step = WIDTH / max(1, len(counts))
    last = 0 if is_rate else 1  # 113 to 128 for the edges 113 and 129.
    ranges = [f"{text(a)} to {text(b - last)}" for a, b in itertools.pairwise(edges)]
    bars = []
    for place, count in enumerate(counts):
        height = max(HEIGHT * count / highest, _LEAST_HEIGHT) if count else 0.0
        bars.append(
            Bar(
                x=round(place * step + _GAP / 2, 2),
                y=round(HEIGHT - height, 2),
                width=round(max(step - _GAP, 0.5), 2),
                height=round(height, 2),
                range=ranges[place],
                count=count,
                share=count / total,
            )
            if count
            else Bar(0, 0, 0, 0, ranges[place], 0, 0.0)
        )
    return Histogram(
        title(name),
        tuple(bars),
        tuple(_make_ticks(edges, step, text)),
        total,
        _find_median(counts, ranges),
    )


def _drop_empty_end(counts: Sequence[int]) -> Sequence[int]:
    """Leaves one bin at least."""
    end = max((place for place, count in enumerate(counts) if count), default=0)
    return counts[: end + 1]


def _make_ticks(
    edges: Sequence[float], step: float, text: Callable[[float], str]
) -> list[tuple[float, str]]:
    every = max(1, -(-(len(edges) - 1) // (_MAX_TICKS - 1)))
    return [
        (round(place * step, 2), text(edges[place]))
        for place in range(0, len(edges), every)
    ]


def _find_median(counts: Sequence[int], ranges: Sequence[str]) -> str:
    middle, below = (sum(counts) + 1) // 2, 0
    for count, words in zip(counts, ranges, strict=True):
        below += count
        if 0 < middle <= below:
            return words
    return ""


def compact(number: float) -> str:
    """Writes 20000 as "20k", 1500000 as "1.5M"."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= 0.9995 * size:  # 999,999 is 1M, not 1000k.
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"
