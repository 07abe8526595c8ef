"""Labels and their ids: from the task, or found in the training file.

Reads rows of `text_files.py` and tags of `tagged_files.py`; sets aside what
bears a label that training has never seen.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from electra_keras.errors import UsageError
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.task_config import LabelConfig
from electra_keras.finetuning.text_files import TextRow

UNKNOWN_LABEL = "unknown label"


@dataclasses.dataclass(frozen=True)
class LabelSet:
    """The labels of a task; their places are their ids.

    Attributes:
        values: As the files write them.
        names: As people read them.
    """

    values: tuple[str, ...]
    names: tuple[str, ...]

    def id_of(self, value: str) -> int:
        """Gives the id of a label, from 0.

        Raises:
            ValueError: No such label.
        """
        return self.values.index(value)


def find_labels(found: Sequence[str], given: Sequence[LabelConfig] = ()) -> LabelSet:
    """Takes the labels of the task, or those of the training file, sorted.

    Args:
        found: Labels of the training file, one an example.
        given: Those of the task; they fix the order.

    Raises:
        UsageError: There are fewer than two, or training has one that is not given.
    """
    present = sorted(set(found), key=_by_number)
    if given:
        values = tuple(str(label.value) for label in given)
        strangers = [value for value in present if value not in values]
        if strangers:
            raise UsageError(
                f"labels {', '.join(strangers[:5])} in the training file",
                expected=f"one of {', '.join(values)}",
                fix="Add them to labels, or leave labels out.",
            )
        return LabelSet(values, tuple(g.name or str(g.value) for g in given))
    if len(present) < 2:
        raise UsageError(
            f"labels {', '.join(present) or 'nothing'} in the training file",
            expected="two labels or more",
            fix="Check columns.label.",
        )
    return LabelSet(tuple(present), tuple(present))


def _by_number(value: str) -> tuple[int, int, str]:
    """10 comes after 9."""
    is_number = value.isascii() and value.isdigit()
    return (0, int(value), value) if is_number else (1, 0, value)


def warn_of_rare_labels(found: Sequence[str], labels: LabelSet) -> list[str]:
    """Tells of labels with one example or none in the training file."""
    counts = collections.Counter(found)
    return [
        f"label {value} has {counts[value] or 'no'} training example"
        f"{'' if counts[value] else 's'}: it can hardly be learned"
        for value in labels.values
        if counts[value] < 2
    ]


def set_unknown_labels_aside(
    labelled: LabelledFile[TextRow], labels: LabelSet
) -> LabelledFile[TextRow]:
    """Takes out rows of a validation or test file whose label is not known.

    Returns: A new file; these rows are listed in it as set aside.
    """
    known = LabelledFile[TextRow](
        labelled.path, [], list(labelled.set_aside), labelled.repaired.copy()
    )
    for row in labelled.rows:
        if row.label in labels.values:
            known.rows.append(row)
        else:
            known.leave_out(row.line, UNKNOWN_LABEL, row.label)
    return known


def balance_weights(found: Sequence[str], labels: LabelSet) -> np.ndarray:
    """Weighs labels by 1 over their share: examples / (labels * examples of it).

    Args:
        found: Labels of the training file, one an example.
        labels: All labels; one without examples weighs 0.

    Returns: float32 (labels,); over the examples, weights are 1 on average.
    """
    counts = collections.Counter(found)
    present = sum(1 for value in labels.values if counts[value])
    return np.array(
        [
            len(found) / (present * counts[value]) if counts[value] else 0.0
            for value in labels.values
        ],
        np.float32,
    )
