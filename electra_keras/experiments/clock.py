"""Seconds of a training step of every method, measured in turns.

Asks `planning/throughput.py`, feeds `budgets.py`. What this machine does else
slows all methods of a turn alike: ratios to the reference are taken within a
turn, and their median counts.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from electra_keras.data.info import DatasetInfo
from electra_keras.experiments.budgets import plan_method
from electra_keras.experiments.compare_config import CompareConfig
from electra_keras.experiments.fingerprints import hash_step
from electra_keras.planning.plan import Plan
from electra_keras.whole_files import write_text

CLOCK_FILE = "clock.json"
Turn = dict[str, dict[str, Any]]


class Clock:
    """Times of a comparison, kept in its folder.

    Args:
        folder: Of the comparison.
        config: Its settings.
        info: Of its data.
    """

    def __init__(self, folder: Path, config: CompareConfig, info: DatasetInfo) -> None:
        self._path = folder / CLOCK_FILE
        self._config = config
        self._plans = {
            method.name: plan_method(config, method, info, None)
            for method in config.methods
            if method.is_pretrained
        }

    def measure(self, time_plan: Callable[[Plan], float]) -> None:
        """Times what has fewer turns than wanted; each turn is saved.

        Args:
            time_plan: Gives the seconds of a step of a plan.
        """
        turns = self._read()
        reference = self._config.reference.name
        while missing := self._find_missing(turns):
            names = [reference, *(name for name in missing if name != reference)]
            turn: Turn = {}
            for name in names:
                secs = time_plan(self._plans[name])
                turn[name] = {"step_secs": secs, "settings": self._settings_of(name)}
                print(f"clock: {name} {secs * 1000:,.1f} ms a step")
            turns.append(turn)
            write_text(self._path, json.dumps({"turns": turns}, indent=2) + "\n")

    def is_measured(self) -> bool:
        """Whether all methods have as many turns as wanted."""
        return not self._find_missing(self._read())

    def step_secs(self) -> dict[str, float]:
        """Seconds of a step by method, of those that were measured.

        The reference's are the median of its turns; another method's are that
        times the median ratio.
        """
        reference = self._config.reference.name
        turns = [turn for turn in self._read() if self._holds(turn, reference)]
        if not turns:
            return {}
        base = statistics.median(turn[reference]["step_secs"] for turn in turns)
        found = {reference: base}
        for name in self._plans:
            ratios = [
                turn[name]["step_secs"] / turn[reference]["step_secs"]
                for turn in turns
                if self._holds(turn, name)
            ]
            if ratios:
                found[name] = base * statistics.median(ratios)
        return found

    def _find_missing(self, turns: list[Turn]) -> list[str]:
        reference = self._config.reference.name
        return [
            name
            for name in self._plans
            if sum(
                self._holds(turn, reference) and self._holds(turn, name)
                for turn in turns
            )
            < self._config.pretraining.clock_turns
        ]

    def _holds(self, turn: Turn, name: str) -> bool:
        """Whether a turn timed a method as it is set now."""
        return name in turn and turn[name]["settings"] == self._settings_of(name)

    def _settings_of(self, name: str) -> str:
        return hash_step(self._plans[name].config)

    def _read(self) -> list[Turn]:
        if not self._path.is_file():
            return []
        return json.loads(self._path.read_text("utf-8"))["turns"]
