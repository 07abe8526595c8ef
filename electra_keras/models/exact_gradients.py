"""Dense product, LayerNorm, GELU and transpose, with gradients that cost less.

Used by `layers.py`. What autodiff makes of them is right too, and slow on a CPU:
sums over the rows of a matrix (the gradients of biases and of LayerNorm's
weights) are no reductions here but products with a row of ones, the mean and the
deviation of LayerNorm are differentiated as one, and GELU keeps its argument
only.
"""

from __future__ import annotations

import math
import string

import tensorflow as tf

_DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)


@tf.custom_gradient
def dense_product(x, kernel, bias):
    """Computes x @ kernel + bias.

    Args:
        x: float (N, C).
        kernel: float (C, D), the dtype of `x`.
        bias: float (D,), the same dtype.

    Returns:
        float (N, D).
    """

    def gradient(upstream):
        return (
            tf.matmul(upstream, kernel, transpose_b=True),
            tf.matmul(x, upstream, transpose_a=True),
            _sum_rows(upstream),
        )

    return tf.matmul(x, kernel) + bias, gradient


def normalise(x, gamma, beta, epsilon: float):
    """LayerNorm over the last axis.

    Args:
        x: float32 (..., C).
        gamma: float32 (C,).
        beta: float32 (C,).
        epsilon: Added to the variance.

    Returns:
        float32 (..., C).
    """

    @tf.custom_gradient
    def call(x, gamma, beta):
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        scale = tf.math.rsqrt(variance + epsilon)
        normal = centred * scale

        def gradient(upstream):
            of_normal = upstream * gamma
            mean = tf.reduce_mean(of_normal, axis=-1, keepdims=True)
            slope = tf.reduce_mean(of_normal * normal, axis=-1, keepdims=True)
            return (
                scale * (of_normal - mean - normal * slope),
                _sum_rows(upstream * normal),
                _sum_rows(upstream),
            )

        return normal * gamma + beta, gradient

    return call(x, gamma, beta)


@tf.custom_gradient
def gelu(x):
    """Exact GELU (erf), as the reference; not the tanh approximation."""

    def gradient(upstream):
        density = tf.exp(-0.5 * tf.square(x)) * tf.cast(_DENSITY_AT_0, x.dtype)
        return upstream * (_normal_cdf(x) + x * density)

    # As converters to LiteRT know it; halves are exact, so it is x * _normal_cdf(x).
    return (0.5 * x) * (1.0 + _erf_of_half(x)), gradient


def drop(x, keep, rate: float):
    """Sets to zero what is not kept, and scales up the rest.

    Args:
        x: float, any shape.
        keep: bool, the same shape.
        rate: Share that is dropped.
    """

    @tf.custom_gradient
    def call(x):
        return _scale_kept(x, keep, rate), lambda up: _scale_kept(up, keep, rate)

    return call(x)


def transpose(x, order: list[int]):
    """Reorders axes as `tf.transpose`, bit for bit.

    Its gradient knows the way back when it is traced. That of `tf.transpose` takes
    the order from the forward pass, as a tensor: where that is a function of its
    own, XLA must then know all that the function is given, weights and noise, when
    it compiles, and it compiles every step anew.

    Args:
        x: float, any shape.
        order: The axes of `x`, as they shall be.
    """
    axes = string.ascii_lowercase[: len(order)]
    return tf.einsum(f"{axes}->{''.join(axes[axis] for axis in order)}", x)


def _scale_kept(x, keep, rate):
    return tf.where(keep, x * (1.0 / (1.0 - rate)), tf.zeros([], x.dtype))


def _normal_cdf(x):
    return 0.5 * (1.0 + _erf_of_half(x))


def _erf_of_half(x):
    return tf.math.erf(x * tf.cast(math.sqrt(0.5), x.dtype))


def _sum_rows(x):
    """Sums all axes but the last: (C,), in float32 and back."""
    width = x.shape[-1]
    rows = tf.cast(tf.reshape(x, [-1, width]), tf.float32)
    ones = tf.ones([1, tf.shape(rows)[0]])
    return tf.cast(tf.reshape(tf.matmul(ones, rows), [width]), x.dtype)
