"""python -m pytest tests/test_finetune.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from tasks_fixtures import write_texts

from electra_keras.finetune import main


def test_a_task_file_and_a_run_give_a_tuned_model(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_texts(tmp_path / "train.tsv", 60)
    task = tmp_path / "task.yaml"
    task.write_text(
        f"files:\n  train: {tmp_path}/train.tsv\n  test_rate: 0.2\n"
        "columns:\n  text: text\n  label: label\n",
        "utf-8",
    )
    flags = [f"--task={task}", f"--init_from={run_folder}", "--set=training.epochs=1"]
    assert main([*flags, f"--output={tmp_path}/out"]) == 0
    told = capsys.readouterr().out
    assert "test: task_loss 0." in told or "test: task_loss 1." in told
    assert "best of 1 is seed 0" in told
    assert (tmp_path / "out/trial-0/test_predictions.jsonl").is_file()


def test_errors_say_what_to_do(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--task=configs/tasks/love_chat.yaml", f"--output={tmp_path}/out"]
    assert main([*flags, f"--init_from={tmp_path}"]) == 2
    assert "no model at" in capsys.readouterr().err
    assert main([*flags, f"--init_from={run_folder}"]) == 2
    error = capsys.readouterr().err
    assert "encoding.sequence_length 64; expected at most 16" in error
    assert not (tmp_path / "out").exists()
