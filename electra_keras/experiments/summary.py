"""Lines of results to the cells of a table, and to the points of a curve.

Reads `results.jsonl` and the jobs, feeds the report and the figures. What is
missing has a cell too, which says so.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from electra_keras.experiments.compare_jobs import Job, make_key
from electra_keras.experiments.significance import (
    Difference,
    compare_scores,
    compare_with_fixed,
    deviation_of_finetunings,
    deviation_of_pretrainings,
    mean_of,
)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One row of the comparison at one task and size.

    Attributes:
        row: Method and budget, "scratch" or a baseline.
        task: Name.
        train_size: Training rows; None: all.
        share: Of the pre-training that was done.
        wanted: Fine-tunings that were to be done.
        score: Name of the figure; None: nothing is there.
        scores: On the test rows, by the seed of the pre-training.
        is_fixed: No seed changes it.
    """

    row: str
    task: str
    train_size: int | None
    share: float
    wanted: int
    score: str | None
    scores: Mapping[int | None, tuple[float, ...]]
    is_fixed: bool

    @property
    def trials(self) -> int:
        """Fine-tunings that are there."""
        return sum(map(len, self.scores.values()))

    @property
    def missing(self) -> int:
        """Fine-tunings that are not."""
        return self.wanted - self.trials

    @property
    def mean(self) -> float | None:
        """Mean of the scores, each pre-training counted once."""
        return mean_of(self.scores) if self.scores else None

    @property
    def pretraining_deviation(self) -> float | None:
        """Standard deviation over pre-trainings; None: fewer than two."""
        return None if None in self.scores else deviation_of_pretrainings(self.scores)

    @property
    def finetuning_deviation(self) -> float | None:
        """Standard deviation over fine-tunings of a pre-training."""
        return deviation_of_finetunings(self.scores)

    def compare(self, reference: Cell) -> Difference | None:
        """Compares with the reference; None: it is that, or nothing is there."""
        if self.row == reference.row or not (self.scores and reference.scores):
            return None
        if self.is_fixed and self.trials == 1:
            ((score,),) = self.scores.values()
            return compare_with_fixed(score, reference.scores)
        return compare_scores(self.scores, reference.scores)


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a comparison has come to so far.

    Attributes:
        table: Cells of whole pre-trainings.
        curve: Cells on the way of them.
        reference_row: Row of the reference.
        other_lines: Lines of results that are of other settings.
    """

    table: list[Cell]
    curve: list[Cell]
    reference_row: str
    other_lines: int

    @property
    def missing(self) -> int:
        """Fine-tunings that are not there yet."""
        on_way = sum(cell.missing for cell in self.curve if cell.share != 1)
        return on_way + sum(cell.missing for cell in self.table)

    def reference_of(self, cell: Cell) -> Cell:
        """The reference at the task and size of a cell."""
        (found,) = (
            other
            for other in self.table
            if other.row == self.reference_row
            and (other.task, other.train_size) == (cell.task, cell.train_size)
        )
        return found


def summarize(
    jobs: Sequence[Job], results: Sequence[Mapping[str, Any]], reference_row: str
) -> Summary:
    """Sums up.

    Args:
        jobs: All of the comparison.
        results: Lines of `results.jsonl`.
        reference_row: Row of the reference.
    """
    known = {make_key(result): result for result in results}
    tuned = [job for job in jobs if job.task is not None]
    wanted = {job.key for job in tuned}
    return Summary(
        _make_cells([job for job in tuned if job.share == 1], known),
        _make_cells([job for job in tuned if job.is_on_curve], known),
        reference_row,
        sum(key not in wanted for key in known),
    )


def _make_cells(
    jobs: Sequence[Job], known: Mapping[str, Mapping[str, Any]]
) -> list[Cell]:
    grouped: dict[tuple[Any, ...], list[Job]] = {}
    for job in jobs:
        key = (job.task, job.train_size, job.row, job.share)
        grouped.setdefault(key, []).append(job)
    cells = []
    for (task, size, row, share), members in grouped.items():
        scores: dict[int | None, tuple[float, ...]] = {}
        name = None
        for job in members:
            result = known.get(job.key)
            if result is not None:
                seed, name = result["pretraining_seed"], result["score"]
                score = result["figures"]["test"]["task_score"]
                scores[seed] = (*scores.get(seed, ()), score)
        is_fixed = members[0].is_baseline and size is None
        cells.append(Cell(row, task, size, share, len(members), name, scores, is_fixed))
    return cells


def average(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Means by name, of what all have."""
    names = [name for name in values[0] if all(name in v for v in values)]
    return {name: statistics.fmean(v[name] for v in values) for name in names}
