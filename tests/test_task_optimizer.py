"""python -m pytest tests/test_task_optimizer.py"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from tasks_fixtures import text_task

from electra_keras.config import TrainConfig
from electra_keras.finetuning.task_network import build_task_network
from electra_keras.finetuning.task_optimizer import (
    find_layer_rates,
    make_task_optimizer,
)
from electra_keras.finetuning.tasks.classification import Classification
from electra_keras.model_config import ModelConfig

STATE = {"values": ["bad", "good"], "names": ["bad", "good"], "weights": [1.0, 1.0]}


@pytest.fixture
def network(tiny_model: ModelConfig, tmp_path: Path) -> keras.Model:
    kind = Classification(text_task(tmp_path), STATE)
    return build_task_network(tiny_model, kind, seed=1)


def test_layers_near_the_text_learn_slower(network: keras.Model) -> None:
    rates = find_layer_rates(network, 2, 0.5)
    assert rates["task_head/projection/kernel"] == 1.0
    assert rates["discriminator_encoder/block_1/attention_output/kernel"] == 0.5
    assert rates["discriminator_encoder/block_0/attention_output/kernel"] == 0.25
    assert rates["embeddings/token_embeddings"] == 0.125
    assert rates["discriminator_encoder/embeddings_project/kernel"] == 0.125
    assert rates.keys() == {variable.path for variable in network.trainable_variables}


def test_the_reference_is_one_power_further(network: keras.Model) -> None:
    rates = find_layer_rates(network, 2, 0.5, compat="google")
    assert rates["task_head/projection/bias"] == 1.0
    assert rates["discriminator_encoder/block_1/attention_output/kernel"] == 0.25
    assert rates["embeddings/token_embeddings"] == 0.0625


def test_a_step_is_as_long_as_its_rate_says(network: keras.Model) -> None:
    train = TrainConfig(
        train_steps=10,
        warmup_steps=0,
        learning_rate=0.01,
        weight_decay_rate=0.0,
        clip_norm=1e9,
    )
    optimizer = make_task_optimizer(network, train, find_layer_rates(network, 2, 0.5))
    before = {v.path: v.numpy() for v in network.trainable_variables}
    gradients = [np.ones(v.shape, np.float32) for v in network.trainable_variables]
    optimizer.apply(gradients, network.trainable_variables)
    # Adam's first step is the rate itself where all gradients are 1.
    for path, step in (
        ("task_head/projection/kernel", 0.01),
        ("discriminator_encoder/block_1/attention_output/kernel", 0.005),
        ("embeddings/position_embeddings", 0.00125),
    ):
        (after,) = (v.numpy() for v in network.trainable_variables if v.path == path)
        np.testing.assert_allclose(before[path] - after, step, rtol=1e-3)
