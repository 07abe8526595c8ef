"""python -m pytest tests/test_metrics.py"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.objectives.electra import ElectraObjective
from electra_keras.training.metrics import ElectraMetrics


def measure(metrics: ElectraMetrics, batch: dict, outputs: dict, losses: dict) -> dict:
    counts = {
        "masked_tokens": tf.reduce_sum(batch["mask_weights"]),
        "real_tokens": tf.cast(tf.reduce_sum(batch["padding_mask"]), tf.float32),
    }
    metrics.update(batch, outputs, losses, counts, 1)
    return {metric.name: float(metric.result()) for metric in metrics.of_evaluation}


def make_batch(
    padding_mask: list, mask_ids: list, mask_weights: list
) -> dict[str, tf.Tensor]:
    return {
        "padding_mask": tf.constant(padding_mask, tf.int32),
        "mask_ids": tf.constant(mask_ids, tf.int32),
        "mask_weights": tf.constant(mask_weights, tf.float32),
    }


def make_outputs(
    guesses: list, sampled_ids: list, is_replaced: list, logits: list
) -> dict[str, tf.Tensor]:
    return {
        "mask_logits": tf.one_hot(guesses, 10) * 3.0,
        "sampled_ids": tf.constant(sampled_ids, tf.int32),
        "is_replaced": tf.constant(is_replaced, tf.int32),
        "replaced_logits": tf.constant(logits, tf.float32),
    }


def make_losses(loss: float, masked_lm: float, disc: float) -> dict[str, tf.Tensor]:
    return {
        "loss": tf.constant(loss),
        "masked_lm_loss": tf.constant(masked_lm),
        "disc_loss": tf.constant(disc),
    }


BATCH = make_batch(
    padding_mask=[[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]],
    mask_ids=[[7, 8, 9], [5, 0, 0]],
    mask_weights=[[1, 1, 1], [1, 0, 0]],
)
OUTPUTS = make_outputs(
    # The unused slots and the padding would be right, and must not count.
    guesses=[[7, 1, 9], [6, 0, 0]],
    sampled_ids=[[1, 2, 9], [4, 0, 0]],
    is_replaced=[[0, 1, 1, 0, 0, 0], [0, 1, 0, 0, 1, 0]],
    logits=[[-1, 2, -3, 4, -5, 9], [-1, 1, 1, 9, 9, -9]],
)


def test_every_metric_of_a_batch_made_by_hand() -> None:
    values = measure(
        ElectraMetrics(ElectraObjective({})),
        BATCH,
        OUTPUTS,
        make_losses(41.5, 1.5, 0.8),
    )
    # Real tokens: replaced at logits 2, -3, 1; original at -1, 4, -5, -1, 1.
    # Of the 15 pairs 2 beats four, 1 beats three and ties one, -3 beats one.
    assert values.pop("disc_auc") == pytest.approx(8.5 / 15, abs=0.01)
    assert values == pytest.approx(
        {
            "loss": 41.5,
            "masked_lm_loss": 1.5,
            "masked_lm_accuracy": 2 / 4,
            "sampled_masked_lm_accuracy": 1 / 4,
            "disc_loss": 0.8,
            "disc_accuracy": 5 / 8,
            "disc_precision": 2 / 4,
            "disc_recall": 2 / 3,
            "replaced_rate": 3 / 8,
            "real_tokens": 8,
        }
    )


def test_batches_are_weighted_by_their_tokens() -> None:
    metrics = ElectraMetrics(ElectraObjective({}))
    measure(metrics, BATCH, OUTPUTS, make_losses(41.5, 1.5, 0.8))
    batch = make_batch([[1, 1, 0, 0, 0, 0]], [[7, 0, 0]], [[1, 0, 0]])
    logits = [[-1, -1, 9, 9, 9, 9]]
    outputs = make_outputs([[7, 0, 0]], [[7, 0, 0]], [[0] * 6], logits)
    values = measure(metrics, batch, outputs, make_losses(1.0, 0.5, 0.3))
    assert values["masked_lm_loss"] == pytest.approx((4 * 1.5 + 0.5) / 5)
    assert values["masked_lm_accuracy"] == pytest.approx(3 / 5)
    assert values["disc_loss"] == pytest.approx((8 * 0.8 + 2 * 0.3) / 10)
    assert values["disc_accuracy"] == pytest.approx(7 / 10)
    assert values["loss"] == pytest.approx((8 * 41.5 + 2 * 1.0) / 10)
    assert values["real_tokens"] == 10


@pytest.mark.parametrize(
    ("logits", "is_replaced", "precision", "recall"),
    [
        ([-1, -1, -1, 5], [1, 0, 0, 0], 0.0, 0.0),  # Nothing is called.
        ([1, -1, -1, 5], [0, 0, 0, 0], 0.0, 0.0),  # Nothing is replaced.
        ([1, -1, -1, -5], [1, 0, 0, 1], 1.0, 1.0),
        ([0, -1, -1, 5], [1, 0, 0, 0], 0.0, 0.0),  # 0.5 is not called yet.
    ],
)
def test_precision_and_recall_without_a_denominator_are_0(
    logits: list, is_replaced: list, precision: float, recall: float
) -> None:
    batch = make_batch([[1, 1, 1, 0]], [[0]], [[0]])
    outputs = make_outputs([[0]], [[0]], [is_replaced], [logits])
    values = measure(
        ElectraMetrics(ElectraObjective({})), batch, outputs, make_losses(0.0, 0.0, 0.0)
    )
    assert values["disc_precision"] == precision
    assert values["disc_recall"] == recall
    assert values["masked_lm_accuracy"] == values["masked_lm_loss"] == 0.0


def test_batch_of_padding_changes_nothing() -> None:
    metrics = ElectraMetrics(ElectraObjective({}))
    before = measure(metrics, BATCH, OUTPUTS, make_losses(41.5, 1.5, 0.8))
    nothing = make_batch([[0, 0]], [[0]], [[0]])
    outputs = make_outputs([[0]], [[0]], [[0, 0]], [[3, 3]])
    assert measure(metrics, nothing, outputs, make_losses(0.0, 0.0, 0.0)) == before


def exact_auc(positive: np.ndarray, negative: np.ndarray) -> float:
    higher = (positive[:, np.newaxis] > negative).mean()
    ties = (positive[:, np.newaxis] == negative).mean()
    return float(higher + ties / 2)


@pytest.mark.parametrize(("center", "scale"), [(0, 1.0), (-5, 0.5), (-3, 2.0), (6, 2)])
def test_auc_is_the_share_of_pairs_in_order(center: float, scale: float) -> None:
    choose = np.random.default_rng(0)
    is_replaced = (choose.random((40, 50)) < 0.1).astype(np.int32)
    padding_mask = (choose.random((40, 50)) < 0.7).astype(np.int32)
    logits = choose.normal(center, scale, (40, 50)) + 0.7 * scale * is_replaced
    # Padding that is told apart without a fault, as in the reference.
    logits = np.where(padding_mask > 0, logits, -20 + 40 * is_replaced)
    is_real = padding_mask > 0
    expected = exact_auc(
        logits[is_real & (is_replaced > 0)], logits[is_real & (is_replaced == 0)]
    )
    batch = make_batch(padding_mask, np.zeros((40, 1)), np.zeros((40, 1)))
    zeros = np.zeros((40, 1), np.int32)
    outputs = make_outputs(zeros, zeros, is_replaced, logits)
    values = measure(
        ElectraMetrics(ElectraObjective({})), batch, outputs, make_losses(0.0, 0.0, 0.0)
    )
    assert values["disc_auc"] == pytest.approx(expected, abs=0.01)


def test_metrics_of_training_are_means_and_sums_over_steps() -> None:
    metrics = ElectraMetrics(ElectraObjective({}))
    measure(metrics, BATCH, OUTPUTS, make_losses(41.5, 1.5, 0.8))
    for norm, secs in ((1.0, 0.25), (4.0, 0.5)):
        metrics.update_step(secs, tf.constant(norm))
    metrics.update_step(0.25, None)
    values = {metric.name: float(metric.result()) for metric in metrics.all}
    assert {name: values[name] for name in metrics.of_training} == pytest.approx(
        {
            "padding_rate": 4 / 12,
            "unreadable_examples": 0.0,
            "gradient_norm": 2.5,
            "waited_secs": 1.0,
        }
    )
