"""Units of work in, one row of counts per unit out: resumable, on any runner.

Used by the drivers. A unit (a range of a file, a shard) is worked on by a task,
which writes its files whole and returns a row; the row is then written beside
them. Rows on disk are the truth: a unit whose row and files are in order is
never done twice, and one without a row at the end was lost.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import apache_beam as beam

from beam_pipelines import storage
from beam_pipelines.runners import Runner
from electra_keras.errors import ElectraError

Row = dict[str, Any]
ROWS_FOLDER = "rows"


class Task(Protocol):
    """What is done to a unit; picklable, a frozen dataclass of small fields."""

    def run(self, payload: Any) -> Row:
        """Works on one unit.

        Returns:
            Counts and whatever else the driver needs, as JSON can hold it.
            "files": [[path below the folder, bytes, sha256], ...] that it
            wrote. "text_bytes": for the progress bar.
        """


@dataclasses.dataclass(frozen=True)
class Unit:
    """A piece of work.

    Attributes:
        name: Unique in its job, fit for a file name.
        payload: What the task gets.
    """

    name: str
    payload: Any


class RowStore:
    """The rows of one job.

    Args:
        folder: Where the outputs are made.
        job: Its name.
    """

    def __init__(self, folder: str, job: str) -> None:
        self._folder = folder
        self._rows = storage.join(folder, "work", ROWS_FOLDER, job)

    def prepare(self) -> None:
        """Makes the folder of the rows."""
        storage.make_folder(self._rows)

    def save(self, name: str, row: Row) -> None:
        """Writes the row of a unit; the unit is done then."""
        storage.write_json(storage.join(self._rows, f"{name}.json"), row)

    def load(self, names: Sequence[str]) -> dict[str, Row]:
        """Reads the rows that are there."""
        wanted = set(names)
        rows = {}
        for path in storage.list_files(self._rows):
            name, suffix = os.path.splitext(os.path.basename(path))
            if suffix == ".json" and name in wanted:
                with contextlib.suppress(ValueError):  # Damaged: not done.
                    rows[name] = storage.read_json(path)
        return rows

    def load_finished(self, names: Sequence[str]) -> dict[str, Row]:
        """Reads the rows whose files are all there, unchanged."""
        rows = self.load(names)
        return {name: row for name, row in rows.items() if self._is_whole(row)}

    def done_bytes(self) -> int:
        """Bytes of text of the units done, for a progress bar."""
        rows = (path for path in storage.list_files(self._rows))
        return sum(
            storage.read_json(path).get("text_bytes", 0)
            for path in rows
            if path.endswith(".json")
        )

    def _is_whole(self, row: Row) -> bool:
        for name, size_bytes, sha256 in row.get("files", []):
            path = storage.join(self._folder, name)
            if not storage.exists(path):
                return False
            if storage.hash_file(path) != (size_bytes, sha256):
                return False
        return True


class _RunUnitFn(beam.DoFn):
    """Unit -> its name, after its row is on disk."""

    def __init__(self, task: Task, rows: RowStore) -> None:
        self._task = task
        self._rows = rows

    def process(self, element: Unit) -> Iterator[str]:
        self._rows.save(element.name, self._task.run(element.payload))
        yield element.name


class RunUnits(beam.PTransform):
    """Unit -> its name, after its row is on disk."""

    def __init__(self, task: Task, rows: RowStore) -> None:
        super().__init__()
        self._task = task
        self._rows = rows

    def expand(self, units: beam.PCollection) -> beam.PCollection:
        """Adds the step to a pipeline."""
        run = beam.ParDo(_RunUnitFn(self._task, self._rows))
        return units | run.with_output_types(str)


def run_units(
    job: str,
    units: Sequence[Unit],
    task: Task,
    *,
    folder: str,
    runner: Runner,
    total_bytes: int = 0,
) -> dict[str, Row]:
    """Does the units that are not done yet.

    Args:
        job: Names the rows and the progress bar.
        units: All of them.
        task: What is done to each.
        folder: Where the outputs are made.
        runner: Runs the pipeline.
        total_bytes: Expected bytes of text, for the progress bar.

    Returns:
        Row by name of unit, in the order of the units.

    Raises:
        ElectraError: A step failed, or the runner lost a unit.
    """
    store = RowStore(folder, job)
    store.prepare()
    names = [unit.name for unit in units]
    rows = store.load_finished(names)
    missing = [unit for unit in units if unit.name not in rows]
    if missing:
        pipeline = runner.pipeline()
        _ = (
            pipeline
            | "CreateUnits" >> beam.Create(missing)
            | "RunUnits" >> RunUnits(task, store)
        )
        runner.run(pipeline, {job: total_bytes}, {job: store.done_bytes})
        rows |= store.load([unit.name for unit in missing])
    return {name: _found(rows, name, job) for name in names}


def _found(rows: dict[str, Row], name: str, job: str) -> Row:
    if name not in rows:
        raise ElectraError(
            f"unit {name} of job {job!r} has no row at the end of the run",
            expected="a row for every unit",
            fix="The runner lost it; run again.",
        )
    return rows[name]
