"""python -m pytest tests/test_planning_memory.py"""

from __future__ import annotations

import dataclasses
import math
import os

import keras
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.errors import UsageError
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.models.transformer_block import TransformerBlock
from electra_keras.planning import throughput
from electra_keras.planning.flops import RowSizes
from electra_keras.planning.memory import (
    ActivationSettings,
    estimate_serving,
    estimate_training,
)
from electra_keras.planning.outlines import EncoderOutline, NetworkOutline
from electra_keras.planning.plan import make_plan
from electra_keras.planning.stages import Stage
from electra_keras.planning.throughput import make_batch, measure_plan

# No two products of these are alike, so that a shape tells what a tensor is.
ROWS, LENGTH, HIDDEN, HEADS, INNER = 2, 11, 39, 3, 170
RENAMED = ("Identity", "IdentityN", "Reshape", "Squeeze")


def source(tensor: tf.Tensor) -> tf.Tensor:
    """The tensor whose memory this one shares."""
    while tensor.op.type in RENAMED:
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def kept_bytes(rate: float, dtype: str) -> int:
    """What the gradient of a Transformer block reads of its forward pass."""
    policy = keras.DTypePolicy(dtype)
    with_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        block = TransformerBlock(
            HIDDEN, HEADS, INNER, dropout_rate=rate, attention_dropout_rate=rate
        )
        block.build((None, HIDDEN))
    finally:
        keras.config.set_dtype_policy(with_policy)

    @tf.function(autograph=False)
    def run(hidden, bias):
        with noise_key(step_key(1, tf.constant(1), tf.constant(0))):
            return block(hidden, bias, training=True)

    function = run.get_concrete_function(
        tf.TensorSpec([ROWS * LENGTH, HIDDEN]), tf.TensorSpec([ROWS, 1, 1, LENGTH])
    )
    # A function whose gradient is due gives more: what the gradient reads. The
    # result itself is the next block's.
    forward, _ = function._delayed_rewrite_functions.forward_backward()
    read = {source(x).name: source(x) for x in forward.graph.outputs[1:]}
    activations = {
        ROWS * LENGTH * HIDDEN,
        ROWS * LENGTH * 3 * HIDDEN,
        ROWS * LENGTH * INNER,
        ROWS * HEADS * LENGTH * LENGTH,
    }
    return sum(
        math.prod(tensor.shape) * tensor.dtype.size
        for tensor in read.values()
        if math.prod(tensor.shape) in activations
    )


def encoder(num_layers: int) -> EncoderOutline:
    return EncoderOutline(HIDDEN, HIDDEN, num_layers, HEADS, INNER)


def network(name: str = "discriminator", num_layers: int = 1) -> NetworkOutline:
    return NetworkOutline(
        name=name,
        parameters={"a": 1_000, f"{name}/b": 500},
        trained_paths=frozenset({"a", f"{name}/b"}),
        encoders=(encoder(num_layers),),
        masked_lm_heads=int(name == "generator"),
        replaced_token_heads=int(name == "discriminator"),
    )


SETTINGS = ActivationSettings()
ROW = RowSizes("electra", LENGTH, mask_slots=1, vocabulary_size=40)


def activations_of(settings: ActivationSettings, num_layers: int) -> int:
    networks = (network(num_layers=num_layers),)
    stages = (Stage(1, networks),)
    return estimate_training(networks, stages, ROWS, ROW, settings).activations


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_block_keeps_what_its_gradient_reads(rate: float, dtype: str) -> None:
    settings = ActivationSettings(4 if dtype == "float32" else 2, rate > 0, rate > 0)
    of_a_block = activations_of(settings, 6) - activations_of(settings, 5)
    assert of_a_block == kept_bytes(rate, dtype)


def test_networks_that_share_weights_have_them_once() -> None:
    networks = (network("generator"), network())
    memory = estimate_training(networks, (Stage(1, networks),), 1, ROW, SETTINGS)
    assert memory.weights == memory.gradients == 4 * 2_000
    assert memory.optimizer == 2 * memory.weights
    assert memory.peak == 4 * memory.weights + memory.activations


def test_clipping_decides_the_peak_of_a_tiny_batch() -> None:
    large = dataclasses.replace(network(), parameters={"a": 10**9})
    large = dataclasses.replace(large, trained_paths=frozenset({"a"}))
    memory = estimate_training((large,), (Stage(1, (large,)),), 1, ROW, SETTINGS)
    assert memory.peak == 5 * memory.weights


def most(rows: int, row: RowSizes, *networks: NetworkOutline) -> int:
    stages = (Stage(1, networks),)
    return estimate_training(networks, stages, rows, row, SETTINGS).activations


def test_drawing_tokens_from_a_large_vocabulary_decides_the_peak() -> None:
    row = dataclasses.replace(ROW, vocabulary_size=10**6)
    logits = 4 * 10**6
    both = most(1, row, network("generator"), network())
    assert 6 * logits < both < 6.1 * logits
    assert most(3, row, network("generator"), network()) == 3 * both
    alone = dataclasses.replace(network(), masked_lm_heads=1)
    assert 3 * logits < most(1, row, alone) < 3.1 * logits
    only_run = (Stage(1, (network(),), (network("generator"),)),)
    networks = (network("generator"), network())
    drawn = estimate_training(networks, only_run, 1, row, SETTINGS).activations
    assert drawn == 6 * logits


def test_half_of_what_the_generator_keeps_is_beside_the_discriminators() -> None:
    row = dataclasses.replace(ROW, vocabulary_size=1)
    shallow, deep = network(), network(num_layers=2)
    of_a_block = most(1, row, deep) - most(1, row, shallow)
    generator = most(1, row, network("generator")) - of_a_block  # Its working memory.
    # Without a masked-LM head's few bytes at one position.
    both = most(1, row, network("generator"), shallow)
    assert both == most(1, row, shallow) + generator // 2


def test_logits_of_all_tokens_come_in_chunks() -> None:
    alone = dataclasses.replace(network(), masked_lm_heads=1)
    row = RowSizes("all_tokens_mlm", LENGTH, mask_slots=1, vocabulary_size=10**7)
    chunks = 4 * 4 * 2**24
    assert chunks < most(8, row, alone) < most(16, row, alone) < 1.1 * chunks
    small = dataclasses.replace(row, vocabulary_size=10**5)
    logits = 4 * 4 * LENGTH * 10**5
    assert logits < most(1, small, alone) < 1.1 * logits


def test_serving_takes_the_weights_and_the_widest_moment() -> None:
    memory = estimate_serving(network(num_layers=5), 2, LENGTH)
    assert memory.weights == 4 * 1_500
    # Feed-forward: two vectors of 39, three of 170.
    assert memory.activations == 2 * LENGTH * (2 * 39 + 3 * 170) * 4
    longer = estimate_serving(network(), 1, 400).activations
    assert longer == 400 * (4 * 39 + 2 * 3 * 400) * 4


def test_made_up_batch_is_a_masked_batch(tiny_model: ModelConfig) -> None:
    plan = make_plan(ExperimentConfig(tiny_model))
    batch = make_batch(plan.config.data, plan.row, 5, seed=3)
    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        **dict.fromkeys(("token_ids", "segment_ids", "padding_mask"), (5, 16)),
        "masked_token_ids": (5, 16),
        **dict.fromkeys(("mask_positions", "mask_ids", "mask_weights"), (5, 2)),
    }
    token_ids = batch["token_ids"].numpy()
    assert (token_ids[:, 0] == 2).all() and (token_ids[:, -1] == 3).all()
    assert token_ids[:, 1:-1].min() >= 5 and token_ids.max() < 40
    assert batch["mask_weights"].numpy().all()


def test_steps_are_timed_after_two_calls_of_the_graph(
    tiny_model: ModelConfig,
) -> None:
    model = dataclasses.replace(tiny_model, num_layers=1)
    train = TrainConfig(train_steps=8, uniform_generator=True, steps_per_execution=2)
    plan = make_plan(ExperimentConfig(model, train=train))
    # Two calls begin; then three take 8, 4 and 2 seconds.
    moments = iter([0.0, 100.0, 200.0, 208.0, 210.0, 214.0, 220.0, 222.0])
    measured = measure_plan(plan, 4, least_secs=14.0, clock=moments.__next__)
    assert (measured.rows, measured.steps, measured.step_secs) == (4, 6, 2.0)
    assert measured.tokens_per_sec == 4 * 16 / 2.0
    assert measured.device == f"CPU, {os.cpu_count()} cores"
    assert measured.peak_bytes >= 0
    assert list(moments) == []


def test_batch_beyond_the_machine_is_refused(
    tiny_config: ExperimentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(tiny_config, vocabulary_size=40)
    monkeypatch.setattr(throughput.os, "sysconf", lambda name: 1_000)
    with pytest.raises(UsageError, match=r"8 rows a step, 0 GB; .*--measured_rows=\d"):
        measure_plan(plan)
