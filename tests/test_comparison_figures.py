"""python -m pytest tests/test_comparison_figures.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from comparison_fixtures import answer, list_planned_jobs, plan_comparison

from electra_keras.experiments.comparison_figures import deviation_of, draw_figures
from electra_keras.experiments.run_rows import RunRow
from electra_keras.experiments.summary import summarize

SCORES = {"electra-flops": 0.7, "mlm-flops": 0.6, "scratch": 0.55, "tfidf": 0.65}


@pytest.fixture(scope="module")
def planned(data_folder: Path, tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planned")
    compared, budgets = plan_comparison(folder, data_folder, tiny_config)
    return list_planned_jobs(compared, budgets), budgets


def test_bands_are_of_pretrainings_where_there_are_two(planned) -> None:
    jobs, _ = planned
    summary = summarize(jobs, answer(jobs, SCORES), "electra-flops")
    electra, mlm, *_ = summary.table
    assert deviation_of(electra) == pytest.approx(0.02 / 2**0.5)
    assert deviation_of(mlm) == pytest.approx(0.01 / 2**0.5)
    assert deviation_of(summary.curve[0]) == 0.0


def test_a_panel_for_time_where_it_was_measured(planned, tmp_path: Path) -> None:
    from matplotlib import image

    jobs, budgets = planned
    summary = summarize(jobs, answer(jobs, SCORES), "electra-flops")
    rows = {f"{b.method.name}-flops": RunRow(b, {1: 8}, {}) for b in budgets}
    assert draw_figures(tmp_path, rows, summary) == ["curve-chat-10.png"]
    one = image.imread(tmp_path / "curve-chat-10.png")
    timed = {
        name: dataclasses.replace(
            row, spent=dataclasses.replace(row.spent, step_secs=0.5)
        )
        for name, row in rows.items()
    }
    draw_figures(tmp_path, timed, summary)
    two = image.imread(tmp_path / "curve-chat-10.png")
    assert two.shape[1] == 2 * one.shape[1] and two.shape[0] == one.shape[0]


def test_scores_over_sizes_where_there_are_several(planned, tmp_path: Path) -> None:
    jobs, _ = planned
    jobs = [
        dataclasses.replace(job, train_size=20) if job.train_size is None else job
        for job in jobs
        if job.task == "chat" and job.share == 1
    ]
    summary = summarize(jobs, answer(jobs, SCORES), "electra-flops")
    assert draw_figures(tmp_path, {}, summary) == ["scores-chat.png"]
    assert (tmp_path / "scores-chat.png").stat().st_size > 5_000


def test_without_scores_nothing_is_drawn(planned, tmp_path: Path) -> None:
    jobs, _ = planned
    assert draw_figures(tmp_path, {}, summarize(jobs, [], "electra-flops")) == []
    assert list(tmp_path.iterdir()) == []
