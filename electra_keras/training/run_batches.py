"""Data folder to the batches of a run, on every worker its share.

Joins `data/dataset.py` and `strategies.py` for `run.py`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TypeAlias

import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.data.dataset import (
    WHOLE_BATCH,
    BatchShare,
    count_eval_batches,
    make_eval_dataset,
    make_train_dataset,
)
from electra_keras.data.info import DatasetInfo
from electra_keras.training.strategies import distribute

Batches: TypeAlias = tf.data.Dataset | tf.distribute.DistributedDataset


class RunBatches:
    """Makes the data sets of a run.

    Args:
        folder: Written by `beam_pipelines.preprocess`.
        info: Of that folder.
        config: Resolved.
        strategy: That the run trains under.
        skip_corrupt: Go past examples that cannot be read.
    """

    def __init__(
        self,
        folder: str | Path,
        info: DatasetInfo,
        config: ExperimentConfig,
        strategy: tf.distribute.Strategy,
        *,
        skip_corrupt: bool,
    ):
        self._folder = folder
        self._config = config
        self._strategy = strategy
        self._skip_corrupt = skip_corrupt
        self.held_out_batches: int | None = None
        if info.examples("validation"):
            self.held_out_batches = count_eval_batches(
                info,
                "validation",
                config.train.global_batch_size,
                config.train.evaluate_examples,
            )

    def train(self, start_step: int) -> Batches:
        """The batches from `start_step` on, without end."""
        make = functools.partial(self._make_train, start_step)
        return distribute(self._strategy, make)

    def held_out(self) -> Batches | None:
        """The batches that are evaluated; None: there is no held-out text."""
        if self.held_out_batches is None:
            return None
        return distribute(self._strategy, self._make_held_out)

    def whole_held_out(self) -> tf.data.Dataset | None:
        """The same batches, whole on this worker."""
        return None if self.held_out_batches is None else self._make_held_out()

    def _make_train(self, start_step: int, share: BatchShare) -> tf.data.Dataset:
        return make_train_dataset(
            self._folder,
            global_batch_size=self._config.train.global_batch_size,
            config=self._config.data,
            seed=self._config.train.seed,
            start_step=start_step,
            share=share,
            skip_corrupt=self._skip_corrupt,
        )

    def _make_held_out(self, share: BatchShare = WHOLE_BATCH) -> tf.data.Dataset:
        return make_eval_dataset(
            self._folder,
            global_batch_size=self._config.train.global_batch_size,
            config=self._config.data,
            seed=self._config.train.seed,
            max_examples=self._config.train.evaluate_examples,
            share=share,
            skip_corrupt=self._skip_corrupt,
        )
