"""python -m pytest tests/test_contrastive.py"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.finetuning.retrieval.contrastive import (
    ContrastiveObjective,
    compare_texts,
    contrastive_losses,
)

# Two pairs of unit vectors.
VECTORS = np.array([[1, 0], [0.6, 0.8], [0, 1], [-0.8, 0.6]], np.float32)


def compare(groups: list[int], weights: list[float], temperature: float = 0.5):
    return compare_texts(
        tf.constant(VECTORS),
        tf.constant(groups, tf.int32),
        tf.constant(weights, tf.float32),
        temperature,
    )


def test_losses_are_those_by_hand() -> None:
    partner, others = compare([0, 0, 1, 1], [1, 1, 1, 1])
    np.testing.assert_allclose(partner, [1.2, 1.2, 1.2, 1.2], rtol=1e-6)
    np.testing.assert_allclose(others[0, 2:], [0.0, -1.6], atol=1e-6)
    # Text 0: its partner at 0.6 / 0.5, the two others at 0 and -0.8 / 0.5.
    first = np.log(np.exp(1.2) + np.exp(0.0) + np.exp(-1.6)) - 1.2
    second = np.log(np.exp(1.2) + np.exp(1.6) + np.exp(0.0)) - 1.2
    losses = contrastive_losses(partner, others).numpy()
    np.testing.assert_allclose(losses, [first, second, second, first], rtol=1e-5)


def test_texts_of_a_group_are_no_negatives() -> None:
    partner, others = compare([7, 7, 7, 7], [1, 1, 1, 1])
    assert np.all(others.numpy() == -1e9)
    np.testing.assert_allclose(contrastive_losses(partner, others), 0.0, atol=1e-6)
    _, others = compare([0, 0, 1, 0], [1, 1, 1, 1])
    is_other = others.numpy() > -1e9
    assert is_other.tolist() == [
        [False, False, True, False],
        [False, False, True, False],
        [True, True, False, True],
        [False, False, True, False],
    ]


def test_rows_that_fill_up_are_no_negatives_and_have_no_loss() -> None:
    _, others = compare([0, 0, 1, 1], [1, 1, 0, 0])
    assert np.all(others.numpy()[:2] == -1e9)
    objective = ContrastiveObjective.__new__(ContrastiveObjective)
    batch = {"weights": tf.constant([1.0, 1.0, 0.0, 0.0])}
    outputs = {
        "partner_logits": tf.constant([1.0, 1.0, 1.0, 1.0]),
        "other_logits": tf.constant([[1.0], [1.0], [9.0], [9.0]]),
    }
    counts = {"items": tf.constant(2.0)}
    loss = objective.losses(batch, outputs, counts)["contrastive_loss"]
    assert float(loss) == pytest.approx(np.log(2.0))


def test_partner_accuracy_counts_the_nearest() -> None:
    objective = ContrastiveObjective.__new__(ContrastiveObjective)
    partner, others = compare([0, 0, 1, 1], [1, 1, 1, 1])
    batch = {"weights": tf.ones([4])}
    outputs = {"partner_logits": partner, "other_logits": others}
    values, weights = objective.measure(batch, outputs)["partner_accuracy"]
    # Texts 1 and 2 are nearer to each other, at 0.8, than to their partners.
    assert values.numpy().tolist() == [1, 0, 0, 1]
    assert weights.numpy().tolist() == [1, 1, 1, 1]
