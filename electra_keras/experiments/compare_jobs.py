"""What a comparison has to do, in an order that leaves it balanced when it stops.

Reads `CompareConfig` and the runs of `budgets.py`; `comparison.py` does it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from electra_keras.experiments.baselines import find_baseline
from electra_keras.experiments.budgets import MethodBudget, PretrainingRun
from electra_keras.experiments.compare_config import (
    SCRATCH,
    CompareConfig,
    ComparedTaskConfig,
)
from electra_keras.experiments.fingerprints import hash_course, hash_values
from electra_keras.finetuning.task_config import TaskConfig


@dataclasses.dataclass(frozen=True)
class Job:
    """One thing to do: a pre-training, or a fine-tuning whose result is a line.

    Attributes:
        round: First seeds of everything come in round 0, and so on.
        row: Name of the line in tables: a run without its seed, "scratch", or a
            baseline.
        run: The pre-training; None: from scratch, or a baseline.
        share: Of its steps that were done.
        task: Name; None: the job is the pre-training itself.
        train_size: Training rows; None: all.
        seed: Of the fine-tuning.
        settings: Hash of what decides the result.
        is_on_curve: Its result is a point of the curve.
    """

    round: int
    row: str
    run: PretrainingRun | None
    share: float = 1.0
    task: str | None = None
    train_size: int | None = None
    seed: int = 0
    settings: str = ""
    is_on_curve: bool = False

    @property
    def is_baseline(self) -> bool:
        """Whether no network is tuned."""
        return self.run is None and self.row != SCRATCH

    @property
    def identity(self) -> dict[str, Any]:
        """What tells its line in `results.jsonl` from others."""
        run = self.run
        return {
            "row": self.row,
            "pretraining_seed": None if run is None else run.seed,
            "pretraining_step": None if run is None else run.step_at(self.share),
            "task": self.task,
            "train_size": self.train_size,
            "seed": self.seed,
            "settings": self.settings,
        }

    @property
    def key(self) -> str:
        """Its identity as text."""
        return make_key(self.identity)

    def __str__(self) -> str:
        """For progress lines."""
        run = self.row if self.run is None else self.run.name
        if self.task is None:
            return f"pre-training {run}"
        at = "" if self.share == 1 else f" at {self.share:.0%}"
        rows = "all" if self.train_size is None else f"{self.train_size:,}"
        return f"{run}{at}, {self.task} {rows} rows, seed {self.seed}"


def make_key(result: Mapping[str, Any]) -> str:
    """Gives the identity of a line, or of a job, as text."""
    names = ("row", "pretraining_seed", "pretraining_step")
    return hash_values(
        [result[name] for name in (*names, "task", "train_size", "seed", "settings")]
    )


def name_row(spent: MethodBudget) -> str:
    """Names a method under a budget."""
    return f"{spent.method.name}-{spent.budgets[0]}"


def list_jobs(
    config: CompareConfig,
    budgets: Sequence[MethodBudget],
    tasks: Mapping[str, TaskConfig],
    hashes: Mapping[str, str],
) -> list[Job]:
    """Lists all jobs in their order.

    A round has one more seed of everything; within it pre-trainings come first,
    then fine-tunings of whole runs, small sizes first, then those of the curve.

    Args:
        config: Of the comparison.
        budgets: From `find_budgets`.
        tasks: Settings of the tasks by name.
        hashes: Of them.
    """
    jobs = []
    for spent in budgets:
        for number, run in enumerate(spent.runs()):
            jobs.append(Job(number, name_row(spent), run))
            for task in config.tasks:
                settings = hash_values([hashes[task.name], hash_course(run.config)])
                jobs += _tune(config, task, settings, number, run, name_row(spent))
    for task in config.tasks:
        settings = hashes[task.name]
        if any(not method.is_pretrained for method in config.methods):
            jobs += _tune(config, task, settings, 0, None, SCRATCH)
        baseline = find_baseline(tasks[task.name])
        if baseline is not None:
            jobs += _tune(config, task, settings, 0, None, baseline)
    places = {task.name: place for place, task in enumerate(config.tasks)}
    return sorted(
        jobs,
        key=lambda job: (
            job.round,
            job.task is not None,
            job.share != 1,
            job.train_size is None,
            job.train_size or 0,
            places.get(job.task or "", 0),
            job.seed,
            job.share,
        ),
    )


def _tune(
    config: CompareConfig,
    task: ComparedTaskConfig,
    settings: str,
    number: int,
    run: PretrainingRun | None,
    row: str,
) -> list[Job]:
    """Fine-tunings of a task, of the whole run and of the curve."""
    curve = config.curve
    jobs = []
    for size in task.train_sizes:
        for place, seed in enumerate(task.seeds):
            if run is None and row != SCRATCH and size is None and place:
                continue  # Nothing is drawn: the same once more.
            is_on_curve = (
                task.name in curve.tasks
                and size in curve.train_sizes
                and number < curve.pretraining_seeds
                and place < curve.finetuning_seeds
            )
            is_on_way = is_on_curve and run is not None
            shares = {*curve.shares, 1.0} if is_on_way else {1.0}
            jobs += [
                Job(
                    max(number, place),
                    row,
                    run,
                    share,
                    task.name,
                    size,
                    seed,
                    settings,
                    is_on_curve,
                )
                for share in sorted(shares)
            ]
    return jobs
