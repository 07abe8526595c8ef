"""What jobs cost, and when those that are left will be done.

Counts as `planning/flops.py` does; feeds `comparison.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from electra_keras.experiments.compare_jobs import Job
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.planning.flops import RowSizes, count_forward_flops
from electra_keras.planning.plan import Plan


def count_job_flops(
    job: Job, plan: Plan, task: TaskConfig | None, all_rows: int
) -> float:
    """Estimates the operations of a job.

    Args:
        job: The job; baselines cost nothing here.
        plan: Of the reference, for the network that is tuned.
        task: Of a fine-tuning.
        all_rows: Training rows of the task.

    Returns: Of a fine-tuning an upper bound: rows are taken to be full, and
        evaluations are left out.
    """
    if job.task is None:
        return 0.0 if job.run is None else float(job.run.spent.plan.train_flops)
    if job.is_baseline or task is None or task.training.epochs is None:
        return 0.0
    (network,) = (n for n in plan.networks if n.name == "discriminator")
    tokens = task.encoding.sequence_length or plan.row.sequence_length
    tokens = min(tokens, plan.row.sequence_length)
    row = RowSizes("none", tokens, 0, plan.row.vocabulary_size)
    rows = job.train_size or all_rows
    return 2.0 * rows * task.training.epochs * count_forward_flops(network, row)


class Progress:
    """Tells how far a list of jobs is.

    Args:
        jobs: What is to be done, each with its operations.
        clock: Seconds.
    """

    def __init__(
        self, jobs: Sequence[tuple[Job, float]], clock: Callable[[], float]
    ) -> None:
        self._flops = {job.key: flops for job, flops in jobs}
        self._is_pretraining = {job.key: job.task is None for job, _ in jobs}
        self._clock = clock
        self._done: dict[str, float] = {}
        self._started = 0.0

    def start(self, job: Job) -> str:
        """Begins a job; returns a line on it."""
        self._started = self._clock()
        return f"[{len(self._done) + 1} of {len(self._flops)}] {job}"

    def end(self, job: Job, told: Sequence[str]) -> str:
        """Ends a job; returns a line on it and on what is left."""
        self._done[job.key] = secs = self._clock() - self._started
        number = f"[{len(self._done)} of {len(self._flops)}]"
        what = ", ".join([str(job), *told, f"{secs:,.0f} s"])
        return f"{number} {what}; about {format_secs(self.left_secs())} left"

    def left_secs(self) -> float:
        """Seconds of what is left, at the speed of each stage so far."""
        total = 0.0
        for is_pretraining in (True, False):
            left = sum(
                flops
                for key, flops in self._flops.items()
                if key not in self._done and self._is_pretraining[key] == is_pretraining
            )
            total += left * self._secs_per_flop(is_pretraining)
        return total

    def _secs_per_flop(self, is_pretraining: bool) -> float:
        """Of a stage; where none of its jobs is done, of the other one."""
        alike = [k for k in self._done if self._is_pretraining[k] == is_pretraining]
        keys = [key for key in alike if self._flops[key]] or list(self._done)
        flops = sum(self._flops[key] for key in keys)
        return sum(self._done[key] for key in keys) / flops if flops else 0.0


def format_secs(secs: float) -> str:
    """Seconds for people: 45 s, 12 min, 3.4 h."""
    if secs < 100:
        return f"{secs:.0f} s"
    return f"{secs / 60:.0f} min" if secs < 6_000 else f"{secs / 3_600:.1f} h"
