"""Raw texts that a task is asked about: as many a row as it was tuned on.

Used by `tuned_model.py` and by `serving/task_prediction.py`; needs no network.
"""

from __future__ import annotations

from collections.abc import Sequence

from electra_keras.errors import UsageError


def check_texts(inputs: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    """Checks the texts of rows.

    Args:
        inputs: Of each row its texts.
        names: What the task calls them.

    Raises:
        UsageError: A row has another number of texts.
    """
    for texts in inputs:
        if len(texts) != len(names):
            raise UsageError(
                f"{len(texts)} text{'s' * (len(texts) != 1)} a row",
                expected=" and ".join(names),
                fix="Give each row what this task was tuned on.",
            )
