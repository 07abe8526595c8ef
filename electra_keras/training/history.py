"""`metrics.jsonl`: one row per point of the curves, kept true on resume.

Written by `monitoring.py`, read by `curves.py` and by people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from electra_keras.whole_files import write_text

HISTORY_FILE = "metrics.jsonl"
_HELD_OUT_PREFIX = "val_"  # Of Keras.


class History:
    """The rows of one run.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path):
        self.path = Path(folder) / HISTORY_FILE

    def append(self, split: str, step: int, values: dict[str, float]) -> None:
        """Adds a row: `split`, `step` and the values."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"split": split, "step": step, **values}) + "\n")

    def rows(self, split: str | None = None) -> list[dict[str, Any]]:
        """Reads the rows, of one split or all; a torn last line is dropped."""
        if not self.path.is_file():
            return []
        rows = []
        for line in self.path.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if split in (None, row["split"]):
                rows.append(row)
        return rows

    def cut_after(self, step: int) -> None:
        """Drops rows beyond `step`, which a resumed run will write again."""
        rows = [row for row in self.rows() if row["step"] <= step]
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in rows))


def split_logs(
    logs: Mapping[str, Any] | None,
) -> tuple[dict[str, float], dict[str, float]]:
    """Splits what Keras gives at the end of a window.

    Returns:
        The metrics of training and those of held-out text, by their own names; the
        latter empty where none was evaluated.
    """
    train: dict[str, float] = {}
    held_out: dict[str, float] = {}
    for name, value in (logs or {}).items():
        split = held_out if name.startswith(_HELD_OUT_PREFIX) else train
        split[name.removeprefix(_HELD_OUT_PREFIX)] = float(value)
    return train, held_out
