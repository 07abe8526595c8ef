"""Looks at every step and every window of a run and tells what goes wrong.

Asks `finite.py` and `watch_rules.py`, feeds the terminal, TensorBoard's text and
`RUN/watchdog.jsonl`. NaN and infinity stop the run.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from electra_keras.errors import ElectraError
from electra_keras.training.bands import RunFacts
from electra_keras.training.checkpoints import CheckpointFolder
from electra_keras.training.finite import (
    describe_not_finite,
    find_not_finite_values,
    find_not_finite_variables,
)
from electra_keras.training.history import History, split_logs
from electra_keras.training.run_folder import CHECKPOINTS_FOLDER
from electra_keras.training.watch_rules import RULES, Finding, Window, find_troubles

WATCHDOG_FILE = "watchdog.jsonl"
NOT_FINITE = "not_finite"
NOT_FINITE_CAUSES = (
    "a learning rate too high, or a warm-up too short",
    "a number format too narrow, or a change of the code that divides by 0",
)
NOT_FINITE_TRIES = (
    "Lower train.learning_rate or train.clip_norm, or lengthen train.warmup_steps, in "
    "a new run; --init_from takes the weights of the last good checkpoint.",
    "If the first step is wrong already, check the data and the initial weights.",
)
# The same trouble again after so many steps, or a tenth of the run.
_COOL_DOWN_STEPS = 5_000


class WatchdogLog:
    """`watchdog.jsonl`: what was found, one row each.

    Rows are never cut: a resumed run that finds the same again adds nothing.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path):
        self.path = Path(folder) / WATCHDOG_FILE

    def rows(self) -> list[dict[str, Any]]:
        """Reads the rows; a torn last line is dropped."""
        if not self.path.is_file():
            return []
        rows = []
        for line in self.path.read_text("utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return rows

    def append(self, finding: Finding) -> None:
        """Adds a row, unless it is there."""
        row = json.loads(json.dumps(dataclasses.asdict(finding)))
        if row not in self.rows():
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


class Watchdog(keras.callbacks.Callback):
    """Warns of what the rules find, and stops at NaN and infinity.

    Comes before every other callback, so that nothing of a broken step is recorded
    or saved.

    Args:
        folder: The run folder, its history cut to the step it goes on from.
        facts: Of the run.
        networks: Whose weights must be finite.
        writer: Of TensorBoard.
        say: Prints a line.
    """

    def __init__(
        self,
        folder: Path,
        facts: RunFacts,
        *,
        networks: dict[str, keras.Model],
        writer: tf.summary.SummaryWriter,
        say: Callable[[str], None],
    ):
        super().__init__()
        self.log = WatchdogLog(folder)
        self.windows = [
            Window(row["step"], {k: v for k, v in row.items() if k != "split"})
            for row in History(folder).rows("train")
        ]
        self._folder = folder
        self._facts = facts
        self._networks = networks
        self._writer = writer
        self._say = say
        self._checked_step = 0
        self._cool_down = max(_COOL_DOWN_STEPS, facts.train_steps // 10)
        self._told: dict[str, int] = {}
        last_step = self.windows[-1].step if self.windows else 0
        for row in self.log.rows():
            if row["step"] <= last_step:
                self._told[row["kind"]] = row["step"]

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None):
        logs = logs or {}
        names = [n for n in ("loss", "gradient_norm") if n in logs]
        if not all(math.isfinite(logs[name]) for name in names):
            values = {name: float(value) for name, value in logs.items()}
            self._stop(find_not_finite_values(values))

    def on_test_begin(self, logs: Any = None) -> None:
        self._check_variables()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._check_variables()
        values, _ = split_logs(logs)
        self.windows.append(Window(self.model.global_step, values))
        for finding in find_troubles(self.windows, self._facts):
            told = self._told.get(finding.kind)
            if told is None or finding.step - told >= self._cool_down:
                self._told[finding.kind] = finding.step
                self._tell(finding)

    def _check_variables(self) -> None:
        """Finite losses do not tell of the last update, which is saved next."""
        step = self.model.global_step
        if self._checked_step != step:
            self._checked_step = step
            if find_not_finite_variables(self._networks):
                self._stop([])

    def _stop(self, values: list[str]) -> None:
        variables = find_not_finite_variables(self._networks)
        paths = {
            v.path for network in self._networks.values() for v in network.variables
        }
        step = self.model.global_step
        calls = self.model.steps_per_execution
        place = (
            f"step {step:,}" if calls == 1 else f"steps {step - calls + 1:,}-{step:,}"
        )
        seen = f"{describe_not_finite(values, variables, len(paths))} at {place}"
        self._tell(Finding(NOT_FINITE, step, seen, NOT_FINITE_CAUSES, NOT_FINITE_TRIES))
        saved = CheckpointFolder(self._folder / CHECKPOINTS_FOLDER).latest()
        kept = "no checkpoint was saved before"
        if saved is not None:
            kept = f"the last good checkpoint, {saved.folder.name}, is kept"
        raise ElectraError(
            f"{seen}; {kept}",
            expected="finite numbers",
            fix=NOT_FINITE_TRIES[0],
        )

    def _tell(self, finding: Finding) -> None:
        self.log.append(finding)
        for line in as_lines(finding):
            self._say(line)
        with self._writer.as_default(step=finding.step):
            tf.summary.text(f"watchdog/{finding.kind}", as_markdown(finding))
        self._writer.flush()


def as_lines(finding: Finding) -> list[str]:
    """Formats a finding for the terminal."""
    titles = {rule.kind: rule.title for rule in RULES}
    title = titles.get(finding.kind, "Not a finite number")
    return [
        f"watchdog, step {finding.step:,}: {title}: {finding.seen}",
        *(f"  perhaps {cause}" for cause in finding.causes),
        *(f"  try: {what}" for what in finding.tries),
    ]


def as_markdown(finding: Finding) -> str:
    """Formats a finding for TensorBoard."""
    seen, *rest = as_lines(finding)
    return f"{seen}\n\n" + "\n".join(f"- {line.strip()}" for line in rest)
