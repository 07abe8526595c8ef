"""python -m pytest tests/test_dataset.py"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import DataConfig, ExperimentConfig, TrainConfig
from electra_keras.data.dataset import make_eval_dataset, make_train_dataset
from electra_keras.errors import ElectraError, UsageError

TRAIN, VALIDATION = 300, 45
FIRST_WORD_ID, WORDS = 6, 34

RowOf = Callable[[int], tuple[list[int], int]]
Batch = dict[str, np.ndarray]


def train_batches(folder: Path, count: int, **settings: Any) -> list[Batch]:
    settings = {"global_batch_size": 8, "seed": 3, **settings}
    dataset = make_train_dataset(folder, **settings).take(count)
    return list(dataset.as_numpy_iterator())


def join(batches: list[Batch]) -> Batch:
    return {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}


def numbers(batch: Batch) -> list[int]:
    """Which rows of `make_row` a batch holds, by the digits behind [CLS]."""
    digits = batch["token_ids"][:, 1:3] - FIRST_WORD_ID
    return (digits[:, 0] * WORDS + digits[:, 1]).tolist()


def assert_equal_batches(first: list[Batch], second: list[Batch]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            assert np.array_equal(one[name], other[name]), name


@pytest.fixture(scope="module")
def stream(data_folder: Path) -> list[Batch]:
    """Two epochs, 600 examples in 75 batches."""
    return train_batches(data_folder, 75)


def test_every_example_comes_once_in_every_epoch(stream: list[Batch]) -> None:
    # The first epoch ends in the middle of the 38th batch; nothing is dropped.
    order = numbers(join(stream))
    assert sorted(order[:TRAIN]) == list(range(TRAIN))
    assert sorted(order[TRAIN:]) == list(range(TRAIN))


def test_rows_are_those_of_the_shards(stream: list[Batch], row_of: RowOf) -> None:
    batch = join(stream[:38])
    for place, number in enumerate(numbers(batch)):
        ids, first = row_of(number)
        padding = [0] * (16 - len(ids))
        assert batch["token_ids"][place].tolist() == ids + padding
        assert batch["padding_mask"][place].tolist() == [1] * len(ids) + padding
        segments = [0] * first + [1] * (len(ids) - first)
        assert batch["segment_ids"][place].tolist() == segments + padding


def test_batches_have_the_shapes_and_dtypes_of_the_glossary(data_folder: Path) -> None:
    spec = make_train_dataset(data_folder, global_batch_size=8).element_spec
    wide, narrow = (8, 16), (8, 2)
    assert {name: tuple(value.shape[1:]) for name, value in spec.items()} == {
        **dict.fromkeys(("token_ids", "segment_ids", "padding_mask"), wide[1:]),
        "masked_token_ids": wide[1:],
        **dict.fromkeys(("mask_positions", "mask_ids", "mask_weights"), narrow[1:]),
    }
    floats = {name for name, value in spec.items() if value.dtype == tf.float32}
    assert floats == {"mask_weights"}
    assert {v.dtype for k, v in spec.items() if k not in floats} == {tf.int32}


def test_order_differs_between_epochs(stream: list[Batch]) -> None:
    order = np.array(numbers(join(stream)))
    assert (order[:TRAIN] == order[TRAIN:]).mean() < 0.05
    # Neighbours in a shard are apart: hardly a successor stays one.
    assert (np.diff(order) == 1).mean() < 0.05


def test_order_and_masks_differ_between_seeds(
    stream: list[Batch], data_folder: Path
) -> None:
    other = join(train_batches(data_folder, 37, seed=4))
    mine = join(stream[:37])
    assert (np.array(numbers(mine)) == np.array(numbers(other))).mean() < 0.05
    assert masks_by_number(mine) != masks_by_number(other)


def test_shards_are_mixed_by_group(data_folder: Path) -> None:
    config = DataConfig(mixed_shards=1)
    order = numbers(join(train_batches(data_folder, 37, config=config)))
    shard_of = [0 if n < 120 else 1 if n < 190 else 2 for n in order]
    sizes = [(k, len(list(v))) for k, v in itertools.groupby(shard_of)]
    assert [dict([(0, 120), (1, 70), (2, 110)])[k] for k, _ in sizes[:2]] == [
        size for _, size in sizes[:2]
    ]
    assert len(sizes) == 3
    mixed = numbers(join(train_batches(data_folder, 37)))
    assert len({n // 70 for n in mixed[:40]}) > 2


@pytest.mark.parametrize("mixed_shards", [1, 2, 4])
def test_start_step_resumes_at_the_very_next_batch(
    data_folder: Path, mixed_shards: int
) -> None:
    config = DataConfig(mixed_shards=mixed_shards)
    whole = train_batches(data_folder, 80, config=config)
    # 37 is the last start in the first epoch, 75 begins the third.
    for start_step in (1, 37, 38, 75):
        rest = train_batches(data_folder, 5, config=config, start_step=start_step)
        assert_equal_batches(whole[start_step : start_step + 5], rest)


def test_same_seed_gives_the_same_batches(
    stream: list[Batch], data_folder: Path
) -> None:
    assert_equal_batches(stream[:10], train_batches(data_folder, 10))


def masks_by_number(batch: Batch) -> dict[int, tuple[list[int], list[int]]]:
    return {
        number: (
            batch["mask_positions"][place].tolist(),
            batch["masked_token_ids"][place].tolist(),
        )
        for place, number in enumerate(numbers(batch))
    }


def test_mask_depends_on_example_and_epoch_only(
    stream: list[Batch], data_folder: Path
) -> None:
    rows = join(stream)
    epochs = [
        masks_by_number({k: v[part] for k, v in rows.items()})
        for part in (slice(0, TRAIN), slice(TRAIN, None))
    ]
    small = join(train_batches(data_folder, 75, global_batch_size=4))
    assert masks_by_number(small) == epochs[0]
    # Another order of the examples, and still the same masks.
    config = DataConfig(mixed_shards=1)
    alone = join(train_batches(data_folder, 75, global_batch_size=4, config=config))
    assert numbers(alone) != numbers(small)
    assert masks_by_number(alone) == epochs[0]
    changed = [n for n in range(TRAIN) if epochs[0][n] != epochs[1][n]]
    assert len(changed) > TRAIN / 2


def test_batch_as_large_as_the_data_and_larger_than_a_group(data_folder: Path) -> None:
    config = DataConfig(mixed_shards=1)
    batches = train_batches(data_folder, 2, global_batch_size=300, config=config)
    for batch in batches:
        assert sorted(numbers(batch)) == list(range(300))


def test_mask_rates_come_from_the_configuration(data_folder: Path) -> None:
    config = DataConfig(mask_rate=0.5, mask_token_rate=1.0)
    batch = join(train_batches(data_folder, 10, config=config))
    assert batch["mask_positions"].shape == (80, 8)
    used = batch["mask_weights"] > 0
    shown = np.take_along_axis(batch["masked_token_ids"], batch["mask_positions"], 1)
    assert (shown[used] == 4).all()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_ways_of_the_reference_come_from_the_configuration(
    data_folder: Path, split: str
) -> None:
    config = ExperimentConfig(
        data=DataConfig(mask_rate=0.5), train=TrainConfig(compat="google")
    ).data
    make = train_batches if split == "train" else eval_batches
    settings = {"count": 10} if split == "train" else {}
    batch = join(make(data_folder, config=config, **settings))
    used = batch["mask_weights"] > 0
    is_twice = np.diff(batch["mask_positions"], axis=1) == 0
    assert (is_twice & used[:, 1:]).any()
    assert (batch["mask_ids"][used] == 1).any()


def eval_batches(folder: Path, **settings: Any) -> list[Batch]:
    settings = {"global_batch_size": 8, "seed": 3, **settings}
    return list(make_eval_dataset(folder, **settings).as_numpy_iterator())


def test_evaluation_sees_every_example_once_in_order(data_folder: Path) -> None:
    batches = eval_batches(data_folder)
    assert [len(batch["token_ids"]) for batch in batches] == [8] * 6
    order = numbers(join(batches))
    assert order[:VALIDATION] == list(range(TRAIN, TRAIN + VALIDATION))


def test_last_batch_is_filled_up_with_padding(data_folder: Path) -> None:
    batch = join(eval_batches(data_folder))
    for name, value in batch.items():
        assert not value[VALIDATION:].any(), name
    assert batch["padding_mask"][:VALIDATION].any(axis=1).all()
    assert batch["mask_weights"][:VALIDATION].any(axis=1).sum() > 40


def test_evaluation_masks_are_the_same_every_time(data_folder: Path) -> None:
    first = eval_batches(data_folder)
    assert_equal_batches(first, eval_batches(data_folder))
    by_size = masks_by_number(join(eval_batches(data_folder, global_batch_size=5)))
    whole = {k: v[:VALIDATION] for k, v in join(first).items()}
    assert by_size == masks_by_number(whole)


@pytest.mark.parametrize(
    ("settings", "batches", "examples"),
    [
        ({}, 6, 45),
        ({"global_batch_size": 45}, 1, 45),
        ({"global_batch_size": 64}, 1, 45),
        ({"max_examples": 16}, 2, 16),
        ({"max_examples": 17}, 3, 17),
        ({"max_examples": 1000}, 6, 45),
        ({"split": "train"}, 38, 300),
    ],
)
def test_cardinality_is_known(
    data_folder: Path, settings: dict[str, Any], batches: int, examples: int
) -> None:
    settings = {"global_batch_size": 8, **settings}
    dataset = make_eval_dataset(data_folder, **settings)
    assert int(dataset.cardinality()) == batches
    rows = join(list(dataset.as_numpy_iterator()))
    assert int(rows["padding_mask"].any(axis=1).sum()) == examples


def test_static_shape_of_an_evaluation_batch(data_folder: Path) -> None:
    spec = make_eval_dataset(data_folder, global_batch_size=8).element_spec
    assert tuple(spec["token_ids"].shape) == (8, 16)
    assert tuple(spec["mask_positions"].shape) == (8, 2)


MAKERS = [make_train_dataset, make_eval_dataset]


@pytest.mark.parametrize("make", MAKERS)
def test_folder_that_is_not_there_is_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(UsageError, match=r"no data folder at .*none"):
        make(tmp_path / "none", global_batch_size=8)


@pytest.mark.parametrize("make", MAKERS)
def test_folder_that_is_not_completed_is_refused(
    make_data_folder: Any, make: Any
) -> None:
    folder = make_data_folder(train=(9,), validation=(9,))
    (folder / "COMPLETED").unlink()
    with pytest.raises(UsageError, match="has no COMPLETED file"):
        make(folder, global_batch_size=8)


@pytest.mark.parametrize("make", MAKERS)
def test_vocabulary_with_another_hash_is_refused(
    make_data_folder: Any, make: Any
) -> None:
    folder = make_data_folder(train=(9,), validation=(9,))
    with (folder / "vocab.txt").open("a") as file:
        file.write("zzz\n")
    with pytest.raises(ElectraError, match=r"vocab\.txt has hash \w{12}; expected"):
        make(folder, global_batch_size=8)


def test_missing_vocabulary_is_refused(make_data_folder: Any) -> None:
    folder = make_data_folder(train=(9,))
    (folder / "vocab.txt").unlink()
    with pytest.raises(UsageError, match="no vocabulary file at"):
        make_train_dataset(folder, global_batch_size=8)


@pytest.mark.parametrize("text", ["", "{}", "[1]", "{", '{"splits": 3}'])
def test_broken_info_is_refused(make_data_folder: Any, text: str) -> None:
    folder = make_data_folder(train=(9,))
    (folder / "info.json").write_text(text)
    with pytest.raises(ElectraError, match=r"info\.json cannot be read"):
        make_train_dataset(folder, global_batch_size=8)


@pytest.mark.parametrize("make", MAKERS)
def test_another_sequence_length_is_refused(data_folder: Path, make: Any) -> None:
    config = DataConfig(sequence_length=32)
    with pytest.raises(UsageError, match=r"data\.sequence_length 32; expected 16"):
        make(data_folder, global_batch_size=8, config=config)
    make(data_folder, global_batch_size=8, config=DataConfig(sequence_length=16))


def test_fewer_examples_than_a_batch_are_refused(data_folder: Path) -> None:
    with pytest.raises(UsageError, match="has 300 train examples; expected at least"):
        make_train_dataset(data_folder, global_batch_size=301)


def test_empty_split_is_refused(make_data_folder: Any) -> None:
    folder = make_data_folder(train=(9,), validation=())
    with pytest.raises(UsageError, match="has 0 validation examples"):
        make_eval_dataset(folder, global_batch_size=8)


@pytest.mark.parametrize("change", [1, -1])
def test_shard_with_a_record_too_many_or_missing_is_told(
    make_data_folder: Any, change: int
) -> None:
    folder = make_data_folder(train=(20, 20))
    other = make_data_folder("other", train=(20, 20 + change))
    name = "train-00001-of-00002.tfrecord.gz"
    (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"shards and info\.json disagree"
    ):
        train_batches(folder, 5)


@pytest.mark.parametrize("change", [1, -1])
def test_validation_shard_of_another_length_is_told(
    make_data_folder: Any, change: int
) -> None:
    folder = make_data_folder(train=(9,), validation=(16,))
    other = make_data_folder("other", train=(9,), validation=(16 + change * 8,))
    name = "validation-00000-of-00001.tfrecord.gz"
    (folder / name).write_bytes((other / name).read_bytes())
    with pytest.raises(
        tf.errors.FailedPreconditionError, match="was expected to contain 2 el"
    ):
        eval_batches(folder)


def test_cut_off_shard_is_told(make_data_folder: Any) -> None:
    folder = make_data_folder(train=(20, 20))
    shard = folder / "train-00001-of-00002.tfrecord.gz"
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(tf.errors.OpError):
        train_batches(folder, 5)
