"""A profile of some steps on request: what TensorFlow does when.

Written into `RUN/logs`, as a plugin of TensorBoard wants it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from electra_keras.errors import UsageError


def parse_profile_steps(text: str, train_steps: int) -> tuple[int, int]:
    """Reads "FIRST:STOP".

    Args:
        text: Of the flag.
        train_steps: Optimizer steps of the run.

    Returns:
        Optimizer steps done before the first one profiled, and after the last.

    Raises:
        UsageError: It is something else, or beyond the run.
    """
    found = re.fullmatch(r"(\d+):(\d+)", text)
    if found is None or not int(found[1]) < int(found[2]) <= train_steps:
        raise UsageError(
            f"--profile_steps={text}",
            expected=f"FIRST:STOP, within {train_steps:,} optimizer steps",
            fix="Give two numbers, such as 100:110.",
        )
    return int(found[1]), int(found[2])


class StepProfiler(keras.callbacks.Callback):
    """Profiles the calls of the graph from FIRST steps on until STOP are done.

    Args:
        logs: `RUN/logs`.
        first: Optimizer steps done before.
        stop: Optimizer steps done at its end.
    """

    def __init__(self, logs: Path, first: int, stop: int):
        super().__init__()
        self._logs = logs
        self._first = first
        self._stop = stop
        self._is_on = False

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if not self._is_on and self._first <= self.model.global_step < self._stop:
            tf.profiler.experimental.start(str(self._logs))
            self._is_on = True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._is_on and self.model.global_step >= self._stop:
            self.close()

    def close(self) -> None:
        """Ends a profile that is under way and writes it."""
        if self._is_on:
            self._is_on = False
            tf.profiler.experimental.stop()
