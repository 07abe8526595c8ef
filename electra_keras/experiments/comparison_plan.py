"""What a comparison would do, and how much of it is done.

Reads `comparison.py`; `compare.py --plan` prints it.
"""

from __future__ import annotations

from collections.abc import Sequence

from electra_keras.experiments.compare_jobs import Job
from electra_keras.experiments.comparison import Comparison
from electra_keras.experiments.progress import format_secs
from electra_keras.experiments.run_rows import read_runs


def describe_plan(comparison: Comparison, jobs: Sequence[Job]) -> list[str]:
    """Lists runs and fine-tunings, with estimated FLOPs and what is done.

    Args:
        comparison: Of the jobs.
        jobs: Those that would be done.
    """
    lines = ["pre-trainings: steps, FLOPs and time of each, steps done by seed"]
    for name, row in read_runs(comparison.folder, jobs).items():
        secs = row.spent.train_secs
        done = ", ".join(f"{s}: {step:,}" for s, step in row.steps_done.items())
        lines.append(
            f"  {name} ({', '.join(row.spent.budgets)}): {row.spent.steps:,} steps, "
            f"{row.spent.plan.train_flops:.3g} FLOPs"
            + ("" if secs is None else f", {format_secs(secs)}")
            + f"; {done}"
        )
    missing = [
        budget
        for budget in comparison.config.pretraining.budgets
        if budget not in comparison.known_budgets()
    ]
    if missing:
        lines.append(f"  {', '.join(missing)}: not measured yet, see --measure")
    lines.append("fine-tunings: done of all, FLOPs of those left")
    left = comparison.find_left(jobs)
    keys = {job.key for job in left}
    grouped: dict[str, list[Job]] = {}
    for job in jobs:
        if job.task is not None:
            size = "all" if job.train_size is None else f"{job.train_size:,}"
            at = "" if job.share == 1 else f" at {job.share:.0%}"
            grouped.setdefault(f"{job.row}{at}, {job.task} {size}", []).append(job)
    for name, members in grouped.items():
        missing_jobs = [job for job in members if job.key in keys]
        flops = sum(comparison.count_flops(job) for job in missing_jobs)
        done_count = len(members) - len(missing_jobs)
        lines.append(f"  {name}: {done_count} of {len(members)}, {flops:.3g} FLOPs")
    total = sum(comparison.count_flops(job) for job in left)
    lines.append(f"{len(left):,} of {len(jobs):,} jobs left, {total:.3g} FLOPs")
    return lines
