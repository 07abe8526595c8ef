"""python -m pytest tests/test_summary.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from comparison_fixtures import answer, list_planned_jobs, plan_comparison

from electra_keras.experiments.compare_jobs import Job
from electra_keras.experiments.significance import FINETUNINGS, PRETRAININGS
from electra_keras.experiments.summary import average, summarize

SCORES = {"electra-flops": 0.7, "mlm-flops": 0.6, "scratch": 0.55, "tfidf": 0.65}


@pytest.fixture(scope="module")
def jobs(data_folder: Path, tiny_config, tmp_path_factory) -> list[Job]:
    folder = tmp_path_factory.mktemp("planned")
    return list_planned_jobs(*plan_comparison(folder, data_folder, tiny_config))


def test_scores_become_cells(jobs: list[Job]) -> None:
    summary = summarize(jobs, answer(jobs, SCORES), "electra-flops")
    assert summary.missing == 0 and summary.other_lines == 0
    assert len(summary.table) == 4 + 3 + 4
    cells = {(c.row, c.task, c.train_size): c for c in summary.table}
    electra = cells["electra-flops", "chat", 10]
    assert electra.scores == {
        1: (pytest.approx(0.72), pytest.approx(0.73)),
        2: (pytest.approx(0.74), pytest.approx(0.75)),
    }
    assert (electra.trials, electra.missing, electra.score) == (4, 0, "accuracy")
    assert electra.mean == pytest.approx(0.735)
    assert electra.pretraining_deviation == pytest.approx(0.02 / 2**0.5)
    assert electra.finetuning_deviation == pytest.approx(0.01 / 2**0.5)
    assert electra.compare(electra) is None
    mlm = cells["mlm-flops", "chat", 10]
    assert mlm.pretraining_deviation is None
    difference = mlm.compare(summary.reference_of(mlm))
    assert difference and difference.units == FINETUNINGS
    assert difference.mean == pytest.approx(0.625 - 0.735)
    scratch = cells["scratch", "chat", 10]
    assert scratch.pretraining_deviation is None
    difference = scratch.compare(summary.reference_of(scratch))
    assert difference and difference.units == PRETRAININGS
    fixed = cells["tfidf", "chat", None]
    assert fixed.is_fixed and not cells["tfidf", "chat", 10].is_fixed
    difference = fixed.compare(summary.reference_of(fixed))
    assert difference and difference.p is not None


def test_points_of_the_curve(jobs: list[Job]) -> None:
    summary = summarize(jobs, answer(jobs, SCORES), "electra-flops")
    assert [(c.row, c.share, c.mean) for c in summary.curve] == [
        ("electra-flops", 1.0, pytest.approx(0.72)),
        ("mlm-flops", 1.0, pytest.approx(0.62)),
        ("scratch", 1.0, pytest.approx(0.55)),
        ("tfidf", 1.0, pytest.approx(0.65)),
        ("electra-flops", 0.5, pytest.approx(0.62)),
        ("mlm-flops", 0.5, pytest.approx(0.52)),
    ]


def test_what_is_missing_has_a_cell(jobs: list[Job]) -> None:
    results = answer(jobs, {"electra-flops": 0.7})
    strange = {**results[0], "settings": "other"}
    summary = summarize(jobs, [*results, strange], "electra-flops")
    cells = {(c.row, c.task, c.train_size): c for c in summary.table}
    mlm = cells["mlm-flops", "chat", 10]
    assert (mlm.mean, mlm.wanted, mlm.missing, mlm.score) == (None, 2, 2, None)
    assert mlm.compare(summary.reference_of(mlm)) is None
    # mlm 5 and 1 on its way; scratch 5; TF-IDF 3.
    assert summary.missing == 14
    assert summary.other_lines == 1


def test_means_of_what_all_have() -> None:
    assert average([{"a": 1.0, "b": 2.0}, {"a": 3.0}]) == {"a": 2.0}
