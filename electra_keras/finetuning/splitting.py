"""Part of the training rows held out, where a task has no file for that.

Reads rows of a labelled file, feeds `task_data.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from electra_keras.finetuning.set_aside import LabelledFile

_PARTS = 2**32


def hold_out(
    labelled: LabelledFile[Any], rate: float, key: Callable[[Any], str], name: str
) -> tuple[LabelledFile[Any], LabelledFile[Any]]:
    """Splits a file by a hash of its rows, whatever their order.

    Rows with the same key stay together, so that nothing is both learned and
    measured; rows that are added later move no others.

    Args:
        labelled: What was read.
        rate: Share that is held out, from 0 to 1.
        key: Of a row, such as its text.
        name: Of the split, so that two of them are drawn apart.

    Returns: What stays, with all that was set aside, and what is held out.
    """
    stays = LabelledFile[Any](labelled.path, [], labelled.set_aside, labelled.repaired)
    held_out = LabelledFile[Any](f"{labelled.path} (held out for {name})")
    for row in labelled.rows:
        part = held_out if _place(name, key(row)) < rate else stays
        part.rows.append(row)
    return stays, held_out


def _place(name: str, key: str) -> float:
    """Where a key falls, from 0 to 1."""
    text = f"{name}\n{' '.join(key.split())}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") / _PARTS
