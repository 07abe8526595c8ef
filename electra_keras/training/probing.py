"""A probe on the way: how much of a labelled task the frozen network tells.

Asks a probe, which comes in as an argument since fine-tuning is a later room, feeds
`monitoring.py`. It reads weights and draws nothing: a run has the same weights with
it as without.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

import keras

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import DatasetInfo
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.training.monitoring import PROBE_SPLIT, RunMonitor
from electra_keras.training.windows import is_due


class Probe(Protocol):
    """Measures a network by a labelled task; see `finetuning/probe.py`."""

    def open(self, info: DatasetInfo, vocabulary: Vocabulary) -> list[str]:
        """Reads the task's files, and encodes them as the run's data.

        Returns:
            What is to be told of them, a line each.

        Raises:
            UsageError: The task or its files do not fit.
        """

    def measure(self, network: keras.Model) -> dict[str, float]:
        """Measures a network, which stays as it is.

        Returns:
            `probe_accuracy`, `probe_macro_f1`, `probe_majority_accuracy`: that of
            always saying the most frequent label.
        """


def open_probe(
    probe: Probe | None,
    config: ExperimentConfig,
    info: DatasetInfo,
    vocabulary: Vocabulary,
) -> None:
    """Opens the probe that a configuration asks for, and tells what it reads.

    Raises:
        UsageError: It asks for one and none is given, or as `Probe.open`.
    """
    if probe is None:
        if config.train.probe is not None:
            raise UsageError(
                f"train.probe {config.train.probe}, and no probe was given",
                expected="the argument probe of train, such as "
                "electra_keras.finetuning.probe.LinearProbe.of(config.train)",
                fix="Give it, or set train.probe=null.",
            )
        return
    for line in probe.open(info, vocabulary):
        print(f"probe: {line}")


class Prober(keras.callbacks.Callback):
    """Records a probe before the first step, when one is due, and at the end.

    Comes after the callbacks that check the weights and that measure the time of
    a window.

    Args:
        probe: Opened.
        network: That is kept for downstream tasks.
        monitor: Takes what is measured, and `probe_secs`.
        config: Of the run.
    """

    def __init__(
        self,
        probe: Probe,
        network: keras.Model,
        monitor: RunMonitor,
        config: ExperimentConfig,
    ):
        super().__init__()
        self._probe = probe
        self._network = network
        self._monitor = monitor
        self._config = config

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        # Of the calls of `fit` in a run the first alone.
        if self.model.global_step == 0:
            self._record()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        step, train = self.model.global_step, self._config.train
        every = train.effective_probe_every_steps
        if is_due(step, every, self._config) or step == train.train_steps:
            self._record()

    def _record(self) -> None:
        start = time.monotonic()
        values = self._probe.measure(self._network)
        values["probe_secs"] = time.monotonic() - start
        self._monitor.record(PROBE_SPLIT, values)
