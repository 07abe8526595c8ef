"""Examples to batches of rows of similar length, in an order by seed and epoch.

Reads the examples of a kind of task, feeds `trial.py` and `prediction.py`. A row
is padded to the longest of its batch, never to the longest of the task.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from electra_keras.data.dataset import WHOLE_BATCH, BatchShare
from electra_keras.finetuning.tasks.task_kind import Example
from electra_keras.training.strategies import distribute

# Batches among whose rows those of similar length are put together: enough to
# hardly pad, few enough that a batch's rows stay a random choice of their length.
_SORTED_BATCHES = 50
# Rows are padded to a multiple, so that a network meets few shapes.
_LENGTH_STEP = 8
# Every vocabulary begins with it.
_PAD_ID = 0


@dataclasses.dataclass(frozen=True)
class BatchMaker:
    """Makes batches of examples.

    Attributes:
        examples: Of a kind of task.
        features: Of that kind.
        batch_size: Rows of a batch; the last one of an epoch is filled up with rows
            of weight 0.
        sequence_length: Tokens of the longest row.
    """

    examples: Sequence[Example]
    features: Mapping[str, int | None]
    batch_size: int
    sequence_length: int

    @property
    def batches(self) -> int:
        """Of an epoch."""
        return -(-len(self.examples) // self.batch_size)

    def train_order(self, seed: int, epoch: int) -> list[np.ndarray]:
        """Draws which rows come together, and in which order.

        Args:
            seed: Of the trial.
            epoch: From 0.

        Returns: Places of examples, int64 (batch_size,) a batch; in the last one
            maybe fewer.
        """
        draw = np.random.default_rng([seed, epoch])
        order = draw.permutation(len(self.examples))
        lengths = np.array([len(example["token_ids"]) for example in self.examples])
        batches: list[np.ndarray] = []
        chunk = _SORTED_BATCHES * self.batch_size
        for first in range(0, len(order), chunk):
            part = order[first : first + chunk]
            part = part[np.argsort(lengths[part], kind="stable")]
            batches += np.split(
                part, range(self.batch_size, len(part), self.batch_size)
            )
        return [batches[place] for place in draw.permutation(len(batches))]

    def sorted_order(self) -> list[np.ndarray]:
        """Puts all rows in the order of their length, for predictions."""
        lengths = [len(example["token_ids"]) for example in self.examples]
        order = np.argsort(lengths, kind="stable")
        return self._split(order)

    def _split(self, order: np.ndarray) -> list[np.ndarray]:
        return np.split(order, range(self.batch_size, len(order), self.batch_size))

    def make(self, places: np.ndarray) -> dict[str, np.ndarray]:
        """Makes a batch of the examples at these places; see `task_kind.py`."""
        rows = [self.examples[place] for place in places]
        longest = max(len(row["token_ids"]) for row in rows)
        length = min(-(-longest // _LENGTH_STEP) * _LENGTH_STEP, self.sequence_length)
        paddings = {"token_ids": _PAD_ID, "segment_ids": 0, **self.features}
        batch = {
            name: self._stack([row[name] for row in rows], length, padding)
            for name, padding in paddings.items()
        }
        ones = [np.ones(len(row["token_ids"]), np.int32) for row in rows]
        batch["padding_mask"] = self._stack(ones, length, 0)
        batch["padding_mask"][:, 0] = 1  # A row without tokens is for damaged data.
        batch["weights"] = np.zeros(self.batch_size, np.float32)
        batch["weights"][: len(rows)] = 1.0
        return batch

    def _stack(
        self, values: Sequence[np.ndarray], length: int, padding: int | None
    ) -> np.ndarray:
        shape = (self.batch_size, *(() if padding is None else (length,)))
        stacked = np.full(shape, padding or 0, values[0].dtype)
        for place, value in enumerate(values):
            if padding is None:
                stacked[place] = value
            else:
                stacked[place, : len(value)] = value
        return stacked

    def train_dataset(
        self, seed: int, start_step: int, share: BatchShare = WHOLE_BATCH
    ) -> tf.data.Dataset:
        """Makes the endless stream of batches from an optimizer step on."""

        def generate() -> Iterator[dict[str, np.ndarray]]:
            epoch, first = divmod(start_step, self.batches)
            while True:
                for places in self.train_order(seed, epoch)[first:]:
                    yield self.make(places)
                epoch, first = epoch + 1, 0

        dataset = tf.data.Dataset.from_generator(
            generate, output_signature=self.signature()
        )
        return share.cut(dataset, self.batch_size).prefetch(2)

    def predict_dataset(self) -> tf.data.Dataset:
        """Makes the batches of `sorted_order`, once."""
        return tf.data.Dataset.from_generator(
            lambda: map(self.make, self.sorted_order()),
            output_signature=self.signature(),
        ).prefetch(2)

    def signature(self) -> dict[str, tf.TensorSpec]:
        """What a batch looks like, with open lengths."""
        batch = self.make(np.arange(1))
        return {
            name: tf.TensorSpec([self.batch_size, None][: value.ndim], value.dtype)
            for name, value in batch.items()
        }


class TaskBatches:
    """The batches of a trial, for `windowed_fit.py`.

    Args:
        train: Makes those that are learned from.
        validation: Makes those that are predicted.
        seed: Of the trial.
        strategy: That it trains under.
    """

    held_out_batches: int | None = None

    def __init__(
        self,
        train: BatchMaker,
        validation: BatchMaker,
        seed: int,
        strategy: tf.distribute.Strategy,
    ) -> None:
        self._train = train
        self._validation = validation
        self._seed = seed
        self._strategy = strategy

    def train(
        self, start_step: int
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """The batches from `start_step` on, without end."""
        return distribute(
            self._strategy,
            lambda share: self._train.train_dataset(self._seed, start_step, share),
        )

    def held_out(self) -> tf.data.Dataset:
        """Batches of the validation file.

        Keras wants them; `TaskTuner.evaluate` predicts by itself.
        """
        return self._validation.predict_dataset()
