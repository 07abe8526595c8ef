"""python -m pytest tests/test_exact_gradients.py"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.models.exact_gradients import dense_product, drop, gelu, normalise

choose = np.random.default_rng(0)
KEEP = choose.random((5, 7)) > 0.3


def plain_norm(x, gamma, beta):
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-3) * gamma + beta


def plain_gelu(x):
    root = tf.sqrt(tf.constant(2.0, x.dtype))
    return x * 0.5 * (1.0 + tf.math.erf(x / root))


# What is to be computed, in plain operations; ours; and the shapes of its inputs.
CASES: dict[str, tuple[Callable, Callable, list[tuple[int, ...]]]] = {
    "dense": (lambda x, k, b: x @ k + b, dense_product, [(5, 7), (7, 3), (3,)]),
    "norm": (
        plain_norm,
        lambda *inputs: normalise(*inputs, epsilon=1e-3),
        [(5, 7), (7,), (7,)],
    ),
    "norm of rows of tokens": (
        plain_norm,
        lambda *inputs: normalise(*inputs, epsilon=1e-3),
        [(2, 3, 7), (7,), (7,)],
    ),
    "gelu": (plain_gelu, gelu, [(5, 7)]),
    "drop": (
        lambda x: x * tf.cast(KEEP, x.dtype) / 0.75,
        lambda x: drop(x, tf.constant(KEEP), 0.25),
        [(5, 7)],
    ),
}


def value_and_gradients(call: Callable, inputs: list, upstream, dtype) -> list:
    tensors = [tf.constant(value, dtype) for value in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = call(*tensors)
    gradients = tape.gradient(value, tensors, tf.constant(upstream, dtype))
    return [part.numpy().astype(np.float64) for part in (value, *gradients)]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_values_and_gradients_equal_those_of_autodiff(
    case: str, compiled: bool
) -> None:
    plain, ours, shapes = CASES[case]
    inputs = [choose.normal(size=shape) * 2.0 for shape in shapes]
    upstream = choose.normal(size=plain(*map(tf.constant, inputs)).shape)
    expected = value_and_gradients(plain, inputs, upstream, tf.float64)
    ours = tf.function(ours, jit_compile=True) if compiled else ours
    received = value_and_gradients(ours, inputs, upstream, tf.float32)
    assert len(received) == 1 + len(inputs)
    for one, other in zip(received, expected, strict=True):
        assert np.allclose(one, other, rtol=2e-5, atol=2e-5)


def test_bias_of_many_rows_is_summed_in_float32() -> None:
    # In bfloat16 a sum of ones would stop at 256.
    x, kernel, bias = (tf.ones(s, tf.bfloat16) for s in ((1024, 2), (2, 3), (3,)))
    with tf.GradientTape() as tape:
        tape.watch(bias)
        value = dense_product(x, kernel, bias)
    assert tape.gradient(value, bias).numpy().tolist() == [1024.0] * 3
