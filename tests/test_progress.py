"""python -m pytest tests/test_progress.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from comparison_fixtures import list_planned_jobs, plan_comparison

from electra_keras.experiments.compare_jobs import Job
from electra_keras.experiments.progress import Progress, count_job_flops, format_secs
from electra_keras.finetuning.task_config import (
    EncodingConfig,
    TaskConfig,
    TrainingConfig,
)


@pytest.fixture(scope="module")
def planned(data_folder: Path, tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planned")
    compared, budgets = plan_comparison(folder, data_folder, tiny_config)
    return list_planned_jobs(compared, budgets), budgets[0].plan


def test_seconds_left_follow_the_speed_of_each_stage(planned) -> None:
    jobs, _ = planned
    pretraining, other, tuning, last = jobs[0], jobs[1], jobs[2], jobs[3]
    now = [0.0]
    progress = Progress(
        [(pretraining, 1e9), (other, 2e9), (tuning, 1e6), (last, 3e6)], lambda: now[0]
    )
    assert progress.start(pretraining) == "[1 of 4] pre-training electra-flops-1"
    now[0] = 100.0
    line = progress.end(pretraining, [])
    # 200 s of the other; of fine-tunings, at the same speed, 0.4 s.
    assert line == ("[1 of 4] pre-training electra-flops-1, 100 s; about 3 min left")
    assert progress.left_secs() == pytest.approx(200.4)
    progress.start(tuning)
    now[0] = 110.0
    assert progress.end(tuning, ["score 0.5"]).startswith(
        "[2 of 4] electra-flops-1, chat 10 rows, seed 0, score 0.5, 10 s; about"
    )
    assert progress.left_secs() == pytest.approx(200 + 30)


def test_operations_of_jobs(planned) -> None:
    jobs, plan = planned
    by_name: dict[str, Job] = {str(job): job for job in jobs}
    task = TaskConfig(training=TrainingConfig(epochs=2.0))
    pretraining = by_name["pre-training electra-flops-1"]
    assert count_job_flops(pretraining, plan, None, 0) == plan.train_flops
    ten = count_job_flops(by_name["scratch, chat 10 rows, seed 0"], plan, task, 500)
    every = count_job_flops(by_name["scratch, chat all rows, seed 0"], plan, task, 500)
    assert every == 50 * ten > 0
    short = TaskConfig(
        encoding=EncodingConfig(sequence_length=8), training=task.training
    )
    job = by_name["scratch, chat 10 rows, seed 0"]
    assert 0.4 * ten < count_job_flops(job, plan, short, 500) < 0.5 * ten
    assert count_job_flops(by_name["tfidf, chat 10 rows, seed 0"], plan, task, 9) == 0


def test_seconds_for_people() -> None:
    found = [format_secs(secs) for secs in (0, 99, 100, 5999, 6000)]
    assert found == ["0 s", "99 s", "2 min", "100 min", "1.7 h"]
