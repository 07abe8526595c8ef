"""Curves in, the geometry and words of their picture out.

Feeds the template of `html_page.py`, which draws it as inline SVG.
"""

from __future__ import annotations

import dataclasses
import math

from electra_keras.finetuning.reporting.blocks import Chart, Line

# Narrow, so that words in it can be read on a phone.
WIDTH, HEIGHT = 400.0, 220.0
_LEFT, _BOTTOM, _TOP, _RIGHT = 44.0, 22.0, 8.0, 6.0
_TICKS = 5
_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclasses.dataclass(frozen=True)
class DrawnLine:
    """A curve: its name, its role, and the points of an SVG polyline."""

    name: str
    role: str
    points: str
    end: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A picture of `WIDTH` by `HEIGHT`.

    Attributes:
        lines: The later ones lie above.
        x_ticks: Place and text.
        y_ticks: Place and text.
        level: Height of the level line, or None.
        mark: Place of the marked point, or None.
        left: Where the plot begins.
        right: Where it ends.
        bottom: Where it ends.
    """

    lines: tuple[DrawnLine, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    level: float | None
    mark: tuple[float, float] | None
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM


@dataclasses.dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    first: float
    last: float

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.first + share * (self.last - self.first), 1)


def lay_out(chart: Chart) -> Drawing:
    """Lays curves out; level and mark lie inside.

    Args:
        chart: With at least one line.
    """
    points = [point for line in chart.lines for point in line.points]
    if chart.mark is not None:
        points.append(chart.mark)
    values = [value for _, value in points]
    if chart.level is not None:
        values.append(chart.level[1])
    steps = [step for step, _ in points]
    x = _Scale(min(steps), max(*steps, min(steps) + 1), _LEFT, WIDTH - _RIGHT)
    low, high = min(values), max(values)
    room = (high - low or abs(high) or 1.0) / 20
    y = _Scale(low - room, high + room, HEIGHT - _BOTTOM, _TOP)
    return Drawing(
        tuple(_draw(line, x, y) for line in chart.lines),
        tuple((x.place(tick), _word(tick)) for tick in find_ticks(x.low, x.high)),
        tuple((y.place(tick), f"{tick:g}") for tick in find_ticks(y.low, y.high)),
        None if chart.level is None else y.place(chart.level[1]),
        None
        if chart.mark is None
        else (x.place(chart.mark[0]), y.place(chart.mark[1])),
    )


def _draw(line: Line, x: _Scale, y: _Scale) -> DrawnLine:
    places = [(x.place(step), y.place(value)) for step, value in line.points]
    words = " ".join(f"{a:g},{b:g}" for a, b in places)
    return DrawnLine(line.name, line.role, words, places[-1])


def find_ticks(low: float, high: float) -> list[float]:
    """Finds round numbers from `low` to `high`, about five at most."""
    wanted = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(step for step in _STEPS if step * power >= wanted * 0.999) * power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _word(step: float) -> str:
    """Writes 20000 as "20k"."""
    return f"{step / 1000:g}k" if step >= 10_000 else f"{step:g}"
