"""python -m pytest tests/test_precision.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import DataConfig, ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.data.dataset import make_train_dataset
from electra_keras.data.info import load_info, load_vocabulary
from electra_keras.errors import UsageError
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.run import build_pretrainer

# Operations that must not be in bfloat16, and those that must.
FLOAT32 = {"Softmax", "Rsqrt", "SparseSoftmaxCrossEntropyWithLogits", "Log1p"}
PRODUCTS = {"MatMul", "BatchMatMulV2"}


def build(model: ModelConfig, folder: Path, precision: str) -> ElectraPretrainer:
    train = TrainConfig(train_steps=20, learning_rate=3e-3, precision=precision)
    info = load_info(folder)
    config = ExperimentConfig(model, DataConfig(), train)
    return build_pretrainer(config, load_vocabulary(folder, info))


@pytest.fixture(scope="module")
def dropping(tiny_model: ModelConfig) -> ModelConfig:
    return dataclasses.replace(tiny_model, dropout_rate=0.1)


def test_products_are_in_bfloat16_and_nothing_that_must_be_exact(
    dropping: ModelConfig, data_folder: Path
) -> None:
    policy = keras.config.dtype_policy().name
    pretrainer = build(dropping, data_folder, "bfloat16")
    assert keras.config.dtype_policy().name == policy == "float32"
    variables = [*pretrainer.variables, *pretrainer.optimizer.variables]
    # The optimizer counts its steps in int64.
    assert {v.dtype for v in variables} == {"float32", "int64"}
    iterator = iter(make_train_dataset(data_folder, global_batch_size=8))
    graph = pretrainer.make_train_function().get_concrete_function(iterator).graph
    graph = graph.as_graph_def()
    nodes = [
        node
        for part in (graph.node, *(f.node_def for f in graph.library.function))
        for node in part
    ]
    dtypes: dict[str, set[str]] = {}
    for node in nodes:
        if node.op in FLOAT32 | PRODUCTS:
            dtypes.setdefault(node.op, set()).add(tf.as_dtype(node.attr["T"].type).name)
    for op in FLOAT32:
        assert dtypes[op] == {"float32"}, op
    assert dtypes["BatchMatMulV2"] == {"bfloat16"}
    # Sums of biases' gradients are products in float32.
    assert dtypes["MatMul"] == {"bfloat16", "float32"}


def test_losses_in_bfloat16_are_nearly_those_in_float32(
    tiny_model: ModelConfig, data_folder: Path
) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        pretrainer = build(tiny_model, data_folder, precision)
        dataset = make_train_dataset(data_folder, global_batch_size=16)
        fitted = pretrainer.fit(dataset, steps_per_epoch=5, epochs=4, verbose=0)
        losses[precision] = np.array(fitted.history["loss"])
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.03)
    assert losses["bfloat16"][-1] < 0.95 * losses["bfloat16"][0]


def test_float16_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match=r"float16.*an overflow on another one"):
        TrainConfig(precision="float16")
    with pytest.raises(UsageError, match=r"train.precision 'double'; expected one of"):
        TrainConfig(precision="double")
