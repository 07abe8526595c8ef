"""python -m pytest tests/test_run_batches.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import load_info
from electra_keras.training.run_batches import RunBatches


def make(folder: Path, config: ExperimentConfig) -> RunBatches:
    strategy = tf.distribute.get_strategy()
    return RunBatches(folder, load_info(folder), config, strategy, skip_corrupt=False)


def test_batches_go_on_from_a_step(
    data_folder: Path, tiny_config: ExperimentConfig
) -> None:
    batches = make(data_folder, tiny_config)
    from_start = list(batches.train(0).take(3))
    (from_two,) = batches.train(2).take(1)
    assert np.array_equal(from_start[2]["token_ids"], from_two["token_ids"])
    assert not np.array_equal(from_start[0]["token_ids"], from_two["token_ids"])


def test_held_out_text_is_counted_and_bounded(
    data_folder: Path, tiny_config: ExperimentConfig
) -> None:
    train = dataclasses.replace(
        tiny_config.train, evaluate_examples=8, global_batch_size=4
    )
    batches = make(data_folder, dataclasses.replace(tiny_config, train=train))
    assert batches.held_out_batches == 2
    whole = list(batches.whole_held_out())
    assert len(whole) == len(list(batches.held_out())) == 2


def test_no_held_out_text(data_folder: Path, tiny_config: ExperimentConfig) -> None:
    info = load_info(data_folder)
    info = dataclasses.replace(info, splits={"train": info.splits["train"]})
    strategy = tf.distribute.get_strategy()
    batches = RunBatches(data_folder, info, tiny_config, strategy, skip_corrupt=False)
    assert batches.held_out() is None and batches.whole_held_out() is None
    assert batches.held_out_batches is None
