"""Answers of an exported task, without the project's networks.

Reads `DIR/<version>/` and texts, feeds `electra_keras.predict`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the ops of the SavedModel.

from electra_keras.finetuning.raw_inputs import check_texts
from electra_keras.serving.extra_assets import EXPORT_FILE, EXTRA_ASSETS

_TASK = "task"


def find_task(folder: str | Path) -> str | None:
    """Tells the kind of task of a version; None: it is of no task."""
    path = Path(folder) / EXTRA_ASSETS / EXPORT_FILE
    if not path.is_file():
        return None
    return json.loads(path.read_text("utf-8")).get(_TASK)


def ask_task(
    folder: str | Path, inputs: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    """Asks an exported task.

    Args:
        folder: A version's.
        inputs: Of each row the texts that the signature takes, in its order.

    Returns: What `serving_default` answers, a dict a row.

    Raises:
        UsageError: A row has another number of texts.
    """
    path = Path(folder) / EXTRA_ASSETS / EXPORT_FILE
    names = json.loads(path.read_text("utf-8"))["inputs"]
    check_texts(inputs, names)
    loaded = tf.saved_model.load(str(folder))
    columns = {
        # A shell may pass bytes that are not UTF-8.
        name: tf.constant([text.encode("utf-8", "surrogateescape") for text in texts])
        for name, texts in zip(names, zip(*inputs, strict=True), strict=True)
    }
    answers = loaded.signatures["serving_default"](**columns)
    found = {name: value.numpy().tolist() for name, value in answers.items()}
    return [
        {name: _decode(values[row]) for name, values in found.items()}
        for row in range(len(inputs))
    ]


def _decode(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return [_decode(part) for part in value] if isinstance(value, list) else value
