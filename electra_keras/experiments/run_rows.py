"""What became of the pre-trainings, by row of the tables.

Reads run folders, feeds the report, the figures and the plan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from electra_keras.experiments.budgets import MethodBudget
from electra_keras.experiments.compare_jobs import Job, name_row
from electra_keras.experiments.pretrainings import (
    RUNS_FOLDER,
    find_step,
    read_held_out,
)
from electra_keras.experiments.summary import average


@dataclasses.dataclass(frozen=True)
class RunRow:
    """The pre-trainings of a method under a budget.

    Attributes:
        spent: Method, plan and budgets.
        steps_done: By seed.
        held_out: Last held-out metrics, means over finished runs.
    """

    spent: MethodBudget
    steps_done: dict[int, int]
    held_out: dict[str, float]

    @property
    def finished(self) -> int:
        """Runs that are at their end."""
        return sum(step >= self.spent.steps for step in self.steps_done.values())


def read_runs(folder: Path, jobs: Sequence[Job]) -> dict[str, RunRow]:
    """Reads what became of the pre-trainings, by row of the tables.

    Args:
        folder: Of the comparison.
        jobs: All of the comparison.
    """
    budgets = {name_row(job.run.spent): job.run.spent for job in jobs if job.run}
    found = {}
    for name, spent in budgets.items():
        folders = {run.seed: folder / RUNS_FOLDER / run.name for run in spent.runs()}
        steps = {seed: find_step(path) for seed, path in folders.items()}
        metrics = [
            read_held_out(path)
            for seed, path in folders.items()
            if steps[seed] >= spent.steps
        ]
        held_out = average(metrics) if metrics else {}
        found[name] = RunRow(spent, steps, held_out)
    return found
