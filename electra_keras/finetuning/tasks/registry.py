"""The kinds of task by name.

A new kind is a file here and a line in the table.
"""

from __future__ import annotations

import importlib
from typing import Any

from electra_keras.finetuning.tasks.task_kind import TaskKind

_KINDS = {
    "classification": "Classification",
    "regression": "Regression",
    "token_classification": "TokenClassification",
    "question_answering": "QuestionAnswering",
}


def find_kind(name: str) -> type[TaskKind[Any]]:
    """Finds the class of a kind.

    Args:
        name: One of `task_config.KINDS`.
    """
    module = importlib.import_module(f"electra_keras.finetuning.tasks.{name}")
    return getattr(module, _KINDS[name])
