"""The reward that a generator may expect, from its own hidden states.

Reads hidden states of `networks.py`, feeds `objectives/adversarial.py`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.initializers import truncated_normal


class BaselineHead(keras.layers.Layer):
    """One logit per masked position: w^T h, without a bias.

    Args:
        initializer_range: Standard deviation of the initial weights.
        seed: Of the initial weights.

    Call arguments:
        hidden_states: float (B, S, H), of the generator.
        mask_positions: int32 (B, M).

    Returns: float32 (B, M).

    Source: Clark et al. 2020, appendix F.
    """

    def __init__(
        self, *, initializer_range: float = 0.02, seed: int = 1, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.initializer_range = initializer_range
        self.seed = seed
        self.prediction = keras.layers.Dense(
            1,
            use_bias=False,
            kernel_initializer=truncated_normal(initializer_range, seed, "prediction"),
            name="prediction",
        )

    def build(self, hidden_states_shape, mask_positions_shape=None):
        self.prediction.build((None, None, hidden_states_shape[-1]))

    def call(self, hidden_states, mask_positions):
        gathered = tf.gather(hidden_states, mask_positions, batch_dims=1)
        logits = tf.cast(self.prediction(gathered), tf.float32)[:, :, 0]
        return tf.ensure_shape(logits, mask_positions.shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "initializer_range": self.initializer_range,
            "seed": self.seed,
        }


def build_baseline(
    hidden_dim: int, *, initializer_range: float = 0.02, seed: int = 1
) -> keras.Model:
    """Builds the baseline of a generator.

    Inputs, by name: `hidden_states` (B, S, H); `mask_positions` int32 (B, M).
    Outputs, by name: `baseline_logits` float32 (B, M).

    Args:
        hidden_dim: H of the generator.
        initializer_range: Standard deviation of the initial weights.
        seed: Of the initial weights.
    """
    inputs = {
        "hidden_states": keras.Input((None, hidden_dim), name="hidden_states"),
        "mask_positions": keras.Input((None,), dtype="int32", name="mask_positions"),
    }
    head = BaselineHead(
        initializer_range=initializer_range, seed=seed, name="baseline_head"
    )
    return keras.Model(inputs, {"baseline_logits": head(**inputs)}, name="baseline")
