"""Steps of a plan measured on the present device, with made-up rows.

Reads `plan.Plan`, feeds `table.py`. What is timed is the training step itself,
forward, backward and update; no input, evaluation or checkpoint.
"""

from __future__ import annotations

import dataclasses
import os
import statistics
import sys
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from electra_keras.config import DataConfig
from electra_keras.data.masking import MaskingConfig, mask_tokens
from electra_keras.data.vocabulary import CLS, SEP, SPECIAL_TOKENS, Vocabulary
from electra_keras.errors import UsageError
from electra_keras.planning.flops import RowSizes
from electra_keras.planning.plan import Plan
from electra_keras.training.boards.memory_board import peak_resident_bytes
from electra_keras.training.run import build_pretrainer
from electra_keras.training.strategies import make_strategy

_WARMUP_CALLS = 2  # The first traces, the second fills caches.
_LEAST_CALLS = 3
_SPECIAL_IDS = {token: number for number, token in enumerate(SPECIAL_TOKENS)}


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What some steps took.

    Attributes:
        device: Where they ran.
        rows: B, examples of a step over all replicas.
        steps: Steps that were timed.
        step_secs: Median.
        tokens_per_sec: Of full rows.
        peak_bytes: Most memory that the steps took beyond what the process had
            before; on a GPU most that was allocated there.
    """

    device: str
    rows: int
    steps: int
    step_secs: float
    tokens_per_sec: float
    peak_bytes: int


def measure_plan(
    plan: Plan,
    rows: int | None = None,
    *,
    least_secs: float = 10.0,
    clock: Callable[[], float] = time.monotonic,
) -> Measurement:
    """Times training steps of a plan on full rows of random tokens.

    Args:
        plan: From `make_plan`.
        rows: B, examples of a step. None: as planned.
        least_secs: Steps are timed until so many seconds have passed, and at
            least three times.
        clock: Seconds.

    Raises:
        UsageError: The batch does not split over the replicas, or this machine
            has no memory for it.
    """
    rows = plan.config.train.global_batch_size if rows is None else rows
    _check_fits_memory(plan, rows)
    train = dataclasses.replace(plan.config.train, global_batch_size=rows)
    config = dataclasses.replace(plan.config, train=train)
    before = _memory_bytes()
    entries = [f"token{number}" for number in range(plan.row.vocabulary_size)]
    entries[: len(SPECIAL_TOKENS)] = SPECIAL_TOKENS
    with make_strategy(train).scope():
        pretrainer = build_pretrainer(config, Vocabulary(tuple(entries)))
    stopwatch = _Stopwatch(least_secs, clock)
    batch = make_batch(config.data, plan.row, rows, seed=train.seed)
    pretrainer.fit(
        tf.data.Dataset.from_tensors(batch).repeat(),
        steps_per_epoch=train.steps_per_execution,
        epochs=sys.maxsize,
        callbacks=[stopwatch],
        verbose=0,
    )
    secs = statistics.median(stopwatch.call_secs) / train.steps_per_execution
    return Measurement(
        device=_device_name(),
        rows=rows,
        steps=len(stopwatch.call_secs) * train.steps_per_execution,
        step_secs=secs,
        tokens_per_sec=rows * plan.row.sequence_length / secs,
        peak_bytes=_memory_bytes() - before,
    )


def _check_fits_memory(plan: Plan, rows: int) -> None:
    """A machine that swaps measures nothing; a GPU says for itself."""
    if tf.config.list_physical_devices("GPU"):
        return
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed = plan.peak_bytes(-(-rows // plan.config.train.micro_batches))
    if needed > machine:
        fitting = max(1, int(rows * machine / needed / 2))
        raise UsageError(
            f"{rows:,} rows a step, {needed / 1e9:,.0f} GB",
            expected=f"at most the {machine / 1e9:,.0f} GB of this machine",
            fix=f"Measure fewer, such as --measured_rows={fitting}.",
        )


def make_batch(
    config: DataConfig, row: RowSizes, rows: int, *, seed: int = 1
) -> dict[str, tf.Tensor]:
    """Makes a masked batch of full rows: names and shapes as in `features.py`."""
    shape = (rows, row.sequence_length)
    noise = np.random.default_rng(seed)
    token_ids = noise.integers(len(SPECIAL_TOKENS), row.vocabulary_size, shape)
    token_ids[:, 0] = _SPECIAL_IDS[CLS]
    token_ids[:, -1] = _SPECIAL_IDS[SEP]
    masking = MaskingConfig(
        row.sequence_length,
        _SPECIAL_IDS,
        mask_rate=config.mask_rate,
        mask_token_rate=config.mask_token_rate,
        with_replacement=bool(config.mask_with_replacement),
        seed=seed,
    )
    unmasked = {
        "token_ids": tf.constant(token_ids, tf.int32),
        "segment_ids": tf.zeros(shape, tf.int32),
        "padding_mask": tf.ones(shape, tf.int32),
    }
    epoch = tf.constant(0, tf.int64)
    return mask_tokens(unmasked, tf.range(rows, dtype=tf.int64), epoch, masking)


class _Stopwatch(keras.callbacks.Callback):
    """Times calls of the training graph, and ends the run."""

    def __init__(self, least_secs: float, clock: Callable[[], float]):
        super().__init__()
        self.least_secs = least_secs
        self.clock = clock
        self.call_secs: list[float] = []
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._started = self.clock()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        _ = self.model.global_step  # Waits until the step is done.
        if epoch >= _WARMUP_CALLS:
            self.call_secs.append(self.clock() - self._started)
        if len(self.call_secs) >= _LEAST_CALLS:
            self.model.stop_training = sum(self.call_secs) >= self.least_secs


def _memory_bytes() -> int:
    """The most memory so far, on the first GPU or of this process."""
    if tf.config.list_logical_devices("GPU"):
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    return peak_resident_bytes()


def _device_name() -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return f"CPU, {os.cpu_count()} cores"
    details = tf.config.experimental.get_device_details(gpus[0])
    return f"{len(gpus)} x {details.get('device_name', 'GPU')}"
