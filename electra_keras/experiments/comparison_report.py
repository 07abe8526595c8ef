"""`comparison.md` and `comparison.json`: what a comparison has come to so far.

Reads the summary and the runs; `comparison_figures.py` draws the pictures.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from electra_keras.experiments.compare_jobs import Job
from electra_keras.experiments.comparison_figures import draw_figures
from electra_keras.experiments.progress import format_secs
from electra_keras.experiments.run_rows import RunRow, read_runs
from electra_keras.experiments.significance import FINETUNINGS
from electra_keras.experiments.summary import Cell, Summary
from electra_keras.whole_files import write_text

REPORT_FILE = "comparison.md"
FIGURES_FILE = "comparison.json"
MISSING = "missing"
_HELD_OUT = (
    *("masked_lm_loss", "masked_lm_accuracy"),
    *("disc_loss", "disc_auc"),
)
_NOTES = """\
A score is that of the test rows, measured once a fine-tuning, at the epoch that
did best on rows held out of the training file. The mean counts each pre-training
once. "sd pre" is the standard deviation of the means of pre-trainings, "sd fine"
that of fine-tunings within a pre-training; n is pre-trainings x fine-tunings.
The interval of 95% and p are Welch's t between pre-trainings; those marked with *
are between fine-tunings, for want of a second pre-training, and say nothing
about other pre-trainings. p is not corrected for the number of rows.
"""


def write_comparison(folder: Path, jobs: Sequence[Job], summary: Summary) -> None:
    """Writes the tables and draws the pictures.

    Args:
        folder: Of the comparison.
        jobs: All of it.
        summary: Of its results.
    """
    runs = read_runs(folder, jobs)
    pictures = draw_figures(folder, runs, summary)
    values = make_values(runs, summary)
    write_text(folder / FIGURES_FILE, json.dumps(values, indent=2) + "\n")
    write_text(folder / REPORT_FILE, format_comparison(runs, summary, pictures))


def make_values(runs: dict[str, RunRow], summary: Summary) -> dict[str, Any]:
    """All figures as JSON holds them."""
    return {
        "reference": summary.reference_row,
        "missing": summary.missing,
        "lines_of_other_settings": summary.other_lines,
        "pretrainings": {
            name: {
                "method": row.spent.method.name,
                "budgets": list(row.spent.budgets),
                "steps": row.spent.steps,
                "flops": row.spent.plan.train_flops,
                "secs": row.spent.train_secs,
                "steps_done": row.steps_done,
                "held_out": row.held_out,
            }
            for name, row in runs.items()
        },
        "table": [_cell_values(cell, summary) for cell in summary.table],
        "curve": [_cell_values(cell, summary) for cell in summary.curve],
    }


def _cell_values(cell: Cell, summary: Summary) -> dict[str, Any]:
    values = {
        name: getattr(cell, name)
        for name in ("row", "task", "train_size", "share", "score", "mean")
    }
    values["sd_over_pretrainings"] = cell.pretraining_deviation
    values["sd_over_finetunings"] = cell.finetuning_deviation
    values["scores"] = {str(seed): list(found) for seed, found in cell.scores.items()}
    values["missing"] = cell.missing
    if cell.share == 1:
        difference = cell.compare(summary.reference_of(cell))
        values["difference"] = difference and dataclasses.asdict(difference)
    return values


def format_comparison(
    runs: dict[str, RunRow], summary: Summary, pictures: Sequence[str]
) -> str:
    """Writes all as Markdown."""
    wanted = sum(cell.wanted for cell in summary.table)
    missing = sum(cell.missing for cell in summary.table)
    parts = [
        "# Comparison",
        f"Reference: {summary.reference_row}. {wanted - missing:,} of {wanted:,} "
        f"fine-tunings of whole pre-trainings are done"
        + (f"; {summary.missing:,} are missing, curves included." if missing else ".")
        + (
            f" {summary.other_lines:,} lines of results are of other settings and left "
            "out."
            if summary.other_lines
            else ""
        ),
        _NOTES.replace("\n", " ").strip(),
        "## Pre-trainings",
        _runs_table(runs),
        "## Scores: mean and standard deviation over fine-tunings",
        _overview(summary.table),
    ]
    for task, size in dict.fromkeys((c.task, c.train_size) for c in summary.table):
        cells = [c for c in summary.table if (c.task, c.train_size) == (task, size)]
        score = next((cell.score for cell in cells if cell.score), "score")
        parts += [
            f"## {task}, {format_size(size)} training rows: {score}",
            _details(cells, summary),
        ]
    parts += [f"![{name}]({name})" for name in pictures]
    return "\n\n".join(parts) + "\n"


def _runs_table(runs: dict[str, RunRow]) -> str:
    names = [n for n in _HELD_OUT if any(n in row.held_out for row in runs.values())]
    head = ["", "budgets", "steps", "FLOPs", "time", "finished", *names]
    lines = []
    for name, row in runs.items():
        secs = row.spent.train_secs
        lines.append(
            [
                name,
                ", ".join(row.spent.budgets),
                f"{row.spent.steps:,}",
                f"{row.spent.plan.train_flops:.3g}",
                "not measured" if secs is None else format_secs(secs),
                f"{row.finished} of {len(row.steps_done)}",
                *(_number(row.held_out.get(n)) for n in names),
            ]
        )
    return _table(head, lines)


def _overview(cells: Sequence[Cell]) -> str:
    columns = list(dict.fromkeys((cell.task, cell.train_size) for cell in cells))
    found = {(cell.row, cell.task, cell.train_size): cell for cell in cells}
    rows = dict.fromkeys(cell.row for cell in cells)
    head = ["", *(f"{task} {format_size(size)}" for task, size in columns)]
    return _table(
        head,
        [
            [row, *(_mean_and_deviation(found.get((row, *c))) for c in columns)]
            for row in rows
        ],
    )


def _mean_and_deviation(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if cell.mean is None:
        return MISSING
    deviation = cell.finetuning_deviation
    told = "" if deviation is None else f" ± {deviation:.4f}"
    return f"{cell.mean:.4f}{told}" + (" (part)" if cell.missing else "")


def _details(cells: Sequence[Cell], summary: Summary) -> str:
    head = ["", "mean", "sd pre", "sd fine", "n", "difference", "95%", "p"]
    return _table(head, [_details_row(cell, summary) for cell in cells])


def _details_row(cell: Cell, summary: Summary) -> list[str]:
    if cell.mean is None:
        return [cell.row, MISSING, "", "", f"0 of {cell.wanted}", "", "", ""]
    each = dict.fromkeys(len(group) for group in cell.scores.values())
    count = f"{len(cell.scores)} x {', '.join(map(str, each))}"
    if cell.missing:
        count += f", {cell.missing} missing"
    told = [
        cell.row,
        _number(cell.mean),
        _number(cell.pretraining_deviation),
        _number(cell.finetuning_deviation),
        count,
    ]
    difference = cell.compare(summary.reference_of(cell))
    if difference is None:
        return [*told, "", "", ""]
    mark = "*" if difference.units == FINETUNINGS else ""
    if difference.low is None or difference.high is None or difference.p is None:
        return [*told, f"{difference.mean:+.4f}", "too few", ""]
    return [
        *told,
        f"{difference.mean:+.4f}",
        f"{difference.low:+.4f} to {difference.high:+.4f}{mark}",
        f"{difference.p:.2g}{mark}",
    ]


def format_size(size: int | None) -> str:
    """Training rows for people."""
    return "all" if size is None else f"{size:,}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
