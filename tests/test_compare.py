"""python -m pytest tests/test_compare.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from comparison_fixtures import write_comparison

from electra_keras.experiments import comparison
from electra_keras.experiments.compare import main


@pytest.fixture
def flags(data_folder: Path, tiny_config, tmp_path: Path) -> list[str]:
    path = write_comparison(tmp_path, data_folder, tiny_config)
    return [f"--config={path}", f"--output={tmp_path}/out"]


def test_plan_and_stages(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, "--plan"]) == 0
    assert "8 of 8 jobs left, " in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert main([*flags, "--plan", "--methods=mlm"]) == 0
    assert "3 of 3 jobs left, " in capsys.readouterr().out
    assert main([*flags, "--only=finetune", "--methods=tfidf"]) == 0
    told = capsys.readouterr().out
    assert "[1 of 1] tfidf, letters 16 rows, seed 0, score 0." in told
    assert told.endswith("out: 5 fine-tunings are missing\n")
    assert main([*flags, "--only=report"]) == 0
    assert (tmp_path / "out/comparison.md").is_file()


def test_measured_once(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = []

    class Measured:
        step_secs = 0.25

    def measure_plan(plan, *, least_secs: float) -> Measured:
        timed.append((plan.config.train.objective, least_secs))
        return Measured()

    monkeypatch.setattr(comparison, "measure_plan", measure_plan)
    flags = [*flags, "--set=pretraining.clock_turns=1", "--measure"]
    assert main(flags) == 0 and main(flags) == 0
    assert timed == [("electra", 10.0), ("mlm", 10.0)]
    turns = json.loads((tmp_path / "out/clock.json").read_text("utf-8"))["turns"]
    assert len(turns) == 1 and turns[0]["mlm"]["step_secs"] == 0.25


def test_errors_say_what_to_do(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, "--methods=bert", "--plan"]) == 2
    assert "--methods=bert; expected one of electra, mlm, scratch, tfidf" in (
        capsys.readouterr().err
    )
    assert main([*flags, "--set=pretraining.budgets=[watts]"]) == 2
    assert "pretraining.budgets 'watts'" in capsys.readouterr().err
