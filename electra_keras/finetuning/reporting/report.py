"""The report of a fine-tuning: `report.html` and `report.md` in its folder.

Joins this room: gathers the outcome, makes the sections, lays out both pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from electra_keras.finetuning.reporting.blocks import Block, Page, Section, Text
from electra_keras.finetuning.reporting.curves_section import make_curves_section
from electra_keras.finetuning.reporting.data_sections import (
    make_data_section,
    make_labels_section,
)
from electra_keras.finetuning.reporting.figures_section import (
    make_figures_section,
    make_tiles,
)
from electra_keras.finetuning.reporting.html_page import make_html
from electra_keras.finetuning.reporting.markdown_page import make_markdown
from electra_keras.finetuning.reporting.numbers import count
from electra_keras.finetuning.reporting.outcome import Outcome, gather_outcome
from electra_keras.finetuning.reporting.setup_section import (
    make_next_section,
    make_setup_section,
)
from electra_keras.finetuning.reporting.verdicts import find_verdicts
from electra_keras.finetuning.task_data import TaskData
from electra_keras.finetuning.trial import TrialResult
from electra_keras.interchange.sources import Pretrained
from electra_keras.whole_files import write_text

HTML_FILE = "report.html"
MARKDOWN_FILE = "report.md"


def write_report(
    folder: Path,
    data: TaskData,
    results: Sequence[TrialResult],
    source: Pretrained,
    *,
    from_scratch: bool = False,
) -> Path:
    """Writes the report of a finished fine-tuning; the same one gives the same text.

    Args:
        folder: Of the fine-tuning, with `task.yaml` and a folder of each trial.
        data: Of the task.
        results: Of its trials, at least one.
        source: The pre-trained model.
        from_scratch: Whether its weights were left out.

    Returns: Path of `report.html`; `report.md` lies beside it.

    Raises:
        ValueError: A trial has no prediction for every row.
    """
    page = make_page(
        gather_outcome(folder, data, results, source, from_scratch=from_scratch)
    )
    write_text(folder / MARKDOWN_FILE, make_markdown(page))
    path = folder / HTML_FILE
    write_text(path, make_html(page))
    return path


def make_page(outcome: Outcome) -> Page:
    """Makes all that a report says, free of markup."""
    kind = outcome.kind_name.replace("_", " ")
    train = Path(outcome.data.splits["train"].labelled.path).name
    taken = "the sizes of " if outcome.from_scratch else ""
    return Page(
        title=f"Fine-tuning: {outcome.folder.resolve().name}",
        about=f"{kind.capitalize()} learned from {train}, with {taken}"
        f"{outcome.source.path} as the pre-trained model. "
        f"{count(len(outcome.results), 'trial')}.",
        tiles=make_tiles(outcome),
        verdicts=find_verdicts(outcome),
        sections=(
            make_figures_section(outcome),
            make_curves_section(outcome),
            _make_answers_section(outcome),
            _make_samples_section(outcome),
            make_labels_section(outcome),
            make_data_section(outcome),
            make_setup_section(outcome),
            make_next_section(outcome),
        ),
        footer="Written by electra_keras.finetune. This page needs no network.",
    )


def _make_answers_section(outcome: Outcome) -> Section:
    seed = outcome.best.seed
    intro = Text(f"Of the best trial, seed {seed}, on the validation file.")
    blocks: list[Block] = [intro, *outcome.findings.tables]
    if outcome.findings.calibration:
        blocks.append(Text(outcome.findings.calibration))
    return Section("answers", "Answers", tuple(blocks))


def _make_samples_section(outcome: Outcome) -> Section:
    path = outcome.data.splits["validation"].labelled.path
    intro = Text(
        f"From {path}, by the best trial. Rows of the test file are not shown, so that "
        "nobody tunes to them."
    )
    return Section("errors", "Rows to look at", (intro, *outcome.findings.samples))
