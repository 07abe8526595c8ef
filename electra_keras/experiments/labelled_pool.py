"""The labelled files of a comparison: rows to learn from, to choose by, to report.

Reads files as a fine-tuning does, feeds `trials.py` and `baselines.py`. The
validation file of a task is the test of the comparison: it is measured once a
trial. Epochs are chosen by rows that are held out of the training file, the same
for all sizes and methods. Labels are learned from all of its other rows, so that
they have the same ids whatever the size.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from electra_keras.errors import UsageError
from electra_keras.experiments.compare_config import ComparedTaskConfig, PathsConfig
from electra_keras.experiments.fingerprints import hash_values
from electra_keras.experiments.subsets import draw_subset
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.set_aside import LabelledFile, check_share
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.task_data import (
    SPLITS,
    Split,
    TaskData,
    hash_files,
    read_task_files,
)
from electra_keras.finetuning.task_loading import load_task, settle_sequence_length
from electra_keras.finetuning.tasks.registry import find_kind
from electra_keras.finetuning.tasks.task_kind import TaskKind

_KEPT_SUBSETS = 2


def load_compared_task(task: ComparedTaskConfig, paths: PathsConfig) -> TaskConfig:
    """Reads a task and gives its files their parts in a comparison.

    Raises:
        UsageError: As `load_task`, or nothing is there to report on.
    """
    config = load_task(task.task, task.settings)
    files = config.files
    if files.validation is None and not files.test_rate:
        raise UsageError(
            f"task {task.name} without files.validation and files.test_rate",
            expected="rows to report on",
            fix="Name a validation file, or set files.test_rate.",
        )
    files = dataclasses.replace(
        files,
        train=_relocate(files.train, paths.labelled),
        validation=None,
        validation_rate=task.validation_rate,
        test=_relocate(files.validation, paths.labelled),
    )
    return dataclasses.replace(config, files=files)


def _relocate(path: str | None, folder: str | None) -> str | None:
    return (
        path if path is None or folder is None else str(Path(folder, Path(path).name))
    )


def hash_task(config: TaskConfig) -> str:
    """Hashes all that decides what a trial of a task comes to but its seed."""
    values = dataclasses.asdict(config)
    for name in SPLITS:
        del values["files"][name]
    del values["training"]["seed"], values["training"]["trials"]
    paths = {name: getattr(config.files, name) for name in SPLITS}
    for path in paths.values():
        if path is not None and not Path(path).is_file():
            raise UsageError(
                f"no labelled file at {path}",
                expected="a file of examples",
                fix="Give --set paths.labelled=FOLDER, or check the task's files.",
            )
    return hash_values([values, hash_files(paths)])


def count_training_rows(task: ComparedTaskConfig, config: TaskConfig) -> int:
    """Counts the rows that may be drawn.

    Raises:
        UsageError: They are fewer than the largest size, or as `load_task_data`.
    """
    rows = len(read_task_files(config, find_kind(config.task.kind))["train"].rows)
    largest = max(size or 0 for size in task.train_sizes)
    if largest > rows:
        raise UsageError(
            f"{largest:,} training rows of {rows:,} of task {task.name}",
            expected="at most as many as there are beside those held out",
            fix="Lower tasks.train_sizes, or write null for all.",
        )
    return rows


@dataclasses.dataclass(frozen=True)
class LabelledPool:
    """A task's rows, those to learn from not encoded yet.

    Attributes:
        config: Of the task.
        kind: It knows the labels.
        train: All rows that may be drawn.
        held_out: "validation" and "test", encoded where there is a tokenizer.
    """

    config: TaskConfig
    kind: TaskKind[Any]
    train: LabelledFile[Any]
    held_out: dict[str, Split]

    def draw(self, size: int | None, seed: int) -> list[Any]:
        """Draws training rows, as `draw_subset`; by label where rows have one."""
        by_label = self.config.task.kind == "classification"
        rows = self.train.rows
        labels = [str(row.label) if by_label else "" for row in rows]
        return [rows[place] for place in draw_subset(labels, size, seed)]


class LabelledPools:
    """Reads and encodes each file once, and keeps what was drawn last.

    Args:
        tasks: By name; from `load_compared_task`.
        finder: Of the data's tokenizer.
        sequence_length: Tokens of the longest rows of the pre-training.
    """

    def __init__(
        self, tasks: dict[str, TaskConfig], finder: PieceFinder, sequence_length: int
    ) -> None:
        self._finder = finder
        self._tasks = {
            name: settle_sequence_length(config, sequence_length)
            for name, config in tasks.items()
        }
        self._pools: dict[str, LabelledPool] = {}
        self._drawn: dict[tuple[str, int | None, int], TaskData] = {}

    def pool(self, task: str) -> LabelledPool:
        """Gives the rows of a task.

        Raises:
            UsageError: As `load_task_data`.
        """
        if task not in self._pools:
            self._pools[task] = self._read(self._tasks[task])
        return self._pools[task]

    def data(self, task: str, size: int | None, seed: int) -> TaskData:
        """Gives a task's files with so many rows to learn from.

        Raises:
            UsageError: As `load_task_data`, or there are fewer rows.
        """
        key = (task, size, seed)
        if key not in self._drawn:
            pool = self.pool(task)
            while len(self._drawn) >= _KEPT_SUBSETS:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[key] = self._encode(pool, pool.draw(size, seed))
        return self._drawn[key]

    def _read(self, config: TaskConfig) -> LabelledPool:
        kind_class = find_kind(config.task.kind)
        found = read_task_files(config, kind_class)
        train = found.pop("train")
        kind = kind_class(config, kind_class.learn(train.rows, config))
        held_out = {}
        for name, labelled in found.items():
            known = kind.keep_known(labelled)
            check_share(known, config.files.max_set_aside_rate)
            held_out[name] = self._split(kind, known)
        return LabelledPool(config, kind, train, held_out)

    def _encode(self, pool: LabelledPool, rows: Sequence[Any]) -> TaskData:
        drawn = dataclasses.replace(pool.train, rows=list(rows))
        splits = {"train": self._split(pool.kind, drawn), **pool.held_out}
        fingerprint = hash_values([str(pool.kind.key(row)) for row in rows])
        return TaskData(pool.kind, splits, pool.kind.warnings(rows), fingerprint)

    def _split(self, kind: TaskKind[Any], labelled: LabelledFile[Any]) -> Split:
        encoded = kind.encode(labelled.rows, self._finder)
        return Split(labelled, encoded.examples, encoded.notes)
