"""Shards to masked batches, in an order that the step alone determines.

Reads the folder described by `info.py`, feeds `training/pretrainer.py`.

The training stream is epoch after epoch of all examples. In each epoch the
shards are permuted, taken `mixed_shards` at a time, and the examples of such
a group are permuted together. Batch k of a run holds the examples
[k x B, (k + 1) x B) of that stream, so a resumed run starts at its place after
reading one group.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from electra_keras.config import DataConfig
from electra_keras.data.features import parse_examples
from electra_keras.data.info import DatasetInfo, load_info
from electra_keras.data.masking import MaskingConfig, hash_noise, mask_tokens
from electra_keras.data.shard_reading import read_shards
from electra_keras.errors import UsageError

# Streams of the data order, kept apart from each other by `index_shuffle`.
_SHARD_ORDER_STREAM = 0
_EXAMPLE_ORDER_STREAM = 1


@dataclasses.dataclass(frozen=True)
class BatchShare:
    """The part of every global batch that one input pipeline makes.

    Attributes:
        index: Of the pipeline; each worker has one.
        pipelines: In all.
        replicas: Of this pipeline: each gets batches of its own, in turns.
    """

    index: int = 0
    pipelines: int = 1
    replicas: int = 1

    def cut(self, dataset: tf.data.Dataset, global_batch_size: int) -> tf.data.Dataset:
        """Cuts batches of B rows to the replicas' own, of B / all replicas."""
        if self.pipelines == self.replicas == 1:
            return dataset
        rows = global_batch_size // self.pipelines
        part = slice(self.index * rows, (self.index + 1) * rows)

        def take(*batch: Any) -> Any:
            cut = tf.nest.map_structure(lambda value: value[part], batch)
            return cut if len(cut) > 1 else cut[0]

        return dataset.map(take).rebatch(rows // self.replicas, drop_remainder=True)


WHOLE_BATCH = BatchShare()


def make_train_dataset(
    folder: str | Path,
    *,
    global_batch_size: int,
    config: DataConfig | None = None,
    seed: int = 1,
    start_step: int = 0,
    share: BatchShare = WHOLE_BATCH,
    skip_corrupt: bool = False,
) -> tf.data.Dataset:
    """Makes the endless stream of masked training batches.

    Args:
        folder: Written by `beam_pipelines.preprocess`.
        global_batch_size: B over all replicas, examples.
        config: Masking and mixing; what `train.compat` decides counts as off.
        seed: Of the order and of the masks.
        start_step: Batches already consumed, by the run that is resumed.
        share: Which part of each batch is made. Rows and masks do not depend on
            how batches are cut.
        skip_corrupt: In the place of an example that cannot be read stands a row of
            padding, which counts nowhere; else it is an error.

    Returns:
        Batches with the names and shapes of `features.py`.

    Raises:
        UsageError: The folder is not whole, has another sequence length, or
            fewer training examples than a batch.
    """
    info, masking = _open(folder, config, seed)
    check_fits(info, "train", global_batch_size, folder)
    mixed_shards = (config or DataConfig()).mixed_shards
    order = _EpochOrder(
        info,
        Path(folder),
        seed=seed,
        mixed_shards=mixed_shards,
        skip_corrupt=skip_corrupt,
    )
    group, skipped = order.place(start_step * global_batch_size)

    def load(counter: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        epoch, index, records = order.load_group(counter)
        start = tf.where(counter == group, tf.constant(skipped, tf.int64), 0)
        return (
            tf.fill([tf.size(index) - tf.cast(start, tf.int32)], epoch),
            index[start:],
            records[start:],
        )

    def finish(
        epoch: tf.Tensor, index: tf.Tensor, records: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        rows = _parse(records, info)
        return mask_tokens(rows, index, epoch, masking)

    dataset = tf.data.Dataset.range(group, np.iinfo(np.int64).max)
    dataset = dataset.map(load).prefetch(1)
    # Rebatching across groups and epochs: no example is ever left over.
    dataset = dataset.rebatch(global_batch_size, drop_remainder=True)
    dataset = share.cut(dataset, global_batch_size)
    dataset = dataset.map(finish, num_parallel_calls=2, deterministic=True)
    return dataset.prefetch(4).with_options(_options())


def make_eval_dataset(
    folder: str | Path,
    *,
    global_batch_size: int,
    split: str = "validation",
    config: DataConfig | None = None,
    seed: int = 1,
    max_examples: int | None = None,
    share: BatchShare = WHOLE_BATCH,
    skip_corrupt: bool = False,
) -> tf.data.Dataset:
    """Makes one pass over held-out examples, with the same masks every time.

    Args:
        folder: Written by `beam_pipelines.preprocess`.
        global_batch_size: B over all replicas. The last batch is filled up
            with rows of padding, which no metric counts.
        split: "validation" or "train".
        config: Masking, as in `make_train_dataset`.
        seed: Of the masks.
        max_examples: At most so many, from the start; None: all.
        share: Which part of each batch is made.
        skip_corrupt: As in `make_train_dataset`.

    Raises:
        UsageError: The folder is not whole or the split is empty.
    """
    info, masking = _open(folder, config, seed)
    check_fits(info, split, 1, folder)
    shards = info.splits[split]
    files = [str(Path(folder) / shard.file) for shard in shards]

    def finish(index: tf.Tensor, records: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = _parse(records, info)
        missing = global_batch_size - tf.size(index)
        rows = {
            name: tf.ensure_shape(
                tf.pad(value, [[0, missing], [0, 0]]),
                [global_batch_size, info.sequence_length],
            )
            for name, value in rows.items()
        }
        index = tf.ensure_shape(tf.pad(index, [[0, missing]]), [global_batch_size])
        return mask_tokens(rows, index, tf.constant(0, tf.int64), masking)

    sizes = tf.constant([shard.examples for shard in shards], tf.int64)
    dataset = read_shards(tf.constant(files), sizes, info, skip_corrupt=skip_corrupt)
    if max_examples is not None:
        dataset = dataset.take(max_examples)
    dataset = dataset.enumerate().batch(global_batch_size)
    dataset = dataset.map(finish, num_parallel_calls=2, deterministic=True)
    dataset = share.cut(dataset, global_batch_size)
    # Keras steps once past the end of a dataset of unknown length.
    batches = count_eval_batches(info, split, global_batch_size, max_examples)
    known = tf.data.experimental.assert_cardinality(batches * share.replicas)
    return dataset.apply(known).prefetch(2).with_options(_options())


def count_eval_batches(
    info: DatasetInfo, split: str, global_batch_size: int, max_examples: int | None
) -> int:
    """Counts the global batches of `make_eval_dataset`, the last one filled up."""
    examples = min(max_examples or info.examples(split), info.examples(split))
    return -(-examples // global_batch_size)


@dataclasses.dataclass(frozen=True)
class _EpochOrder:
    """The order of shards and examples, as a function of seed and epoch."""

    info: DatasetInfo
    folder: Path
    seed: int
    mixed_shards: int
    skip_corrupt: bool = False

    @property
    def counts(self) -> np.ndarray:
        """Examples by shard, int64 (shards,)."""
        return np.array([s.examples for s in self.info.splits["train"]], np.int64)

    @property
    def groups(self) -> int:
        """Groups of mixed shards in an epoch."""
        return -(-len(self.counts) // self.mixed_shards)

    def shards_of(self, epoch: tf.Tensor, group: tf.Tensor) -> tf.Tensor:
        """Shard numbers of a group: int64 (mixed_shards or fewer,)."""
        shards = len(self.counts)
        place = tf.range(
            group * self.mixed_shards,
            tf.minimum((group + 1) * self.mixed_shards, shards),
        )
        return self._shuffle(place, _SHARD_ORDER_STREAM, epoch, shards)

    def load_group(self, counter: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Reads a group: its epoch, example indices (n,) and records (n,)."""
        counts = tf.constant(self.counts)
        starts = tf.constant(np.cumsum(self.counts) - self.counts)
        names = [str(self.folder / s.file) for s in self.info.splits["train"]]
        epoch, group = counter // self.groups, counter % self.groups
        shards = self.shards_of(epoch, group)
        sizes = tf.gather(counts, shards)
        total = tf.reduce_sum(sizes)
        files = tf.gather(tf.constant(names), shards)
        # One element past the promised count, so that a longer file shows.
        reader = read_shards(files, sizes, self.info, skip_corrupt=self.skip_corrupt)
        records = reader.batch(total + 1).get_single_element()
        agreed = tf.debugging.assert_equal(
            tf.size(records, tf.int64),
            total,
            "shards and info.json disagree on the number of examples; preprocess again",
        )
        with tf.control_dependencies([agreed]):
            records = tf.identity(records)  # Else the gather below may fail first.
        ends = tf.cumsum(sizes)
        shift = tf.repeat(tf.gather(starts, shards) - (ends - sizes), sizes)
        index = tf.range(total) + shift
        stream = _EXAMPLE_ORDER_STREAM + tf.cast(group, tf.int32)
        order = self._shuffle(tf.range(total), stream, epoch, total)
        return epoch, tf.gather(index, order), tf.gather(records, order)

    def place(self, example: int) -> tuple[int, int]:
        """Finds an example of the stream: its group and how many precede it."""
        epoch, offset = divmod(example, int(self.counts.sum()))
        for group in range(self.groups):
            shards = self.shards_of(
                tf.constant(epoch, tf.int64), tf.constant(group, tf.int64)
            )
            size = int(self.counts[shards.numpy()].sum())
            if offset < size:
                return epoch * self.groups + group, offset
            offset -= size
        raise AssertionError("groups cover the epoch")

    def _shuffle(
        self, index: tf.Tensor, stream: tf.Tensor | int, epoch: tf.Tensor, size: int
    ) -> tf.Tensor:
        """Places 0..size-1 in another order; a bijection for each key."""
        noise = hash_noise(self.seed, tf.convert_to_tensor(stream), epoch)
        key = tf.stack([tf.bitcast(noise, tf.int32), tf.cast(epoch, tf.int32)])
        max_index = tf.cast(size - 1, tf.int64)
        return tf.random.experimental.index_shuffle(index, key, max_index)


def _open(
    folder: str | Path, config: DataConfig | None, seed: int
) -> tuple[DatasetInfo, MaskingConfig]:
    config = config or DataConfig()
    info = load_info(folder)
    if config.sequence_length not in (None, info.sequence_length):
        raise UsageError(
            f"data.sequence_length {config.sequence_length}",
            expected=f"{info.sequence_length}, the length that {folder} was "
            "preprocessed with",
            fix="Change it, or preprocess again with --sequence_length="
            f"{config.sequence_length}.",
        )
    masking = MaskingConfig(
        sequence_length=info.sequence_length,
        special_token_ids=info.special_token_ids,
        mask_rate=config.mask_rate,
        mask_token_rate=config.mask_token_rate,
        with_replacement=bool(config.mask_with_replacement),
        mask_unknown_tokens=bool(config.mask_unknown_tokens),
        seed=seed,
    )
    return info, masking


def _parse(records: tf.Tensor, info: DatasetInfo) -> dict[str, tf.Tensor]:
    return parse_examples(
        records, info.sequence_length, info.token_ids_dtype, info.packing
    )


def check_fits(
    info: DatasetInfo, split: str, examples: int, folder: str | Path
) -> None:
    """Checks that a split has at least so many examples, and any at all.

    Raises:
        UsageError: It has fewer.
    """
    found = info.examples(split)
    if found < examples or found == 0:
        raise UsageError(
            f"{folder} has {found} {split} examples",
            expected=f"at least {max(1, examples)}, one batch",
            fix="Give more text, or lower train.global_batch_size."
            if split == "train"
            else "Preprocess again with a higher --validation_rate.",
        )


def _options() -> tf.data.Options:
    options = tf.data.Options()
    # Every worker computes its own slice; TensorFlow must not guess one.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return options
