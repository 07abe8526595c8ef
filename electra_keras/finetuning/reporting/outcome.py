"""All that a report is written from, gathered once.

Reads the folder of a fine-tuning, feeds the sections.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from electra_keras.finetuning.reporting.findings import (
    Findings,
    KindFindings,
    find_findings,
)
from electra_keras.finetuning.spread import Spread, find_best, spread_figures
from electra_keras.finetuning.task_data import TaskData
from electra_keras.finetuning.trial import PREDICTIONS_FILE, TrialResult
from electra_keras.finetuning.tuned_folder import trial_folder
from electra_keras.interchange.sources import Pretrained
from electra_keras.training.history import History

# Whose rows are looked at; those of the test file would be tuned to.
LOOKED_AT = "validation"
MEASURED = ("validation", "test")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A finished fine-tuning.

    Attributes:
        folder: Of the fine-tuning.
        data: Of the task.
        results: Of its trials.
        source: The pre-trained model.
        from_scratch: Whether only its sizes and vocabulary were taken.
        about_kind: What a report says about this kind of task.
        best: The trial whose predictions are looked at.
        spreads: Median and spread by split and figure.
        findings: On the predictions of the validation file.
        baseline_name: What the baseline always answers.
        baselines: Its figures, by split.
        histories: Rows of `metrics.jsonl` by seed.
    """

    folder: Path
    data: TaskData
    results: Sequence[TrialResult]
    source: Pretrained
    from_scratch: bool
    about_kind: KindFindings[Any]
    best: TrialResult
    spreads: dict[str, dict[str, Spread]]
    findings: Findings
    baseline_name: str
    baselines: dict[str, dict[str, float]]
    histories: dict[int, list[dict[str, Any]]]

    @property
    def score(self) -> str:
        """Name of the figure by which trials are compared."""
        return self.data.kind.score

    @property
    def kind_name(self) -> str:
        """Name of the kind of task."""
        return self.data.kind.config.task.kind


def gather_outcome(
    folder: Path,
    data: TaskData,
    results: Sequence[TrialResult],
    source: Pretrained,
    *,
    from_scratch: bool = False,
) -> Outcome:
    """Reads predictions and curves, and measures the baseline.

    Args:
        folder: Of the fine-tuning, with a folder of each trial.
        data: Of the task.
        results: Of its trials, at least one.
        source: The pre-trained model.
        from_scratch: Whether its weights were left out.

    Raises:
        ValueError: A trial has no prediction for every row.
    """
    about_kind = find_findings(data.kind)
    best = find_best(results)
    rows = data.splits[LOOKED_AT].rows
    predictions = read_predictions(trial_folder(folder, best.seed), LOOKED_AT)
    if len(predictions) != len(rows):
        raise ValueError(f"{len(predictions)} predictions of {len(rows)} rows")
    baselines = {}
    train_rows, baseline_name = data.splits["train"].rows, ""
    for split in best.figures:
        baseline = about_kind.baseline(train_rows, data.splits[split].rows)
        baseline_name = baseline.name
        baselines[split] = data.kind.measure(
            data.splits[split].rows, baseline.predictions
        )
    return Outcome(
        folder,
        data,
        results,
        source,
        from_scratch,
        about_kind,
        best,
        spread_figures(results),
        about_kind.find(rows, predictions),
        baseline_name,
        baselines,
        {r.seed: History(trial_folder(folder, r.seed)).rows() for r in results},
    )


def read_predictions(folder: Path, split: str) -> list[Any]:
    """Reads the predictions that a trial wrote, one a row of the file."""
    text = (folder / PREDICTIONS_FILE.format(split)).read_text("utf-8")
    # Not splitlines: U+2028 and others stand inside texts.
    lines = text.split("\n")[:-1]
    return [json.loads(line)["prediction"] for line in lines]
