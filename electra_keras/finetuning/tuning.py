"""A fine-tuning: every trial of a task, and what they come to.

Joins the other files of this room; `electra_keras.finetune` is its command.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.reporting.report import write_report
from electra_keras.finetuning.spread import Spread, find_best, spread_figures
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.task_data import TaskData, load_task_data
from electra_keras.finetuning.task_loading import settle_sequence_length
from electra_keras.finetuning.trial import FIGURES_FILE, Trial, TrialResult
from electra_keras.finetuning.tuned_folder import (
    PretrainedRecord,
    open_tuned_folder,
    trial_folder,
)
from electra_keras.interchange.sources import Pretrained, open_pretrained
from electra_keras.whole_files import write_text


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What a fine-tuning came to.

    Attributes:
        score: Name of the figure that trials are compared by.
        results: Of the trials.
        figures: Median and spread by split and figure.
        best: The trial that predictions and export take.
    """

    score: str
    results: list[TrialResult]
    figures: dict[str, dict[str, Spread]]
    best: TrialResult


def tune(
    config: TaskConfig,
    init_from: str | Path,
    output: str | Path,
    *,
    checkpoint: str = "latest",
    from_scratch: bool = False,
) -> Tuned:
    """Tunes a pre-trained model, or goes on where the fine-tuning in `output` stopped.

    Called in the main thread, it answers SIGTERM and Ctrl-C: the step is saved
    before the process ends.

    Args:
        config: From `load_task`.
        init_from: A run, an export, a Hugging Face folder or a TF1 checkpoint.
        output: Folder to make or to go on with.
        checkpoint: Of a run: "latest", "best" or a step.
        from_scratch: Take sizes and vocabulary over, and no weights.

    Raises:
        UsageError: Settings, files and model do not go together, too much of a
            file is set aside, or `output` holds something else.
        SystemExit: After SIGTERM, with exit code 0.
        KeyboardInterrupt: After Ctrl-C.
    """
    output = Path(output)
    source = open_pretrained(init_from, checkpoint=checkpoint)
    config = settle_sequence_length(config, source.sequence_length)
    finder = PieceFinder(Tokenizer(source.vocabulary, source.tokenizer))
    data = load_task_data(config, finder)
    record = PretrainedRecord.of(source, from_scratch=from_scratch)
    labels = {"state": data.kind.state, "fingerprint": data.fingerprint}
    open_tuned_folder(output, config, record, source.vocabulary, labels)
    _tell(data)
    results = [
        _run_trial(config, data, source, output, number, from_scratch)
        for number in range(config.training.trials)
    ]
    figures = spread_figures(results)
    write_text(output / FIGURES_FILE, json.dumps(figures, indent=2) + "\n")
    write_report(output, data, results, source, from_scratch=from_scratch)
    return Tuned(data.kind.score, results, figures, find_best(results))


def _run_trial(
    config: TaskConfig,
    data: TaskData,
    source: Pretrained,
    output: Path,
    number: int,
    from_scratch: bool,
) -> TrialResult:
    seed = config.training.seed + number
    print(f"trial {number + 1} of {config.training.trials}, seed {seed}")
    trial = Trial(
        *(config, data, source),
        seed=seed,
        folder=trial_folder(output, seed),
        from_scratch=from_scratch,
    )
    result = trial.run()
    print(f"seed {seed}: {data.kind.score} {result.score:.4f} at step {result.step:,}")
    return result


def _tell(data: TaskData) -> None:
    """Says what came of the files: counts, what was set aside, what was cut."""
    for name, split in data.splits.items():
        labelled = split.labelled
        print(f"{name}: {len(split.rows):,} rows of {labelled.path}")
        for reason, count in labelled.count_reasons().items():
            first = next(s for s in labelled.set_aside if s.reason == reason)
            print(f"  set aside: {count:,} {reason}; the first: {first}")
        for repair, count in labelled.repaired.items():
            print(f"  mended: {count:,} {repair}")
        for note in split.notes:
            print(f"  {note}")
    for warning in data.warnings:
        print(f"warning: {warning}")
