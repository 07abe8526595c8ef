"""Which checkpoint did best on held-out text; `checkpoints/best.json` names it.

Reads held-out metrics, feeds `checkpoints.py` and `saver.py`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path

from electra_keras.whole_files import write_text

BEST_FILE = "best.json"
# The first one that was measured decides; -1.0: lower is better. The second of two
# stages measures one more than the first, and so beats it.
_METRICS = {"task_score": 1.0, "disc_auc": 1.0, "main_lm_loss": -1.0, "loss": -1.0}


@dataclasses.dataclass(frozen=True)
class BestCheckpoint:
    """A checkpoint and the held-out value it is judged by.

    Attributes:
        step: Optimizer steps done.
        metric: "disc_auc"; of objectives without it "main_lm_loss" or "loss"; of
            a task its "task_score".
        value: Of the metric, finite.
    """

    step: int
    metric: str
    value: float

    @classmethod
    def of(cls, step: int, values: Mapping[str, float]) -> BestCheckpoint | None:
        """Judges a step by held-out metrics; None: nothing finite was measured."""
        for metric in _METRICS:
            if metric in values and math.isfinite(values[metric]):
                return cls(step, metric, float(values[metric]))
        return None

    @classmethod
    def read(cls, folder: Path) -> BestCheckpoint | None:
        """Reads what a folder of checkpoints names; None: nothing that is whole."""
        try:
            row = json.loads((folder / BEST_FILE).read_text("utf-8"))
            return cls.of(row["step"], {row["metric"]: row["value"]})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """Writes `best.json`, whole or not at all."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        write_text(folder / BEST_FILE, text)

    @property
    def rank(self) -> tuple[int, float, int]:
        """Higher is better; of equal values the earlier step is."""
        place = list(_METRICS).index(self.metric)
        return -place, _METRICS[self.metric] * self.value, -self.step

    def beats(self, other: BestCheckpoint | None) -> bool:
        """Whether it is better than the best so far, if there is any."""
        return other is None or self.rank > other.rank
