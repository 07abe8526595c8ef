"""python -m pytest tests/test_baseline_head.py"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from electra_keras.models.baseline_head import build_baseline


def test_baseline_is_one_product_per_masked_position() -> None:
    baseline = build_baseline(2)
    (weights,) = baseline.trainable_variables
    assert weights.path == "baseline_head/prediction/kernel"
    weights.assign([[2.0], [-1.0]])
    hidden_states = tf.constant(
        [[[1.0, 0.0], [0.0, 3.0]], [[4.0, 1.0], [0.5, 0.5]]], tf.float32
    )
    inputs = {
        "hidden_states": hidden_states,
        "mask_positions": tf.constant([[1, 0, 0], [1, 1, 0]]),
    }
    logits = baseline(inputs)["baseline_logits"].numpy()
    assert np.array_equal(logits, [[-3.0, 2.0, 2.0], [0.5, 0.5, 7.0]])
