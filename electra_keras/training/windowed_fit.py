"""The loop over windows of steps: Keras' `fit`, evaluations and callbacks.

Joins `windows.py`, batches and callbacks for `run.py` and for the trials of a
fine-tuning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import keras

from electra_keras.config import ExperimentConfig
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.windows import evaluation_epochs, split_windows


class Batches(Protocol):
    """Where batches come from; `RunBatches` is one."""

    held_out_batches: int | None

    def train(self, start_step: int) -> Any:
        """The batches from an optimizer step on, without end."""

    def held_out(self) -> Any:
        """What is evaluated, or None."""


class Watchers(Protocol):
    """Who looks on; `Onlookers` are."""

    @property
    def callbacks(self) -> Sequence[keras.callbacks.Callback]:
        """Those of Keras."""

    def record_start(self, values: dict[str, float]) -> None:
        """Records what untrained networks reach."""


def fit_windows(
    pretrainer: ElectraPretrainer,
    batches: Batches,
    config: ExperimentConfig,
    start_step: int,
    saver: keras.callbacks.Callback,
    onlookers: Watchers | None = None,
) -> None:
    """Evaluates step 0 and trains from `start_step` to the end.

    Onlookers are the writing worker's alone.
    """
    held_out, count = batches.held_out(), batches.held_out_batches
    if held_out is not None and start_step == 0:
        values = pretrainer.evaluate(held_out, steps=count, verbose=0, return_dict=True)
        if onlookers is not None:
            onlookers.record_start({name: float(v) for name, v in values.items()})
    for first, steps, window in split_windows(start_step, config):
        pretrainer.fit(
            batches.train(first),
            initial_epoch=first // window,
            epochs=first // window + steps // window,
            steps_per_epoch=window,
            validation_data=held_out,
            validation_steps=count,
            validation_freq=evaluation_epochs(first, steps, window, config),
            callbacks=[*(onlookers.callbacks if onlookers else ()), saver],
            verbose=0,
        )
