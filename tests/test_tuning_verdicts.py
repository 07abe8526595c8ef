"""python -m pytest tests/test_tuning_verdicts.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tuned_outcomes as tuned

from electra_keras.finetuning.reporting.outcome import Outcome
from electra_keras.finetuning.reporting.verdicts import find_verdicts


def findings_of(outcome: Outcome) -> list[str]:
    return [verdict.finding for verdict in find_verdicts(outcome)]


def repeat_rows(made: tuned.Tuned, times: int) -> None:
    """Makes the validation file so large that its size is no matter."""
    rows = made.data.splits["validation"].labelled.rows
    rows += rows * (times - 1)
    for seed in range(len(made.results)):
        path = made.folder / f"trial-{seed}/validation_predictions.jsonl"
        path.write_text(path.read_text("utf-8") * times, "utf-8")


def test_all_that_is_out_of_order(tmp_path: Path) -> None:
    outcome = tuned.make_classification(tmp_path / "out").gather()
    assert findings_of(outcome) == [
        "1 of 3 trials (seed 0) is no better than the baseline, accuracy 0.5000.",
        "The validation file has only 8 rows: its size alone makes accuracy uncertain "
        "by ±0.335.",
        "Label 2 has 1 training example: it can hardly be learned.",
    ]


def test_nothing_is_out_of_order(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out", (0.75, 0.875))
    made.data.warnings.clear()
    repeat_rows(made, 63)
    assert findings_of(made.gather()) == []


def test_no_trial_is_better_and_there_is_one(tmp_path: Path) -> None:
    outcome = tuned.make_classification(tmp_path / "out", (0.25,)).gather()
    found = findings_of(outcome)
    assert found[0] == "No trial is better than the baseline, accuracy 0.5000."
    assert found[-1] == "There is one trial, so the spread is not known."


def test_the_last_step_was_the_best(tmp_path: Path) -> None:
    outcome = tuned.make_classification(tmp_path / "out").gather()
    late = [dataclasses.replace(result, step=20) for result in outcome.results]
    wanted = "The last step was the best in every trial: it may still be learning."
    assert wanted in findings_of(dataclasses.replace(outcome, results=late))
    late[1] = outcome.results[1]
    assert wanted not in findings_of(dataclasses.replace(outcome, results=late))
    assert "The last step was the best: it may still be learning." in findings_of(
        dataclasses.replace(outcome, results=late[:1])
    )


def test_labels_that_are_never_answered(tmp_path: Path) -> None:
    outcome = tuned.make_classification(tmp_path / "out").gather()
    never = tuple("abcdefg")
    findings = dataclasses.replace(outcome.findings, never_predicted=never)
    (verdict,) = [
        verdict
        for verdict in find_verdicts(dataclasses.replace(outcome, findings=findings))
        if verdict.finding.startswith("Never")
    ]
    assert verdict.finding == (
        "Never answered on the validation file: a, b, c, d, e and others."
    )
    assert "task.class_weights=balanced" in verdict.advice


def test_rows_that_were_learned_are_told(tmp_path: Path) -> None:
    made = tuned.make_classification(tmp_path / "out")
    train = made.data.splits["train"].labelled
    train.rows.append(made.data.splits["validation"].rows[3])
    assert findings_of(made.gather())[1] == (
        "1 row of the validation file stands in the training file as well, so its "
        "figures are too good."
    )


def test_the_size_of_other_kinds_is_told_without_an_error(tmp_path: Path) -> None:
    outcome = tuned.make_regression(tmp_path / "out").gather()
    assert "The validation file has only 5 rows." in findings_of(outcome)
