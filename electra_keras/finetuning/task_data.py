"""The labelled files of a task, read, checked and encoded.

Joins the readers, a kind of task and the tokenizer of the pre-trained model;
feeds `trial.py` and `report.py`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from electra_keras.errors import UsageError
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.set_aside import LabelledFile, check_share
from electra_keras.finetuning.splitting import hold_out
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.tasks.registry import find_kind
from electra_keras.finetuning.tasks.task_kind import Example, TaskKind

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Split:
    """One labelled file.

    Attributes:
        labelled: Its rows, and what was set aside.
        examples: Of the rows.
        notes: What was cut, in words.
    """

    labelled: LabelledFile[Any]
    examples: list[Example]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[Any]:
        """What is used of the file."""
        return self.labelled.rows


@dataclasses.dataclass(frozen=True)
class TaskData:
    """All that a task learns from and is measured on.

    Attributes:
        kind: Of the task; it knows the labels.
        splits: "train", "validation" and, if there is one, "test".
        warnings: What can hardly be learned.
        fingerprint: Hash of the files.
    """

    kind: TaskKind[Any]
    splits: dict[str, Split]
    warnings: list[str]
    fingerprint: str


def load_task_data(config: TaskConfig, finder: PieceFinder) -> TaskData:
    """Reads, checks and encodes the files of a task.

    Args:
        config: With `encoding.sequence_length`.
        finder: Of the pre-trained model's tokenizer.

    Raises:
        UsageError: A file is missing or of another form, too much is set aside,
            or nothing can be learned.
    """
    kind_class = find_kind(config.task.kind)
    found = read_task_files(config, kind_class)
    train = found["train"]
    kind = kind_class(config, kind_class.learn(train.rows, config))
    splits = {}
    for name, labelled in found.items():
        if name != "train":
            labelled = kind.keep_known(labelled)
            check_share(labelled, config.files.max_set_aside_rate)
        encoded = kind.encode(labelled.rows, finder)
        splits[name] = Split(labelled, encoded.examples, encoded.notes)
    paths = {name: getattr(config.files, name) for name in SPLITS}
    return TaskData(kind, splits, kind.warnings(train.rows), hash_files(paths))


def read_task_files(
    config: TaskConfig, kind: type[TaskKind[Any]]
) -> dict[str, LabelledFile[Any]]:
    """Reads what there is, and holds out of the training rows what is not.

    Args:
        config: Of the task.
        kind: Of its class.

    Returns: "train", "validation" and, if there is one, "test".

    Raises:
        UsageError: As `load_task_data`, but for labels.
    """
    files = config.files
    if files.train is None:
        raise UsageError(
            "no files.train",
            expected="a labelled file to learn from",
            fix="Set files.train in the task, or --set files.train=PATH.",
        )
    train = kind.read(files.train, config)
    check_share(train, files.max_set_aside_rate)
    found = {}
    for name in ("validation", "test"):
        path, rate = getattr(files, name), getattr(files, f"{name}_rate")
        if path is not None:
            found[name] = kind.read(path, config)
        elif rate:
            train, found[name] = hold_out(train, rate, kind.key, name)
    check_share(train, 1.0)
    return {"train": train, **found}


def hash_files(files: Mapping[str, str | None]) -> str:
    """Hashes what is in files, by the name of their split."""
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(name.encode())
        if path:
            digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()
