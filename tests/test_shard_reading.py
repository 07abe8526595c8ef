"""python -m pytest tests/test_shard_reading.py"""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.dataset import make_eval_dataset, make_train_dataset
from electra_keras.data.info import load_info
from electra_keras.data.shard_reading import find_damage, read_shards
from electra_keras.errors import ElectraError, UsageError
from electra_keras.training.history import History
from electra_keras.training.run import train

DAMAGED = "train-00001-of-00003.tfrecord.gz"


@pytest.fixture
def damaged(make_data_folder: Any) -> Path:
    """Three shards of 20 examples, one of which is damaged behind its eighth."""
    folder = make_data_folder(train=(20, 20, 20), validation=(9,))
    path = folder / DAMAGED
    data = bytearray(zlib.decompress(path.read_bytes(), wbits=31))
    place = 0
    for _ in range(8):
        size = int.from_bytes(data[place : place + 8], "little")
        place += 8 + 4 + size + 4
    data[place + 14] ^= 1
    packer = zlib.compressobj(wbits=31)
    path.write_bytes(packer.compress(bytes(data)) + packer.flush())
    return folder


def rows_by_index(folder: Path, **settings: Any) -> list[tuple[int, ...]]:
    dataset = make_train_dataset(folder, global_batch_size=20, **settings)
    rows = np.concatenate([b["token_ids"].numpy() for b in dataset.take(3)])
    return sorted(tuple(row[row > 0].tolist()) for row in rows)


def test_damage_is_an_error_that_names_file_and_byte(damaged: Path) -> None:
    with pytest.raises(tf.errors.DataLossError):
        rows_by_index(damaged)
    found = find_damage(damaged, load_info(damaged))
    assert isinstance(found, ElectraError)
    assert f"{damaged / DAMAGED} cannot be read at byte " in str(found)
    assert ": 8 of its 20 examples are whole" in str(found)
    assert "--skip_corrupt" in str(found)


def test_whole_folder_has_no_damage(data_folder: Path) -> None:
    assert find_damage(data_folder, load_info(data_folder)) is None


@pytest.mark.parametrize("left", [0, 100])
def test_truncated_shard_is_damage_too(make_data_folder: Any, left: int) -> None:
    folder = make_data_folder(train=(20, 20), validation=())
    path = folder / "train-00000-of-00002.tfrecord.gz"
    path.write_bytes(path.read_bytes()[:left])
    found = find_damage(folder, load_info(folder))
    assert found is not None and f"{path} cannot be read" in str(found)


def test_skipped_examples_are_rows_of_padding_and_the_others_keep_their_places(
    damaged: Path, make_data_folder: Any
) -> None:
    whole = make_data_folder("whole", train=(20, 20, 20), validation=(9,))
    expected, received = rows_by_index(whole), rows_by_index(damaged, skip_corrupt=True)
    assert received.count(()) == 12
    assert set(received) - {()} < set(expected)
    assert len(set(received) - {()}) == 48
    pairs = zip(
        make_train_dataset(whole, global_batch_size=20).take(3),
        make_train_dataset(damaged, global_batch_size=20, skip_corrupt=True),
        strict=False,
    )
    for one, other in pairs:
        is_read = other["padding_mask"].numpy().any(axis=1)
        for name, value in one.items():
            assert np.array_equal(value[is_read], other[name][is_read]), name
        assert not other["mask_weights"][~is_read].numpy().any()


def test_missing_shard_is_told_and_never_skipped(damaged: Path) -> None:
    (damaged / DAMAGED).unlink()
    for skip in (False, True):
        with pytest.raises(UsageError, match=f"1 of 4 shards .* such as {DAMAGED}"):
            make_train_dataset(damaged, global_batch_size=20, skip_corrupt=skip)


def test_held_out_examples_are_skipped_too(make_data_folder: Any) -> None:
    folder = make_data_folder(validation=(40,))
    path = next(folder.glob("validation-*"))
    path.write_bytes(path.read_bytes()[:200])
    dataset = make_eval_dataset(folder, global_batch_size=8, skip_corrupt=True)
    rows = np.concatenate([batch["padding_mask"].numpy() for batch in dataset])
    assert rows.shape[0] == 40
    assert 0 < rows.any(axis=1).sum() < 40


@pytest.mark.parametrize("packing", ["reference", "dense"])
def test_what_cannot_be_read_can_be_parsed(
    data_folder: Path, tmp_path: Path, packing: str
) -> None:
    from electra_keras.data.features import parse_examples

    info = dataclasses.replace(load_info(data_folder), packing=packing)
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    files, sizes = tf.constant([str(empty)]), tf.constant([3], tf.int64)
    records = list(read_shards(files, sizes, info, skip_corrupt=True))
    assert len(records) == 3
    rows = parse_examples(tf.stack(records), 16, info.token_ids_dtype, packing)
    assert rows["padding_mask"].shape == (3, 16)
    assert not rows["padding_mask"].numpy().any()


def test_a_run_names_the_damage_and_goes_past_it_when_told(
    damaged: Path, tiny_config, tmp_path: Path
) -> None:
    settings = {"train_steps": 4, "checkpoint_every_steps": 4}
    config = dataclasses.replace(
        tiny_config, train=dataclasses.replace(tiny_config.train, **settings)
    )
    with pytest.raises(ElectraError, match=r"cannot be read at byte \d+ of what"):
        train(config, damaged, tmp_path / "run")
    train(config, damaged, tmp_path / "run", skip_corrupt=True)
    rows = History(tmp_path / "run").rows("train")
    # 32 of 60 examples are seen, 12 of which cannot be read.
    skipped = sum(row["unreadable_examples"] for row in rows)
    assert 0 < skipped <= 12
