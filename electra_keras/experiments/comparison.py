"""A comparison: what is to be done, what is done, and doing the rest.

Joins the other files of this room; `compare.py` is its command. The folder:

| file            | what                                                      |
|-----------------|-----------------------------------------------------------|
| `runs/`         | a run folder a pre-training: method, budget, seed         |
| `clock.json`    | seconds of a step of each method, in turns                |
| `results.jsonl` | a line a finished fine-tuning                             |
| `unfinished/`   | the fine-tuning that is under way                         |
| `comparison.md` | tables; `comparison.json` the same, and pictures          |
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from electra_keras.data.info import load_info, load_vocabulary
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.errors import UsageError
from electra_keras.experiments.budgets import find_budgets, plan_method
from electra_keras.experiments.clock import Clock
from electra_keras.experiments.compare_config import BUDGETS, CompareConfig
from electra_keras.experiments.compare_jobs import Job, list_jobs, name_row
from electra_keras.experiments.comparison_report import write_comparison
from electra_keras.experiments.labelled_pool import (
    LabelledPools,
    count_training_rows,
    hash_task,
    load_compared_task,
)
from electra_keras.experiments.pretrainings import (
    RUNS_FOLDER,
    check_same,
    find_step,
    pretrain,
)
from electra_keras.experiments.progress import Progress, count_job_flops
from electra_keras.experiments.result_lines import ResultLines
from electra_keras.experiments.summary import Summary, summarize
from electra_keras.experiments.trials import TrialRunner, make_untrained
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.planning.throughput import measure_plan

STAGES = ("pretrain", "finetune", "report")


class Comparison:
    """A comparison and its folder.

    Args:
        config: From `load_comparison`.
        folder: To make or to go on with.

    Raises:
        UsageError: Settings, data and tasks do not go together.
    """

    def __init__(self, config: CompareConfig, folder: str | Path) -> None:
        if config.paths.data is None:
            raise ValueError("paths.data is open")
        self.config = config
        self.folder = Path(folder)
        self.data = config.paths.data
        self.info = load_info(self.data)
        self.tasks = {
            task.name: load_compared_task(task, config.paths) for task in config.tasks
        }
        self._hashes = {name: hash_task(task) for name, task in self.tasks.items()}
        # Before hours are spent: are there rows enough?
        self._rows = {
            task.name: count_training_rows(task, self.tasks[task.name])
            for task in config.tasks
        }
        self._reference = plan_method(config, config.reference, self.info, None)
        self.clock = Clock(self.folder, config, self.info)

    def measure(self) -> None:
        """Times the steps of all methods, as far as that was not done yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        secs = self.config.pretraining.clock_secs
        self.clock.measure(lambda p: measure_plan(p, least_secs=secs).step_secs)

    def jobs(self) -> list[Job]:
        """Lists all jobs in their order.

        While a budget asks for a clock that was not read yet, those of other
        budgets.

        Raises:
            UsageError: A run folder holds a run with other settings.
        """
        budgets = find_budgets(
            self.config, self.info, self.clock.step_secs(), self.known_budgets()
        )
        for spent in budgets:
            for run in spent.runs():
                check_same(run, self.folder / RUNS_FOLDER / run.name)
        return list_jobs(self.config, budgets, self.tasks, self._hashes)

    def known_budgets(self) -> tuple[str, ...]:
        """Budgets whose steps are known."""
        is_measured = self.clock.is_measured()
        return tuple(
            budget
            for budget in self.config.pretraining.budgets
            if budget != BUDGETS[1] or is_measured
        )

    def find_left(self, jobs: Sequence[Job]) -> list[Job]:
        """Finds the jobs that are not done.

        A pre-training that no fine-tuning waits for is none of them: with the lines
        of another folder a comparison goes on without its runs.

        Args:
            jobs: All of the comparison.
        """
        lines = ResultLines(self.folder).keys()
        awaited = {
            job.run.name
            for job in jobs
            if job.run is not None and job.task is not None and job.key not in lines
        }
        return [job for job in jobs if self._is_left(job, lines, awaited)]

    def _is_left(self, job: Job, lines: set[str], awaited: set[str]) -> bool:
        if job.task is not None:
            return job.key not in lines
        if job.run is None or job.run.name not in awaited:
            return False
        return find_step(self.run_folder(job)) < job.run.spent.steps

    def run_folder(self, job: Job) -> Path:
        """Folder of a job's pre-training."""
        if job.run is None:
            raise ValueError(f"{job} has no pre-training")
        return self.folder / RUNS_FOLDER / job.run.name

    def run(
        self,
        stages: Sequence[str] = STAGES,
        methods: Sequence[str] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> Summary:
        """Does what is not done yet, and writes the report.

        Args:
            stages: Some of `STAGES`.
            methods: Only what is of these methods, or baselines; None: all.
            clock: Seconds, for what is left.

        Raises:
            UsageError: A method has no such name, or as its stages.
            SystemExit: After SIGTERM, the present step saved.
            KeyboardInterrupt: After Ctrl-C; the same.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        needs_clock = self.known_budgets() != self.config.pretraining.budgets
        if needs_clock and "pretrain" in stages:
            self.measure()
        jobs = self.jobs()
        keys = {job.key for job in self.find_left(jobs)}
        chosen = [
            job
            for job in choose_jobs(jobs, methods)
            if ("finetune" if job.task else "pretrain") in stages
        ]
        self._work(chosen, keys, clock)
        summary = self.summary(jobs)
        if "report" in stages:
            write_comparison(self.folder, jobs, summary)
        return summary

    def summary(self, jobs: Sequence[Job]) -> Summary:
        """Sums up what is there."""
        spent = next(
            job.run.spent
            for job in jobs
            if job.run and job.run.spent.method == self.config.reference
        )
        return summarize(jobs, ResultLines(self.folder).read(), name_row(spent))

    def _work(
        self, chosen: Sequence[Job], keys: set[str], clock: Callable[[], float]
    ) -> None:
        runner = self._make_runner()
        for job in chosen:
            if job.task is not None and job.key not in keys:
                runner.forget(job)
        left = [job for job in chosen if job.key in keys]
        progress = Progress([(job, self.count_flops(job)) for job in left], clock)
        for job in left:
            with _told(progress, job) as told:
                if job.task is None and job.run is not None:
                    pretrain(job.run, self.data, self.run_folder(job))
                elif job.run is not None and (
                    find_step(self.run_folder(job)) < job.run.step_at(job.share)
                ):
                    told.append("left out: its pre-training has not come so far")
                else:
                    told.append(f"score {runner.run(job):.4f}")

    def _make_runner(self) -> TrialRunner:
        vocabulary = load_vocabulary(self.data, self.info)
        finder = PieceFinder(Tokenizer(vocabulary, self.info.tokenizer))
        pools = LabelledPools(self.tasks, finder, self.info.sequence_length)
        config = self._reference.config
        untrained = make_untrained(config, self.info, vocabulary)
        return TrialRunner(self.folder, self.folder / RUNS_FOLDER, pools, untrained)

    def count_flops(self, job: Job) -> float:
        """Estimates the operations of a job, counted as in the paper."""
        if job.task is None:
            return count_job_flops(job, self._reference, None, 0)
        rows = self._rows[job.task]
        return count_job_flops(job, self._reference, self.tasks[job.task], rows)


def choose_jobs(jobs: Sequence[Job], methods: Sequence[str] | None) -> list[Job]:
    """Takes the jobs of some methods or baselines.

    Raises:
        UsageError: There is none of a name.
    """
    if methods is None:
        return list(jobs)
    known = dict.fromkeys(map(_method_of, jobs))
    for method in methods:
        if method not in known:
            raise UsageError(
                f"--methods={method}",
                expected=f"one of {', '.join(known)}",
                fix="Choose one of these.",
            )
    return [job for job in jobs if _method_of(job) in methods]


def _method_of(job: Job) -> str:
    return job.row if job.run is None else job.run.spent.method.name


@contextlib.contextmanager
def _told(progress: Progress, job: Job) -> Iterator[list[str]]:
    """Prints a line when a job begins and one when it is done."""
    print(progress.start(job), flush=True)
    told: list[str] = []
    yield told
    print(progress.end(job, told), flush=True)
