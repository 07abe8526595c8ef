"""python -m pytest tests/test_fingerprints.py"""

from __future__ import annotations

import dataclasses

from electra_keras.config import ExperimentConfig
from electra_keras.experiments.fingerprints import hash_course, hash_step, hash_values


def with_train(config: ExperimentConfig, **values: object) -> ExperimentConfig:
    train = dataclasses.replace(config.train, **values)  # type: ignore[arg-type]
    return dataclasses.replace(config, train=train)


def test_the_order_of_keys_is_no_matter() -> None:
    assert hash_values({"a": 1, "b": "가"}) == hash_values({"b": "가", "a": 1})
    assert hash_values([1, None]) == "a83388536563"


def test_intervals_decide_no_weights(tiny_config: ExperimentConfig) -> None:
    course = hash_course(tiny_config)
    assert hash_course(with_train(tiny_config, evaluate_every_steps=7)) == course
    assert hash_course(with_train(tiny_config, train_steps=10)) != course
    assert hash_course(with_train(tiny_config, seed=2)) != course


def test_the_length_of_a_run_decides_no_time_of_a_step(
    tiny_config: ExperimentConfig,
) -> None:
    step = hash_step(tiny_config)
    assert hash_step(with_train(tiny_config, train_steps=10, seed=2)) == step
    assert hash_step(with_train(tiny_config, global_batch_size=16)) != step
    assert hash_step(with_train(tiny_config, micro_batches=2)) != step
