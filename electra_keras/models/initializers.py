"""Initial weights, each a function of the run's seed and the weight's name.

Feeds `layers.py` and, with seeds of its parts, everything built from it.
"""

from __future__ import annotations

import zlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def child_seed(seed: int, name: str) -> int:
    """Derives a seed for a named part, so that no two draw the same weights."""
    return zlib.crc32(f"{seed}/{name}".encode())


def truncated_normal(
    stddev: float, seed: int, name: str
) -> keras.initializers.Initializer:
    """BERT's initializer: normal, cut at two standard deviations."""
    return keras.initializers.TruncatedNormal(
        stddev=stddev, seed=child_seed(seed, name)
    )


def glorot_uniform(seed: int, name: str) -> keras.initializers.Initializer:
    """TF1's default, where the reference left it."""
    return keras.initializers.GlorotUniform(child_seed(seed, name))


class Sinusoidal(keras.initializers.Initializer):
    """Rows of sines and cosines, to be trained from there.

    Wavelengths go from 2 pi to 2 pi x rows, evenly in the logarithm.

    Args:
        amplitude: Of every wave.
    """

    def __init__(self, amplitude: float):
        self.amplitude = amplitude

    def __call__(self, shape, dtype=None):
        rows, columns = shape
        waves = -(-columns // 2)
        frequency = float(rows) ** (-np.arange(waves) / waves)
        angle = np.arange(rows)[:, np.newaxis] * frequency
        table = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)[:, :columns]
        return tf.constant(self.amplitude * table, dtype or "float32")

    def get_config(self) -> dict[str, Any]:
        return {"amplitude": self.amplitude}
