"""python -m pytest tests/test_tuned_model.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tasks_fixtures import text_task

from electra_keras.errors import UsageError
from electra_keras.export import main as export
from electra_keras.finetuning.tuned_model import load_tuned
from electra_keras.finetuning.tuning import tune
from electra_keras.predict import main as predict


@pytest.fixture(scope="module")
def tuned_folder(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    settings = ("training.trials=2", "training.epochs=3")
    tune(text_task(folder, *settings), run_folder, folder / "out")
    return folder / "out"


def test_the_best_trial_predicts_as_it_did(tuned_folder: Path) -> None:
    tuned = load_tuned(tuned_folder)
    lines = tuned_folder / f"trial-{tuned.result.seed}/validation_predictions.jsonl"
    rows = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    found = tuned.predict([(row["text"],) for row in rows])
    assert [row["prediction"]["label"] for row in rows] == [x["label"] for x in found]
    for row, one in zip(rows, found, strict=True):
        known = row["prediction"]["probabilities"]
        assert one["probabilities"] == pytest.approx(known, abs=1e-5)
    assert tuned.predict([]) == []


def test_commands_take_the_folder_and_its_export(
    tuned_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "models"
    assert export([f"--run={tuned_folder}", f"--output={models}"]) == 0
    assert "classification" in capsys.readouterr().out
    assert (models / "compose.yaml").is_file() and (models / "1").is_dir()
    lines = tmp_path / "lines.txt"
    lines.write_text("b 가\nc\n", "utf-8")
    answers = []
    for model in (tuned_folder, models / "1"):
        flags = [f"--model={model}", "--json", f"--input={lines}", "d"]
        assert predict(flags) == 0
        rows = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
        answers.append([row["label"] for row in rows])
    assert answers[0] == answers[1] and len(answers[0]) == 3
    assert predict([f"--model={tuned_folder}", "b 가"]) == 0
    assert capsys.readouterr().out.endswith("%\tb 가\n")


def test_wrong_use_is_told(
    tuned_folder: Path,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = {
        "no text; expected a TEXT": [f"--model={tuned_folder}"],
        "2 texts a row; expected text": [
            *(f"--model={tuned_folder}", "--pair", "a", "b"),
        ],
        "--svg with a fine-tuned model": [
            *(f"--model={tuned_folder}", "--svg=x.svg", "a"),
        ],
    }
    for message, flags in wrong.items():
        assert predict(flags) == 2
        assert message in capsys.readouterr().err
    flags = [f"--run={tuned_folder}", f"--output={tmp_path}/m"]
    assert export([*flags, "--litert=int8"]) == 2
    assert "--litert for the fine-tuning in" in capsys.readouterr().err
    with pytest.raises(UsageError, match="no fine-tuning in"):
        load_tuned(run_folder)
