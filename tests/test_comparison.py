"""python -m pytest tests/test_comparison.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from comparison_fixtures import COMPARISON, write_comparison

from electra_keras.config import ExperimentConfig
from electra_keras.errors import UsageError
from electra_keras.experiments import trials
from electra_keras.experiments.compare_config import load_comparison
from electra_keras.experiments.comparison import Comparison
from electra_keras.experiments.comparison_plan import describe_plan


@pytest.fixture(scope="module")
def make_comparison(
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path_factory: pytest.TempPathFactory,
):
    files = tmp_path_factory.mktemp("files")
    path = write_comparison(files, data_folder, tiny_config)
    return lambda folder, *settings: Comparison(load_comparison(path, settings), folder)


@pytest.fixture(scope="module")
def whole(make_comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "out"
    summary = make_comparison(folder).run()
    assert summary.missing == 0
    return folder


class Killed(Exception):
    pass


def test_a_comparison_that_was_killed_comes_to_the_same(
    make_comparison, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    shutil.copytree(whole / "runs", output / "runs")
    calls = []
    run = trials.Trial.run

    def run_and_die(self):
        calls.append(self.folder)
        if len(calls) == 1:
            raise Killed  # Before it began.
        result = run(self)
        if len(calls) == 2:
            raise Killed  # After its end, before its line.
        return result

    monkeypatch.setattr(trials.Trial, "run", run_and_die)
    for _ in range(2):
        with pytest.raises(Killed):
            make_comparison(output).run(methods=["electra", "tfidf"])
    assert calls[0] == calls[1] and calls[1].is_dir()
    with (output / "results.jsonl").open("a") as file:
        file.write('{"row": "mlm-fl')  # Torn.
    make_comparison(output).run(methods=["electra", "tfidf"])
    assert len(calls) == 4 and calls[2] == calls[1]
    lines = (whole / "results.jsonl").read_text("utf-8").splitlines()
    assert (output / "results.jsonl").read_text("utf-8").splitlines() == [
        line for line in lines if '"row": "electra' in line or '"tfidf"' in line
    ]
    assert not list((output / "unfinished").iterdir())


def test_all_that_was_asked_for_is_there(whole: Path) -> None:
    lines = [json.loads(line) for line in (whole / "results.jsonl").open()]
    assert [(line["row"], line["pretraining_step"]) for line in lines] == [
        ("electra-flops", 8),
        ("mlm-flops", 12),
        ("scratch", None),
        ("tfidf", None),
        ("electra-flops", 4),
        ("mlm-flops", 6),
    ]
    assert {line["score"] for line in lines} == {"accuracy"}
    assert {(line["task"], line["train_size"], line["seed"]) for line in lines} == {
        ("letters", 16, 0)
    }
    names = sorted(path.name for path in (whole / "runs").iterdir())
    assert names == ["electra-flops-1", "mlm-flops-1"]
    report = (whole / "comparison.md").read_text("utf-8")
    assert "4 of 4 fine-tunings of whole pre-trainings are done." in report
    assert "![curve-letters-16.png](curve-letters-16.png)" in report
    assert (whole / "curve-letters-16.png").stat().st_size > 5_000
    values = json.loads((whole / "comparison.json").read_text("utf-8"))
    runs = values["pretrainings"]
    assert {name: run["steps_done"] for name, run in runs.items()} == {
        "electra-flops": {"1": 8},
        "mlm-flops": {"1": 12},
    }
    assert runs["mlm-flops"]["held_out"]["masked_lm_loss"] > 0


def test_what_is_done_is_not_done_again(
    make_comparison, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials.Trial, "run", None)
    comparison = make_comparison(whole)
    before = (whole / "results.jsonl").read_bytes()
    assert comparison.run().missing == 0
    assert (whole / "results.jsonl").read_bytes() == before
    plan = describe_plan(comparison, comparison.jobs())
    assert plan[-1] == "0 of 8 jobs left, 0 FLOPs"
    assert "  mlm-flops at 50%, letters 16: 1 of 1, 0 FLOPs" in plan
    # A run with other settings is never taken for this one.
    settings = "[train.train_steps=8, train.log_every_steps=2, train.learning_rate=1.0]"
    other = make_comparison(whole, f"pretraining.settings={settings}")
    with pytest.raises(UsageError, match=r"train\.learning_rate was 0\.003 and is now"):
        other.run(["report"])


def test_lines_of_another_folder_spare_the_pre_trainings(
    make_comparison, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    lines = (whole / "results.jsonl").read_text("utf-8").splitlines(keepends=True)
    left = next(line for line in lines if '"row": "mlm' in line)
    kept = "".join(line for line in lines if line != left)
    (output / "results.jsonl").write_text(kept, "utf-8")
    make_comparison(output).run()
    name = f"mlm-flops-{json.loads(left)['pretraining_seed']}"
    assert [path.name for path in (output / "runs").iterdir()] == [name]
    done = (output / "results.jsonl").read_text("utf-8").splitlines(keepends=True)
    assert sorted(done) == sorted(lines)


def test_one_stage_of_some_methods(make_comparison, tmp_path: Path) -> None:
    comparison = make_comparison(tmp_path / "out")
    with pytest.raises(UsageError, match="--methods=bert; expected one of electra, ml"):
        comparison.run(methods=["bert"])
    summary = comparison.run(["finetune"], ["mlm", "tfidf"])
    assert summary.missing == 5  # The pre-training of mlm is not there.
    assert not (tmp_path / "out/comparison.md").exists()
    comparison.run(["report"])
    report = (tmp_path / "out/comparison.md").read_text("utf-8")
    assert "| electra-flops | missing |" in report
    assert "1 of 4 fine-tunings of whole pre-trainings are done; 5" in report


def test_too_few_rows_are_told_before_anything_is_done(
    make_comparison, data_folder: Path, tiny_config, tmp_path: Path
) -> None:
    text = COMPARISON.replace("[16]\n", "[16, 400]\n")
    path = write_comparison(tmp_path, data_folder, tiny_config, text)
    with pytest.raises(UsageError, match="400 training rows of 3"):
        Comparison(load_comparison(path), tmp_path / "out")
    assert not (tmp_path / "out").exists()
