"""Pictures of a comparison: scores over labels, and over pre-training compute.

Reads the summary; `comparison_report.py` shows them. Bands and bars are standard
deviations: over pre-trainings where there are two or more, else over
fine-tunings.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from electra_keras.experiments.run_rows import RunRow
from electra_keras.experiments.summary import Cell, Summary
from electra_keras.whole_files import write_bytes

# What a point of a row cost: FLOPs or hours; None: not known.
CostFn = Callable[[RunRow], float | None]
_AXES: tuple[tuple[str, CostFn], ...] = (
    ("pre-training FLOPs", lambda row: float(row.spent.plan.train_flops)),
    (
        "hours of pre-training, by measured steps",
        lambda row: row.spent.train_secs and row.spent.train_secs / 3_600,
    ),
)


def draw_figures(
    folder: Path, runs: Mapping[str, RunRow], summary: Summary
) -> list[str]:
    """Draws all pictures for which there are scores.

    Args:
        folder: Of the comparison.
        runs: By row of the table.
        summary: Of the results.

    Returns: Names of the files, in the order in which they are shown.
    """
    names = []
    for task, size in dict.fromkeys((c.task, c.train_size) for c in summary.curve):
        cells = [c for c in summary.curve if (c.task, c.train_size) == (task, size)]
        if any(cell.share != 1 and cell.scores for cell in cells):
            name = f"curve-{task}-{'all' if size is None else size}.png"
            _draw_curve(folder / name, cells, runs, task, size)
            names.append(name)
    for task in dict.fromkeys(cell.task for cell in summary.table):
        cells = [c for c in summary.table if c.task == task and c.scores]
        sized = [cell for cell in cells if cell.train_size is not None]
        if len({cell.train_size for cell in sized}) > 1:
            name = f"scores-{task}.png"
            _draw_sizes(folder / name, sized, task)
            names.append(name)
    return names


def _draw_curve(
    path: Path,
    cells: Sequence[Cell],
    runs: Mapping[str, RunRow],
    task: str,
    size: int | None,
) -> None:
    axes_known = [
        (label, cost)
        for label, cost in _AXES
        if all(cost(row) is not None for row in runs.values())
    ]
    figure, axes = _make_axes(len(axes_known))
    for axis, (label, cost) in zip(axes, axes_known, strict=True):
        for place, row in enumerate(dict.fromkeys(cell.row for cell in cells)):
            points = sorted(
                (cell for cell in cells if cell.row == row and cell.scores),
                key=lambda cell: cell.share,
            )
            if points and row not in runs:
                mean = points[0].mean
                axis.axhline(mean, color=f"C{place}", linestyle="--", label=row)
            elif points:
                whole = cost(runs[row]) or 0.0
                places = [whole * cell.share for cell in points]
                _draw_line(axis, places, points, place)
        axis.set_xlabel(label)
        axis.set_ylabel(_score_name(cells))
        axis.set_title(f"{task}, {'all' if size is None else f'{size:,}'} labels")
        axis.legend(fontsize="small")
    _save(figure, path)


def _draw_sizes(path: Path, cells: Sequence[Cell], task: str) -> None:
    figure, (axis,) = _make_axes(1)
    for place, row in enumerate(dict.fromkeys(cell.row for cell in cells)):
        points = [cell for cell in cells if cell.row == row]
        sizes = [float(cell.train_size or 0) for cell in points]
        _draw_line(axis, sizes, points, place)
    axis.set_xscale("log")
    axis.set_xlabel("training rows")
    axis.set_ylabel(_score_name(cells))
    axis.set_title(task)
    axis.legend(fontsize="small")
    _save(figure, path)


def _draw_line(
    axis: Any, places: Sequence[float], cells: Sequence[Cell], color: int
) -> None:
    means = [cell.mean or 0.0 for cell in cells]
    spreads = [deviation_of(cell) for cell in cells]
    axis.plot(places, means, color=f"C{color}", marker="o", label=cells[0].row)
    axis.fill_between(
        places,
        [mean - spread for mean, spread in zip(means, spreads, strict=True)],
        [mean + spread for mean, spread in zip(means, spreads, strict=True)],
        color=f"C{color}",
        alpha=0.15,
    )


def deviation_of(cell: Cell) -> float:
    """Half the height of a band; 0 of a single trial."""
    if cell.pretraining_deviation is not None:
        return cell.pretraining_deviation
    return cell.finetuning_deviation or 0.0


def _score_name(cells: Sequence[Cell]) -> str:
    return next((cell.score for cell in cells if cell.score), "score")


def _make_axes(count: int) -> tuple[Any, Sequence[Any]]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, count, figsize=(5.5 * count, 4.2), squeeze=False, layout="constrained"
    )
    return figure, axes[0]


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
    pyplot.close(figure)
    write_bytes(path, picture.getvalue())
