"""What of a fine-tuning is out of order, and what can be done.

Reads `outcome.py`, feeds the top of the report.
"""

from __future__ import annotations

import math

from electra_keras.finetuning.reporting.blocks import Verdict
from electra_keras.finetuning.reporting.data_sections import count_repeated
from electra_keras.finetuning.reporting.numbers import (
    capitalize,
    count,
    format_figure,
    name_figure,
    name_rows,
)
from electra_keras.finetuning.reporting.outcome import Outcome

_FEW_ROWS = 500
# More than this share of a file that stands in the training file as well makes
# its figures too good.
_REPEATED_RATE = 0.01


def find_verdicts(outcome: Outcome) -> tuple[Verdict, ...]:
    """Finds what is out of order; empty: nothing."""
    found = [
        *_check_baseline(outcome),
        *_check_steps(outcome),
        *_check_never_predicted(outcome),
        *_check_repeated(outcome),
        *_check_size(outcome),
        *(Verdict(f"{capitalize(text)}.") for text in outcome.data.warnings),
    ]
    if len(outcome.results) == 1:
        found.append(
            Verdict(
                "There is one trial, so the spread is not known.",
                "Set training.trials=5: small files differ by seed.",
            )
        )
    return tuple(found)


def _check_baseline(outcome: Outcome) -> list[Verdict]:
    base = outcome.baselines["validation"][outcome.score]
    failed = [result for result in outcome.results if result.score <= base]
    if not failed:
        return []
    score, value = name_figure(outcome.score), format_figure(outcome.score, base)
    if len(failed) == len(outcome.results):
        subject = "No trial is better"
    else:
        seeds = ", ".join(str(result.seed) for result in failed)
        number = "is" if len(failed) == 1 else "are"
        subject = f"{len(failed)} of {len(outcome.results)} trials (seed {seeds}) "
        subject += f"{number} no better"
    finding = f"{subject} than the baseline, {score} {value}."
    return [
        Verdict(
            finding,
            "Lower training.learning_rate or raise training.epochs; tune a model that "
            "was pre-trained for longer; check that labels fit the texts.",
        )
    ]


def _check_steps(outcome: Outcome) -> list[Verdict]:
    last = {
        seed: max((row["step"] for row in rows), default=0)
        for seed, rows in outcome.histories.items()
    }
    is_late = [0 < last[result.seed] <= result.step for result in outcome.results]
    if not all(is_late):
        return []
    subject = "The last step was the best"
    subject += " in every trial" if len(is_late) > 1 else ""
    return [
        Verdict(
            f"{subject}: it may still be learning.",
            "Raise training.epochs.",
        )
    ]


def _check_never_predicted(outcome: Outcome) -> list[Verdict]:
    names = outcome.findings.never_predicted
    if not names:
        return []
    shown = ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")
    advice = "Look at their counts under Labels; give more examples of them."
    if outcome.kind_name == "classification":
        advice = (
            "Look at their counts under Labels; give more examples of them, or set "
            "task.class_weights=balanced."
        )
    return [Verdict(f"Never answered on the validation file: {shown}.", advice)]


def _check_repeated(outcome: Outcome) -> list[Verdict]:
    unit = name_rows(outcome.kind_name)
    return [
        Verdict(
            f"{count(number, unit)} of the {split} file "
            f"{'stands' if number == 1 else 'stand'} in the training file as well, so "
            "its figures are too good.",
            "Take them out of the training file.",
        )
        for split, number in count_repeated(outcome).items()
        if number > _REPEATED_RATE * len(outcome.data.splits[split].rows)
    ]


def _check_size(outcome: Outcome) -> list[Verdict]:
    rows = len(outcome.data.splits["validation"].rows)
    if rows >= _FEW_ROWS:
        return []
    finding = (
        f"The validation file has only {count(rows, name_rows(outcome.kind_name))}"
    )
    if outcome.score == "accuracy":
        share = outcome.spreads["validation"]["accuracy"]["median"]
        # Of a share of so many draws, by the normal approximation.
        error = 1.96 * math.sqrt(share * (1 - share) / rows)
        finding += f": its size alone makes accuracy uncertain by ±{error:.3f}"
    return [Verdict(f"{finding}.", "Hold more of the labelled rows out.")]
