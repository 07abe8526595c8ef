"""python -m pytest tests/test_compare_jobs.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from comparison_fixtures import list_planned_jobs, plan_comparison

from electra_keras.experiments.compare_jobs import Job, list_jobs, make_key
from electra_keras.finetuning.task_config import TaskConfig


@pytest.fixture(scope="module")
def planned(data_folder: Path, tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planned")
    return plan_comparison(folder, data_folder, tiny_config)


@pytest.fixture(scope="module")
def jobs(planned) -> list[Job]:
    return list_planned_jobs(*planned)


def test_first_one_seed_of_everything_small_sizes_first(jobs: list[Job]) -> None:
    assert [str(job) for job in jobs if job.round == 0] == [
        "pre-training electra-flops-1",
        "pre-training mlm-flops-1",
        "electra-flops-1, chat 10 rows, seed 0",
        "mlm-flops-1, chat 10 rows, seed 0",
        "scratch, chat 10 rows, seed 0",
        "tfidf, chat 10 rows, seed 0",
        "electra-flops-1, pairs 10 rows, seed 0",
        "mlm-flops-1, pairs 10 rows, seed 0",
        "scratch, pairs 10 rows, seed 0",
        "electra-flops-1, chat all rows, seed 0",
        "mlm-flops-1, chat all rows, seed 0",
        "scratch, chat all rows, seed 0",
        "tfidf, chat all rows, seed 0",
        "electra-flops-1 at 50%, chat 10 rows, seed 0",
        "mlm-flops-1 at 50%, chat 10 rows, seed 0",
    ]


def test_then_one_more_seed_of_everything(jobs: list[Job]) -> None:
    assert [str(job) for job in jobs if job.round == 1][:6] == [
        "pre-training electra-flops-2",
        "electra-flops-2, chat 10 rows, seed 0",
        "electra-flops-1, chat 10 rows, seed 1",
        "electra-flops-2, chat 10 rows, seed 1",
        "mlm-flops-1, chat 10 rows, seed 1",
        "scratch, chat 10 rows, seed 1",
    ]
    # A baseline that learns from all rows has no second seed.
    fixed = [job for job in jobs if job.row == "tfidf" and job.train_size is None]
    assert [job.seed for job in fixed] == [0]


def test_points_of_the_curve_are_of_the_first_seeds(jobs: list[Job]) -> None:
    points = [str(job) for job in jobs if job.is_on_curve]
    assert points == [
        "electra-flops-1, chat 10 rows, seed 0",
        "mlm-flops-1, chat 10 rows, seed 0",
        "scratch, chat 10 rows, seed 0",
        "tfidf, chat 10 rows, seed 0",
        "electra-flops-1 at 50%, chat 10 rows, seed 0",
        "mlm-flops-1 at 50%, chat 10 rows, seed 0",
    ]


def test_keys_tell_results_apart(planned, jobs: list[Job]) -> None:
    keys = {job.key for job in jobs}
    assert len(keys) == len(jobs)
    tuned = [job for job in jobs if job.task == "pairs"]
    assert tuned[0].identity["pretraining_step"] == 8
    assert make_key({**tuned[0].identity, "figures": {}}) == tuned[0].key
    compared, budgets = planned
    tasks = {"chat": TaskConfig(), "pairs": TaskConfig()}
    others = list_jobs(compared, budgets, tasks, {"chat": "c1", "pairs": "p0"})
    assert {job.task for job in others if job.key not in keys} == {"chat", "pairs"}
    # Pairs have a baseline now; what there was keeps its key.
    assert {
        job.row for job in others if job.task == "pairs" and job.key not in keys
    } == {"tfidf"}
