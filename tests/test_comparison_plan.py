"""python -m pytest tests/test_comparison_plan.py"""

from __future__ import annotations

from pathlib import Path

from comparison_fixtures import write_comparison

from electra_keras.experiments.compare_config import load_comparison
from electra_keras.experiments.comparison import Comparison
from electra_keras.experiments.comparison_plan import describe_plan


def test_a_plan_says_what_there_is_to_do(
    data_folder: Path, tiny_config, tmp_path: Path
) -> None:
    path = write_comparison(tmp_path, data_folder, tiny_config)
    budgets = "pretraining.budgets=[flops, clock]"
    comparison = Comparison(load_comparison(path, [budgets]), tmp_path / "out")
    jobs = comparison.jobs()
    lines = describe_plan(comparison, jobs)
    assert lines == [
        "pre-trainings: steps, FLOPs and time of each, steps done by seed",
        "  electra-flops (flops): 8 steps, 1.71e+08 FLOPs; 1: 0",
        "  mlm-flops (flops): 12 steps, 1.88e+08 FLOPs; 1: 0",
        "  clock: not measured yet, see --measure",
        "fine-tunings: done of all, FLOPs of those left",
        "  electra-flops, letters 16: 0 of 1, 3.24e+07 FLOPs",
        "  mlm-flops, letters 16: 0 of 1, 3.24e+07 FLOPs",
        "  scratch, letters 16: 0 of 1, 3.24e+07 FLOPs",
        "  tfidf, letters 16: 0 of 1, 0 FLOPs",
        "  electra-flops at 50%, letters 16: 0 of 1, 3.24e+07 FLOPs",
        "  mlm-flops at 50%, letters 16: 0 of 1, 3.24e+07 FLOPs",
        "8 of 8 jobs left, 5.21e+08 FLOPs",
    ]
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    secs = {"electra": 0.3, "mlm": 0.2}
    comparison.clock.measure(lambda plan: secs[plan.config.train.objective])
    # 12 steps by either budget: one run serves both.
    lines = describe_plan(comparison, comparison.jobs())
    assert lines[2] == (
        "  mlm-flops (flops, clock): 12 steps, 1.88e+08 FLOPs, 2 s; 1: 0"
    )
