"""python -m pytest tests/test_run_rows.py"""

from __future__ import annotations

from pathlib import Path

from comparison_fixtures import list_planned_jobs, plan_comparison

from electra_keras.experiments.run_rows import read_runs


def test_runs_that_are_not_there_have_no_steps(
    data_folder: Path, tiny_config, run_folder: Path, tmp_path: Path
) -> None:
    jobs = list_planned_jobs(*plan_comparison(tmp_path, data_folder, tiny_config))
    (tmp_path / "runs").mkdir()
    # A run of 9 steps where one of 8 was to be.
    (tmp_path / "runs" / "electra-flops-2").symlink_to(run_folder)
    rows = read_runs(tmp_path, jobs)
    assert list(rows) == ["electra-flops", "mlm-flops"]
    electra = rows["electra-flops"]
    assert electra.steps_done == {1: 0, 2: 9} and electra.finished == 1
    assert 0 < electra.held_out["disc_auc"] < 1
    assert rows["mlm-flops"].steps_done == {1: 0}
    assert (rows["mlm-flops"].finished, rows["mlm-flops"].held_out) == (0, {})
