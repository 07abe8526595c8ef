"""Curves of a fine-tuning: score and loss over optimizer steps.

Reads `outcome.py`, feeds `report.py`; `chart_layout.py` draws them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from electra_keras.finetuning.reporting.blocks import (
    Block,
    Chart,
    Line,
    Picture,
    Section,
    Table,
    Text,
)
from electra_keras.finetuning.reporting.numbers import (
    MISSING,
    capitalize,
    format_figure,
    name_figure,
)
from electra_keras.finetuning.reporting.outcome import Outcome
from electra_keras.finetuning.tuned_folder import trial_folder
from electra_keras.training.curves import CURVES_FILE

_MOST_TABLE_ROWS = 25
Points = tuple[tuple[float, float], ...]


def make_curves_section(outcome: Outcome) -> Section:
    """Draws the score of every trial and the loss of the best one."""
    charts = [
        chart for chart in (_draw_score(outcome), _draw_loss(outcome)) if chart.lines
    ]
    blocks: list[Block] = [*charts] or [Text("No curves were recorded.")]
    folder = trial_folder(outcome.folder, outcome.best.seed)
    if (folder / CURVES_FILE).is_file():
        caption = f"All curves of the trial with seed {outcome.best.seed}"
        blocks.append(Picture(caption, f"{folder.name}/{CURVES_FILE}"))
    return Section("curves", "Curves", tuple(blocks))


def _draw_score(outcome: Outcome) -> Chart:
    best = outcome.best
    lines = [
        Line(
            result.seed,
            f"seed {result.seed}",
            points,
            "best" if result is best else "other",
        )
        for result in _best_last(outcome)
        if (points := _read(outcome, result.seed, "validation", "task_score"))
    ]
    score = capitalize(name_figure(outcome.score))
    base = outcome.baselines["validation"][outcome.score]
    return Chart(
        f"{score} on the validation file",
        tuple(lines),
        ("baseline", base) if math.isfinite(base) else None,
        (best.step, best.score) if math.isfinite(best.score) else None,
        _tabulate(f"{score} by step.", lines, outcome.score),
    )


def _draw_loss(outcome: Outcome) -> Chart:
    best = outcome.best.seed
    lines = []
    for result in _best_last(outcome):
        is_best = result is outcome.best
        if is_best and (points := _read(outcome, best, "train", "task_loss")):
            lines.append(Line(best, f"seed {best}, training", points, "train"))
        if points := _read(outcome, result.seed, "validation", "task_loss"):
            name = f"seed {result.seed}, validation"
            lines.append(
                Line(result.seed, name, points, "best" if is_best else "other")
            )
    return Chart(
        "Loss",
        tuple(lines),
        None,
        None,
        _tabulate("Loss by step.", lines, "task_loss"),
    )


def _best_last(outcome: Outcome) -> list[Any]:
    """The best trial lies above the others."""
    return sorted(outcome.results, key=lambda result: result is outcome.best)


def _read(outcome: Outcome, seed: int, split: str, name: str) -> Points:
    return tuple(
        (row["step"], row[name])
        for row in outcome.histories[seed]
        if row["split"] == split and math.isfinite(row.get(name, math.nan))
    )


def _tabulate(caption: str, lines: Sequence[Line], figure: str) -> Table:
    """Curves as numbers; of many steps some, the last one always."""
    lines = sorted(lines, key=lambda line: line.seed)
    columns = [dict(line.points) for line in lines]
    steps = sorted({step for points in columns for step in points})
    every = max(1, math.ceil(len(steps) / _MOST_TABLE_ROWS))
    shown = sorted({*steps[::every], *steps[-1:]})
    return Table(
        caption,
        ("Step", *(line.name for line in lines)),
        tuple(
            (
                f"{step:,}",
                *(
                    format_figure(figure, points[step]) if step in points else MISSING
                    for points in columns
                ),
            )
            for step in shown
        ),
    )
