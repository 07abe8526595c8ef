"""python -m pytest tests/test_trials.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from comparison_fixtures import list_planned_jobs, plan_comparison

from electra_keras.data.info import load_info, load_vocabulary
from electra_keras.experiments import trials
from electra_keras.experiments.compare_jobs import Job
from electra_keras.experiments.result_lines import ResultLines
from electra_keras.experiments.trials import TrialRunner, make_untrained
from electra_keras.finetuning.trial import TrialResult


class Pools:
    """Stands for labelled files."""

    class _Pool:
        config = "config"

        class kind:
            score = "accuracy"

    def pool(self, task: str):
        return self._Pool

    def data(self, task: str, size: int | None, seed: int):
        return (task, size, seed)


@pytest.fixture
def jobs(data_folder: Path, tiny_config, tmp_path: Path) -> dict[str, Job]:
    jobs = list_planned_jobs(*plan_comparison(tmp_path, data_folder, tiny_config))
    return {str(job): job for job in jobs}


def test_a_trial_is_of_the_checkpoint_the_rows_and_the_seed(
    jobs: dict[str, Job], run_folder: Path, tmp_path: Path, monkeypatch
) -> None:
    asked = []

    class Trial:
        def __init__(
            self, config, data, source, *, seed, folder, from_scratch, with_report
        ):
            asked.append((config, data, source, seed, from_scratch))
            assert with_report is False
            folder.mkdir(parents=True)

        def run(self) -> TrialResult:
            return TrialResult(1, 40, {"test": {"task_score": 0.7}}, 1.0)

    monkeypatch.setattr(trials, "Trial", Trial)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "electra-flops-2").symlink_to(run_folder)
    runner = TrialRunner(tmp_path, tmp_path / "runs", Pools(), "untrained")
    job = jobs["electra-flops-2, chat 10 rows, seed 1"]
    # The run of the fixture has other checkpoints.
    spent = dataclasses.replace(job.run.spent, plan=_with_steps(job.run.spent.plan, 9))
    job = dataclasses.replace(job, run=dataclasses.replace(job.run, spent=spent))
    assert runner.run(job) == 0.7
    config, data, source, seed, from_scratch = asked[0]
    assert (config, data, seed) == ("config", ("chat", 10, 1), 1)
    assert source.run.checkpoint.step == 9 and from_scratch is False
    assert runner.run(jobs["scratch, chat all rows, seed 0"]) == 0.7
    assert asked[1][1:] == (("chat", None, 0), "untrained", 0, True)
    first, second = ResultLines(tmp_path).read()
    assert first == {
        **job.identity,
        "score": "accuracy",
        "best_step": 40,
        "figures": {"test": {"task_score": 0.7}},
    }
    assert (second["row"], second["pretraining_seed"]) == ("scratch", None)
    assert list((tmp_path / "unfinished").iterdir()) == []
    with pytest.raises(ValueError, match="is no fine-tuning"):
        runner.run(jobs["pre-training mlm-flops-1"])


def _with_steps(plan, steps: int):
    train = dataclasses.replace(plan.config.train, train_steps=steps)
    config = dataclasses.replace(plan.config, train=train)
    return dataclasses.replace(plan, config=config)


def test_untrained_has_the_sizes_of_the_reference(
    data_folder: Path, tiny_config
) -> None:
    info = load_info(data_folder)
    found = make_untrained(tiny_config, info, load_vocabulary(data_folder, info))
    assert (found.model.hidden_dim, found.sequence_length) == (32, 16)
    assert found.networks == {} and len(found.vocabulary) == 40
