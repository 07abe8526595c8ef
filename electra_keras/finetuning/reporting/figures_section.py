"""The figures of a fine-tuning: tiles at the top, tables by file.

Reads `outcome.py`, feeds `report.py`. The median is what counts, as in the paper.
"""

from __future__ import annotations

from electra_keras.finetuning.reporting.blocks import Section, Table, Text, Tile
from electra_keras.finetuning.reporting.numbers import (
    MISSING,
    capitalize,
    count,
    format_duration,
    format_figure,
    name_figure,
    name_rows,
)
from electra_keras.finetuning.reporting.outcome import MEASURED, Outcome

_SPREAD = {
    "Median": "median",
    "Lowest": "minimum",
    "Highest": "maximum",
    "Standard deviation": "deviation",
}
# Stands in its own place, or twice.
_LAST, _TWICE = "task_loss", "task_score"


def make_tiles(outcome: Outcome) -> tuple[Tile, ...]:
    """Makes the few figures at the top of a report."""
    score = capitalize(name_figure(outcome.score))
    tiles = []
    for split in MEASURED:
        if split in outcome.spreads:
            spread = outcome.spreads[split][outcome.score]
            low, high = (
                format_figure(outcome.score, spread[key])
                for key in ("minimum", "maximum")
            )
            note = "one trial"
            if len(outcome.results) > 1:
                note = f"median of {len(outcome.results)}; {low} to {high}"
            value = format_figure(outcome.score, spread["median"])
            tiles.append(Tile(f"{score}, {split}", value, note))
    base = outcome.baselines["validation"].get(outcome.score)
    value = format_figure(outcome.score, base)
    tiles.append(Tile("Baseline, validation", value, outcome.baseline_name))
    rows = len(outcome.data.splits["train"].rows)
    unit = name_rows(outcome.kind_name)
    held_out = len(outcome.data.splits["validation"].rows)
    tiles.append(
        Tile(f"Training {unit}s", f"{rows:,}", f"{held_out:,} held out for validation")
    )
    secs = sum(result.train_secs for result in outcome.results)
    trials = count(len(outcome.results), "trial")
    tiles.append(Tile("Training time", format_duration(secs), trials))
    return tuple(tiles)


def make_figures_section(outcome: Outcome) -> Section:
    """Tells every figure: median and spread, the baseline, each trial."""
    text = Text(
        f"Trials are compared by {name_figure(outcome.score)} on the validation file, "
        "and the weights of a trial's best step are kept. Standard deviations are "
        f"those of a sample. Baseline: {outcome.baseline_name}."
    )
    tables = [
        _make_table(outcome, split) for split in MEASURED if split in outcome.spreads
    ]
    return Section("figures", "Figures", (text, *tables))


def _make_table(outcome: Outcome, split: str) -> Table:
    spreads, base = outcome.spreads[split], outcome.baselines[split]
    names = [outcome.score, *(n for n in spreads if n not in (outcome.score, _LAST))]
    names = [name for name in (*names, _LAST) if name in spreads and name != _TWICE]
    rows = []
    for title, key in _SPREAD.items():
        cells = [format_figure(name, spreads[name][key]) for name in names]
        if key == "deviation" and len(outcome.results) == 1:
            cells = [MISSING] * len(names)
        rows.append((title, *cells, MISSING))
    cells = [format_figure(name, base.get(name)) for name in names]
    rows.append(("Baseline", *cells, MISSING))
    for result in outcome.results:
        cells = [format_figure(name, result.figures[split][name]) for name in names]
        is_best = result is outcome.best and len(outcome.results) > 1
        title = f"Seed {result.seed}{', the best' if is_best else ''}"
        rows.append((title, *cells, f"{result.step:,}"))
    caption = f"On {outcome.data.splits[split].labelled.path}, {split}: "
    unit = name_rows(outcome.kind_name)
    caption += f"{count(len(outcome.data.splits[split].rows), unit)}."
    heads = ("", *(capitalize(name_figure(name)) for name in names), "Best step")
    return Table(
        caption,
        heads,
        tuple(rows),
        strong_rows=frozenset({0}),
        group_starts=frozenset({len(_SPREAD), len(_SPREAD) + 1}),
    )
