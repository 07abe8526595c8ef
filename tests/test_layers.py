"""python -m pytest tests/test_layers.py"""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.models import layers
from electra_keras.models.exact_gradients import gelu
from electra_keras.models.layers import Dropout, Embeddings
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.models.transformer_block import TransformerBlock


def test_gelu_is_the_exact_one() -> None:
    x = [-3.0, -1.0, -0.1, 0.0, 0.5, 2.0]
    exact = [v * 0.5 * (1.0 + math.erf(v / math.sqrt(2.0))) for v in x]
    assert gelu(tf.constant(x)).numpy() == pytest.approx(exact, abs=1e-6)
    # The tanh approximation is off by 1.5e-4 here.
    assert float(gelu(tf.constant(-2.0))) == pytest.approx(-0.0455003, abs=2e-6)


def test_layer_norm_divides_by_the_very_deviation() -> None:
    norm = layers.layer_norm("norm")
    x = np.array([[1e-4, -1e-4, 3e-4, -3e-4]], np.float32)
    # With Keras' epsilon of 1e-3 the answer would be near zero.
    expected = x / x.std()
    assert norm(x).numpy() == pytest.approx(expected, abs=1e-3)
    assert norm.epsilon == 1e-12
    assert norm.compute_dtype == "float32"


def embeddings() -> Embeddings:
    layer = Embeddings(30, 8, max_sequence_length=6, seed=3)
    layer.build((None, None))
    for place, variable in enumerate(layer.variables):
        variable.assign(
            tf.random.stateless_normal(variable.shape, [place, 1], dtype=tf.float32)
        )
    return layer


def test_embeddings_are_the_normalised_sum_of_three_tables() -> None:
    layer = embeddings()
    token_ids = np.array([[2, 7, 3, 0], [2, 9, 9, 3]])
    segment_ids = np.array([[0, 0, 1, 0], [0, 1, 1, 1]])
    x = layer.token_embeddings.numpy()[token_ids]
    x = x + layer.segment_embeddings.numpy()[segment_ids]
    x = x + layer.position_embeddings.numpy()[:4]
    x = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    expected = x * layer.layer_norm.gamma.numpy() + layer.layer_norm.beta.numpy()
    received = layer(tf.constant(token_ids), tf.constant(segment_ids)).numpy()
    assert received == pytest.approx(expected, abs=1e-5)


def test_sinusoidal_positions_start_as_waves() -> None:
    layer = Embeddings(
        10,
        4,
        max_sequence_length=4,
        initializer_range=0.08,
        position_initializer="sinusoidal",
    )
    layer.build((None, None))
    # Amplitude 2.5 x 0.08; frequencies 1 and 1 / sqrt(4 rows); sines first.
    expected = [
        [
            0.2 * wave(row * frequency)
            for wave in (np.sin, np.cos)
            for frequency in (1.0, 0.5)
        ]
        for row in range(4)
    ]
    assert np.allclose(layer.position_embeddings.numpy(), expected, atol=1e-7)


def test_rows_longer_than_the_position_table_are_refused() -> None:
    ids = tf.ones([1, 7], tf.int32)
    with pytest.raises(ValueError, match="have 7 tokens; expected at most 6"):
        embeddings()(ids, tf.zeros_like(ids))


def block(**settings) -> TransformerBlock:
    layer = TransformerBlock(8, 2, 16, name="block", **settings)
    layer.build((None, 8))
    return layer


def test_block_keeps_its_shape_and_ends_normalised() -> None:
    hidden = tf.random.stateless_normal([6, 8], [1, 2])
    output = block()(hidden, tf.zeros([2, 1, 1, 3]), training=False).numpy()
    assert output.shape == (6, 8)
    assert output.mean(-1) == pytest.approx(np.zeros(6), abs=1e-6)
    assert output.std(-1) == pytest.approx(np.ones(6), abs=1e-5)


def test_dropout_does_nothing_outside_training() -> None:
    x = tf.ones([4, 8])
    dropout = Dropout(0.5)
    assert np.array_equal(dropout(x), x)
    assert np.array_equal(dropout(x, training=False), x)
    assert np.array_equal(Dropout(0.0)(x, training=True), x)


def test_dropout_without_an_open_key_is_refused() -> None:
    with pytest.raises(RuntimeError, match="my_dropout needs noise and no key is open"):
        Dropout(0.5, name="my_dropout")(tf.ones([4]), training=True)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5])
def test_dropout_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= rate < 1"):
        Dropout(rate)


def dropped(name: str, step: int = 0, replica: int = 0, rate: float = 0.5):
    layer = Dropout(rate, name=name)
    with noise_key(step_key(1, tf.constant(step), replica)):
        return layer(tf.ones([100, 64]), training=True).numpy()


def test_dropout_is_keyed_by_step_replica_and_layer() -> None:
    first = dropped("a")
    assert np.array_equal(first, dropped("a"))
    for other in (dropped("b"), dropped("a", step=1), dropped("a", replica=1)):
        # Independent halves agree in half of the places.
        assert abs((first == other).mean() - 0.5) < 4 * 0.5 / 80


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_zeroes_at_its_rate_and_scales_the_rest(rate: float) -> None:
    x = dropped("a", rate=rate)
    assert sorted(set(x.ravel().tolist())) == [0.0, pytest.approx(1 / (1 - rate))]
    assert abs((x == 0).mean() - rate) < 4 * (rate * (1 - rate) / x.size) ** 0.5


def test_block_draws_another_mask_for_each_of_its_dropouts() -> None:
    layer = block(dropout_rate=0.5, attention_dropout_rate=0.5)
    bias = tf.zeros([8, 1, 1, 8])
    assert len(set(layer.draw_ids)) == 3
    kept = layer.draw_kept(bias, step_key(1, tf.constant(0)), layer.draw_ids)
    shapes = {name: value.shape.as_list() for name, value in kept.items()}
    assert shapes == {
        "attention_dropout": [8, 2, 8, 8],
        "attention_output_dropout": [64, 8],
        "output_dropout": [64, 8],
    }
    first, second = kept["attention_output_dropout"], kept["output_dropout"]
    # Independent halves agree in half of the places.
    assert abs(np.mean(first.numpy() == second.numpy()) - 0.5) < 4 * 0.5 / 512**0.5
    assert block(dropout_rate=0.1, attention_dropout_rate=0.0).draw_ids == [
        *layer.draw_ids[1:]
    ]


@pytest.mark.parametrize(
    "layer",
    [
        Dropout(0.3, name="a"),
        Embeddings(30, 8, max_sequence_length=6, seed=3, name="b"),
        TransformerBlock(8, 2, 16, dropout_rate=0.2, seed=4, name="c"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layer_comes_back_from_its_own_config(layer: keras.layers.Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_same_seed_gives_the_same_weights_and_parts_differ() -> None:
    first, second = block(seed=5), block(seed=5)
    for one, other in zip(first.variables, second.variables, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())
    kernels = [v.numpy().ravel()[:50] for v in first.variables if v.name == "kernel"]
    assert len(kernels) == 4
    assert len({kernel.tobytes() for kernel in kernels}) == 4
    assert not np.array_equal(block(seed=6).variables[0], first.variables[0])
