"""`results.jsonl`: a line a finished fine-tuning, whole or not there.

Written by `trials.py`, read by `summary.py`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from electra_keras.experiments.compare_jobs import make_key

RESULTS_FILE = "results.jsonl"


class ResultLines:
    """The finished fine-tunings of a comparison.

    Args:
        folder: Of the comparison.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / RESULTS_FILE

    def read(self) -> list[dict[str, Any]]:
        """Reads the lines; what a kill tore at the end is left out."""
        return [json.loads(line) for line in self._whole().decode().splitlines()]

    def keys(self) -> set[str]:
        """Which jobs have a line."""
        return {make_key(line) for line in self.read()}

    def append(self, result: dict[str, Any]) -> None:
        """Adds a line, in one write."""
        line = json.dumps(result, ensure_ascii=False) + "\n"
        whole = self._whole()
        with self.path.open("ab") as file:
            if file.tell() > len(whole):
                file.truncate(len(whole))
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    def _whole(self) -> bytes:
        """Up to the last end of a line."""
        data = self.path.read_bytes() if self.path.is_file() else b""
        return data[: data.rfind(b"\n") + 1]
