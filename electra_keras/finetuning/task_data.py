"""The labelled files of a task, read, checked and encoded.

Joins the readers, a kind of task and the tokenizer of the pre-trained model;
feeds `trial.py` and `report.py`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from electra_keras.errors import UsageError
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.set_aside import LabelledFile, check_share
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
    files = {name: getattr(config.files, name) for name in SPLITS}
    for name in ("train", "validation"):
        if files[name] is None:
            raise UsageError(
                f"no files.{name}",
                expected="a labelled file to learn from and one to choose by",
                fix=f"Set files.{name} in the task, or --set files.{name}=PATH.",
            )
    kind_class = find_kind(config.task.kind)
    found = {
        name: kind_class.read(path, config) for name, path in files.items() if path
    }
    train = found["train"]
    check_share(train, config.files.max_set_aside_rate)
    kind = kind_class(config, kind_class.learn(train.rows, config))
    splits = {}
    for name, labelled in found.items():
        if name != "train":
            labelled = kind.keep_known(labelled)
            check_share(labelled, config.files.max_set_aside_rate)
        encoded = kind.encode(labelled.rows, finder)
        splits[name] = Split(labelled, encoded.examples, encoded.notes)
    return TaskData(kind, splits, kind.warnings(train.rows), _hash(files))


def _hash(files: dict[str, str | None]) -> str:
    digest = hashlib.sha256()
    for name, path in files.items():
        digest.update(name.encode())
        if path:
            digest.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return digest.hexdigest()
