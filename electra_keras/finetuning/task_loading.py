"""A file of `configs/tasks/` to a `TaskConfig`, and what its kind decides.

Reads through `config_files.py`; the readers of labelled files ask it for formats.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from electra_keras.config_files import load_config_as
from electra_keras.errors import UsageError
from electra_keras.finetuning.task_config import FORMAT_OF_KIND, TaskConfig

# As the reference for STS, SQuAD and chunking; 3 epochs of 128 tokens else.
_EPOCHS = {"regression": 10.0, "question_answering": 2.0}
_SEQUENCE_LENGTHS = {"token_classification": 256, "question_answering": 512}


def load_task(
    path: str | Path | None = None,
    overrides: Sequence[str] = (),
    sections: Mapping[str, Any] | None = None,
) -> TaskConfig:
    """Reads a task and fills in what its kind decides.

    Args:
        path: A file such as those in `configs/tasks/`.
        overrides: "section.key=value" each; they win over the rest.
        sections: Values by section and key, such as paths from flags.

    Returns: The task, in which no epochs are None.

    Raises:
        UsageError: As `load_config_as`, or settings that do not go together.
    """
    config = load_config_as(TaskConfig, path, overrides, sections)
    training = config.training
    if training.epochs is None:
        epochs = _EPOCHS.get(config.task.kind, 3.0)
        training = dataclasses.replace(training, epochs=epochs)
    return dataclasses.replace(config, training=training)


def settle_sequence_length(config: TaskConfig, trained_tokens: int) -> TaskConfig:
    """Fills in the length of rows, as far as the pre-trained model goes.

    Args:
        config: From `load_task`.
        trained_tokens: Of the longest rows that the model was trained on.

    Raises:
        UsageError: Longer rows are asked for.
    """
    tokens = config.encoding.sequence_length
    if tokens is None:
        tokens = _SEQUENCE_LENGTHS.get(config.task.kind, 128)
        tokens = min(tokens, trained_tokens)
    elif tokens > trained_tokens:
        raise UsageError(
            f"encoding.sequence_length {tokens}",
            expected=f"at most {trained_tokens}, the longest rows that the "
            "pre-trained model was trained on",
            fix=f"Set encoding.sequence_length={trained_tokens}, or leave it out.",
        )
    encoding = dataclasses.replace(config.encoding, sequence_length=tokens)
    return dataclasses.replace(config, encoding=encoding)


def find_format(config: TaskConfig, path: str | Path) -> str:
    """Finds the format of a labelled file, one of `FORMATS`.

    Raises:
        UsageError: Its suffix has no meaning and none is given.
    """
    if config.files.format is not None:
        return config.files.format
    if config.task.kind in FORMAT_OF_KIND:
        return FORMAT_OF_KIND[config.task.kind]
    suffix = Path(str(path).removesuffix(".gz")).suffix.removeprefix(".")
    if suffix not in ("tsv", "csv", "jsonl"):
        raise UsageError(
            f"{path}, whose suffix says no format",
            expected=".tsv, .csv or .jsonl, perhaps with .gz",
            fix="Rename it, or set files.format.",
        )
    return suffix
