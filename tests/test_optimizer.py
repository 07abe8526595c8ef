"""python -m pytest tests/test_optimizer.py"""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.objectives.electra import ElectraObjective
from electra_keras.training.optimizer import (
    ElectraAdamW,
    LinearWarmupDecay,
    make_optimizer,
    undecayed_variables,
)
from electra_keras.training.pretrainer import ElectraPretrainer


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        *((0, 0.25), (1, 0.5), (2, 0.75), (3, 1.0)),
        *((4, 1.0), (5, 15 / 16), (12, 0.5), (19, 1 / 16), (20, 0.0), (99, 0.0)),
    ],
)
def test_rate_rises_to_the_peak_and_falls_to_zero(step: int, expected: float) -> None:
    schedule = LinearWarmupDecay(1e-3, warmup_steps=4, train_steps=20)
    assert float(schedule(step)) == pytest.approx(expected * 1e-3, abs=1e-9)


def test_without_warmup_the_peak_comes_first() -> None:
    schedule = LinearWarmupDecay(1e-3, warmup_steps=0, train_steps=10)
    rates = [float(schedule(step)) for step in range(11)]
    assert rates == pytest.approx([1e-4 * (10 - step) for step in range(11)], abs=1e-9)


@pytest.mark.parametrize(("warmup", "steps"), [(10, 10), (11, 10), (-1, 10)])
def test_warmup_as_long_as_the_run_is_refused(warmup: int, steps: int) -> None:
    with pytest.raises(ValueError, match=f"warmup_steps {warmup}; expected 0 <="):
        LinearWarmupDecay(1e-3, warmup, steps)


@pytest.mark.parametrize("overlapped", [False, True])
def test_schedule_comes_back_from_its_config(overlapped: bool) -> None:
    schedule = LinearWarmupDecay(1e-3, 4, 20, overlapped=overlapped)
    again = LinearWarmupDecay.from_config(schedule.get_config())
    assert [float(again(step)) for step in (0, 7)] == [
        float(schedule(step)) for step in (0, 7)
    ]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        *((0, 0.0), (1, 0.25 * 19 / 20), (2, 0.5 * 18 / 20), (4, 16 / 20)),
        *((5, 15 / 20), (19, 1 / 20), (20, 0.0), (99, 0.0)),
    ],
)
def test_overlapped_rate_is_the_product_of_warmup_and_decay(
    step: int, expected: float
) -> None:
    schedule = LinearWarmupDecay(1e-3, 4, 20, overlapped=True)
    assert float(schedule(step)) == pytest.approx(expected * 1e-3, abs=1e-9)


def test_overlapped_warmup_may_be_longer_than_the_run_or_nothing() -> None:
    longer = LinearWarmupDecay(1.0, 40, 20, overlapped=True)
    rates = [float(longer(step)) for step in range(21)]
    assert max(rates) == rates[10] == pytest.approx(10 / 40 * 10 / 20)
    nothing = LinearWarmupDecay(1.0, 0, 20, overlapped=True)
    assert [float(nothing(step)) for step in (0, 5, 20)] == [1.0, 0.75, 0.0]
    with pytest.raises(ValueError, match="warmup_steps -1; expected 0 <="):
        LinearWarmupDecay(1.0, -1, 20, overlapped=True)


@pytest.mark.parametrize(("train_steps", "peak_step"), [(100, 9), (600, 59), (5, 0)])
def test_short_run_warms_up_for_a_tenth_at_most(
    pretrainer: ElectraPretrainer, train_steps: int, peak_step: int
) -> None:
    config = TrainConfig(train_steps=train_steps, warmup_steps=10_000)
    optimizer = make_optimizer(config, pretrainer)
    schedule = optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(train_steps + 1)]
    assert rates[peak_step] == pytest.approx(5e-4)
    assert max(rates) == pytest.approx(5e-4)
    assert rates[0] > 0 and rates[-2] > 0 and rates[-1] == 0.0


@pytest.fixture(scope="module")
def pretrainer(tiny_model: ModelConfig) -> ElectraPretrainer:
    return ElectraPretrainer(ElectraObjective.build(tiny_model))


def block(network: str, index: int) -> set[str]:
    prefix = f"{network}_encoder/block_{index}"
    return {
        *(f"{prefix}/{name}/bias" for name in DENSE),
        *(f"{prefix}/{name}/{kind}" for name in NORMS for kind in ("gamma", "beta")),
    }


DENSE = ("query_key_value", "attention_output", "intermediate", "output")
NORMS = ("attention_layer_norm", "output_layer_norm")


def test_biases_and_layer_norms_are_the_undecayed_variables(
    pretrainer: ElectraPretrainer,
) -> None:
    paths = [variable.path for variable in undecayed_variables(pretrainer)]
    assert len(paths) == len(set(paths))
    assert set(paths) == {
        *("embeddings/layer_norm/gamma", "embeddings/layer_norm/beta"),
        *block("generator", 0),
        *block("discriminator", 0),
        *block("discriminator", 1),
        "generator_encoder/embeddings_project/bias",
        "discriminator_encoder/embeddings_project/bias",
        *("masked_lm_head/layer_norm/gamma", "masked_lm_head/layer_norm/beta"),
        *("masked_lm_head/transform/bias", "masked_lm_head/output_bias"),
        *("replaced_token_head/transform/bias", "replaced_token_head/prediction/bias"),
    }


def test_step_without_gradients_decays_the_rest_alone(tiny_model: ModelConfig) -> None:
    pretrainer = ElectraPretrainer(ElectraObjective.build(tiny_model))
    variables = pretrainer.trainable_variables
    for variable in variables:
        variable.assign(tf.ones(variable.shape))
    config = TrainConfig(train_steps=10, learning_rate=0.1, weight_decay_rate=0.5)
    optimizer = make_optimizer(config, pretrainer)
    optimizer.apply([tf.zeros(v.shape) for v in variables], variables)
    undecayed = {id(variable) for variable in undecayed_variables(pretrainer)}
    assert 0 < len(undecayed) < len(variables)
    for variable in variables:
        expected = 1.0 if id(variable) in undecayed else 1.0 - 0.1 * 0.5
        assert variable.numpy() == pytest.approx(expected, abs=1e-6), variable.path


def test_optimizer_has_the_settings_of_the_configuration(
    pretrainer: ElectraPretrainer,
) -> None:
    config = TrainConfig(
        adam_beta_1=0.8, adam_beta_2=0.95, adam_epsilon=1e-5, clip_norm=2.0
    )
    optimizer = make_optimizer(config, pretrainer)
    assert (optimizer.beta_1, optimizer.beta_2) == (0.8, 0.95)
    assert (optimizer.epsilon, optimizer.global_clipnorm) == (1e-5, 2.0)
    assert optimizer.weight_decay == 0.01
    assert optimizer.bias_correction
    assert not optimizer._learning_rate.overlapped
    config = dataclasses.replace(config, weight_decay_rate=0.0)
    assert make_optimizer(config, pretrainer).weight_decay == 0.0


def test_reference_optimizer_has_another_schedule_and_no_correction(
    pretrainer: ElectraPretrainer,
) -> None:
    config = TrainConfig(compat="google", train_steps=100, learning_rate=0.1)
    optimizer = make_optimizer(config, pretrainer)
    assert not optimizer.bias_correction
    # A warm-up of 10,000 steps is not cut to the run.
    rates = [float(optimizer._learning_rate(step)) for step in (0, 50)]
    assert rates == pytest.approx([0.0, 0.1 * 0.5 * 50 / 10_000])
    config = dataclasses.replace(config, adam_bias_correction=True)
    assert make_optimizer(config, pretrainer).bias_correction


def test_optimizer_comes_back_from_its_config() -> None:
    schedule = LinearWarmupDecay(0.1, 4, 20, overlapped=True)
    optimizer = ElectraAdamW(schedule, bias_correction=False, global_clipnorm=2.0)
    again = ElectraAdamW.from_config(optimizer.get_config())
    assert not again.bias_correction
    assert again.get_config() == optimizer.get_config()


class OneMatrix(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(2)
        self.dense.build((None, 3))
        self.built = True


@pytest.mark.parametrize("compat", ["none", "google"])
def test_three_steps_equal_numpy(compat: str) -> None:
    model = OneMatrix()
    kernel = np.arange(6, dtype=np.float64).reshape(3, 2) - 2.0
    bias = np.array([0.5, -0.5])
    model.dense.kernel.assign(kernel)
    model.dense.bias.assign(bias)
    config = TrainConfig(
        compat=compat,
        train_steps=40,
        warmup_steps=4,
        learning_rate=0.01,
        weight_decay_rate=0.1,
    )
    optimizer = make_optimizer(config, model)
    choose = np.random.default_rng(0)
    moments = {name: [0.0, 0.0] for name in ("kernel", "bias")}
    for step in range(3):
        gradients = {
            "kernel": choose.normal(size=(3, 2)) * 4**step / 8,
            "bias": choose.normal(size=2) * 4**step / 8,
        }
        optimizer.apply(
            [tf.constant(gradients[name], tf.float32) for name in ("kernel", "bias")],
            model.trainable_variables,
        )
        norm = np.sqrt(sum((g**2).sum() for g in gradients.values()))
        # Keras adds epsilon before the second moment's bias is corrected.
        unbias = np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        rate = 0.01 * (step + 1) / 4
        if compat == "google":
            unbias, rate = 1.0, 0.01 * (1 - step / 40) * step / 4
        values = {"kernel": kernel * (1 - 0.1 * rate), "bias": bias}
        for name, gradient in gradients.items():
            gradient = gradient / max(1.0, norm)
            first, second = moments[name]
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            moments[name] = [first, second]
            update = rate * unbias * first / (np.sqrt(second) + 1e-6)
            values[name] = values[name] - update
        kernel, bias = values["kernel"], values["bias"]
        assert model.dense.kernel.numpy() == pytest.approx(kernel, abs=1e-6)
        assert model.dense.bias.numpy() == pytest.approx(bias, abs=1e-6)


def test_gradients_are_clipped_by_their_common_norm() -> None:
    optimizer = ElectraAdamW(0.1, global_clipnorm=1.0)
    clipped = optimizer._clip_gradients([tf.constant([3.0, 0.0]), tf.constant([4.0])])
    assert [g.numpy().tolist() for g in clipped] == [
        pytest.approx([0.6, 0.0]),
        pytest.approx([0.8]),
    ]
    small = optimizer._clip_gradients([tf.constant([0.3]), tf.constant([0.4])])
    assert [float(g[0]) for g in small] == pytest.approx([0.3, 0.4])


def test_repeated_rows_of_a_table_are_summed_before_clipping() -> None:
    optimizer = ElectraAdamW(0.1, global_clipnorm=1.0)
    values = tf.constant([[3.0], [4.0]])
    gradient = tf.IndexedSlices(values, tf.constant([1, 1]), tf.constant([3, 1]))
    (clipped,) = optimizer._clip_gradients([gradient])
    assert clipped.numpy().tolist() == [[0.0], [pytest.approx(1.0)], [0.0]]
