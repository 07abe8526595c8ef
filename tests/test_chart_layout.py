"""python -m pytest tests/test_chart_layout.py"""

from __future__ import annotations

import pytest

from electra_keras.finetuning.reporting.blocks import Chart, Line, Table
from electra_keras.finetuning.reporting.chart_layout import find_ticks, lay_out

TABLE = Table("", ("Step",), ())


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.31, 0.72, [0.4, 0.5, 0.6, 0.7]),
        (0, 141, [0, 50, 100]),
        (0, 46_900, [0, 10_000, 20_000, 30_000, 40_000]),
        (-0.2, 0.2, [-0.2, -0.1, 0.0, 0.1, 0.2]),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert find_ticks(low, high) == pytest.approx(ticks)


def test_geometry() -> None:
    lines = (
        Line(1, "seed 1", ((0, 0.5), (100, 1.0)), "other"),
        Line(0, "seed 0", ((0, 0.0), (50, 1.0)), "best"),
    )
    drawing = lay_out(Chart("Accuracy", lines, ("baseline", 0.5), (50, 1.0), TABLE))
    # Steps 0 to 100 lie from 44 to 394, values -0.05 to 1.05 from 198 up to 8.
    assert [line.points for line in drawing.lines] == [
        *("44,103 394,16.6", "44,189.4 219,16.6")
    ]
    assert [line.role for line in drawing.lines] == ["other", "best"]
    assert drawing.level == 103.0 and drawing.mark == (219.0, 16.6)
    assert drawing.x_ticks[:2] == ((44.0, "0"), (114.0, "20"))
    assert drawing.y_ticks[0] == (189.4, "0")


def test_one_point_and_a_constant_can_be_drawn() -> None:
    for points in [((7, 0.5),), ((0, 0.0), (5, 0.0))]:
        drawing = lay_out(
            Chart("Loss", (Line(0, "a", points, "best"),), None, None, TABLE)
        )
        assert drawing.lines[0].points and drawing.y_ticks
        assert drawing.level is None and drawing.mark is None


def test_large_steps_are_short() -> None:
    lines = (Line(0, "a", ((0, 0.0), (50_000, 1.0)), "best"),)
    drawing = lay_out(Chart("Loss", lines, None, None, TABLE))
    assert [text for _, text in drawing.x_ticks] == [
        *("0", "10k", "20k", "30k", "40k", "50k")
    ]
