"""python -m pytest tests/test_tuning.py"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tasks_fixtures import text_task

from electra_keras.errors import UsageError
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.tuned_folder import (
    PretrainedRecord,
    is_tuned,
    read_task,
    read_trials,
)
from electra_keras.finetuning.tuning import tune


@pytest.fixture
def task(tmp_path: Path) -> TaskConfig:
    files = tmp_path / "files"
    files.mkdir()
    return text_task(files, "training.trials=2", "training.epochs=1")


def test_trials_differ_and_are_summed_up(
    task: TaskConfig, run_folder: Path, tmp_path: Path, capsys
) -> None:
    output = tmp_path / "out"
    tuned = tune(task, run_folder, output)
    assert [result.seed for result in tuned.results] == [0, 1]
    losses = [r.figures["validation"]["task_loss"] for r in tuned.results]
    assert losses[0] != losses[1]
    figures = json.loads((output / "figures.json").read_text("utf-8"))
    assert figures == tuned.figures
    assert figures["validation"]["task_loss"]["mean"] == pytest.approx(sum(losses) / 2)
    assert read_trials(output) == tuned.results
    assert is_tuned(output) and not is_tuned(run_folder)
    assert read_task(output) == task
    record = PretrainedRecord.from_json((output / "pretrained.json").read_text("utf-8"))
    assert record.source == str(run_folder) and len(record.sha256) == 64
    assert record.model.hidden_dim == 32
    report = (output / "report.md").read_text("utf-8")
    median = figures["validation"]["accuracy"]["median"]
    assert f"| **Median** | **{median:.4f}** |" in report
    assert "40 held out for validation" in report
    told = capsys.readouterr().out
    assert "train: 96 rows of" in told and "trial 2 of 2, seed 1" in told

    more = dataclasses.replace(task.training, trials=3)
    again = tune(dataclasses.replace(task, training=more), run_folder, output)
    assert again.results[:2] == tuned.results and len(again.results) == 3
    assert "| Seed 2" in (output / "report.md").read_text("utf-8")


def test_a_folder_is_of_one_fine_tuning(
    task: TaskConfig, run_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    one = dataclasses.replace(task.training, trials=1)
    task = dataclasses.replace(task, training=one)
    tune(task, run_folder, output)
    before = sorted(path.stat().st_mtime_ns for path in output.rglob("*.index"))
    other = dataclasses.replace(one, learning_rate=1e-3)
    with pytest.raises(UsageError, match=r"training\.learning_rate 0\.001 and not"):
        tune(dataclasses.replace(task, training=other), run_folder, output)
    with pytest.raises(UsageError, match=r"another pretrained\.json"):
        tune(task, run_folder, output, from_scratch=True)
    train = Path(task.files.train or "")
    train.write_text(train.read_text("utf-8") + "a b\tbad\n", "utf-8")
    with pytest.raises(UsageError, match=r"another labels\.json"):
        tune(task, run_folder, output)
    with pytest.raises(UsageError, match="holds other files"):
        tune(task, run_folder, tmp_path / "files")
    assert before == sorted(path.stat().st_mtime_ns for path in output.rglob("*.index"))
