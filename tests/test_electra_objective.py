"""python -m pytest tests/test_electra_objective.py"""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.electra import ElectraObjective
from electra_keras.objectives.shared.objective import ObjectiveSettings


@pytest.fixture(scope="module")
def objective(tiny_model: ModelConfig) -> ElectraObjective:
    settings = ObjectiveSettings(unsampled_token_ids=(0, 1, 2, 3, 4, 5))
    return ElectraObjective.build(tiny_model, settings)


BATCH = {
    "token_ids": tf.constant([[2, 7, 8, 9, 3], [2, 10, 3, 0, 0], [2, 3, 0, 0, 0]]),
    "masked_token_ids": tf.constant(
        [[2, 4, 8, 4, 3], [2, 4, 3, 0, 0], [2, 3, 0, 0, 0]]
    ),
    "segment_ids": tf.zeros([3, 5], tf.int32),
    "padding_mask": tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]]),
    "mask_positions": tf.constant([[1, 3], [1, 0], [0, 0]]),
    "mask_ids": tf.constant([[7, 9], [10, 0], [0, 0]]),
    "mask_weights": tf.constant([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]),
}


def test_counts_are_the_used_slots_and_the_real_tokens(objective) -> None:
    counts = objective.counts(BATCH)
    assert {name: float(value) for name, value in counts.items()} == {
        "masked_tokens": 3.0,
        "real_tokens": 10.0,
    }


def outputs_by_hand() -> dict[str, tf.Tensor]:
    """Logits whose losses are logarithms of small numbers."""
    mask_logits = np.zeros([3, 2, 40], np.float32)
    mask_logits[0, 0, 7] = math.log(39)  # Probability 1/2.
    mask_logits[0, 1, 9] = math.log(3 * 39)  # 3/4.
    mask_logits[1, 1, :] = 50.0  # Unused, as are the two of the last row.
    mask_logits[2, :, 5] = 90.0
    replaced_logits = np.full([3, 5], 80.0, np.float32)  # Padding: as wrong as can be.
    replaced_logits[0] = [0.0, math.log(3), math.log(1 / 3), 0.0, math.log(1 / 3)]
    replaced_logits[1, :3] = [0.0, math.log(3), 0.0]
    replaced_logits[2, :2] = [0.0, 0.0]
    return {
        "mask_logits": tf.constant(mask_logits),
        "replaced_logits": tf.constant(replaced_logits),
        "is_replaced": tf.constant([[0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0] * 5]),
    }


def losses(objective: ElectraObjective, counts: dict | None = None) -> dict:
    counts = counts or objective.counts(BATCH)
    values = objective.losses(BATCH, outputs_by_hand(), counts)
    return {name: float(value) for name, value in values.items()}


def test_losses_of_a_batch_made_by_hand(objective) -> None:
    masked_lm_loss = (math.log(2) + math.log(4 / 3) + math.log(40)) / 3
    # Six tokens at probability 1/2, three right with 3/4, one wrong with 3/4.
    disc_loss = (6 * math.log(2) + 3 * math.log(4 / 3) + math.log(4)) / 10
    values = losses(objective)
    assert values["masked_lm_loss"] == pytest.approx(masked_lm_loss, rel=1e-5)
    assert values["disc_loss"] == pytest.approx(disc_loss, rel=1e-5)
    assert values["loss"] == pytest.approx(masked_lm_loss + 50 * disc_loss, rel=1e-5)


def test_weight_of_the_discriminator_is_a_setting(tiny_model: ModelConfig) -> None:
    settings = ObjectiveSettings(discriminator_loss_weight=2.0)
    objective = ElectraObjective.build(tiny_model, settings)
    values = losses(objective)
    expected = values["masked_lm_loss"] + 2 * values["disc_loss"]
    assert values["loss"] == pytest.approx(expected, rel=1e-6)


def test_losses_are_shares_of_the_global_counts(objective) -> None:
    counts = {"masked_tokens": tf.constant(6.0), "real_tokens": tf.constant(40.0)}
    share, whole = losses(objective, counts), losses(objective)
    assert share["masked_lm_loss"] == pytest.approx(whole["masked_lm_loss"] / 2)
    assert share["disc_loss"] == pytest.approx(whole["disc_loss"] / 4)


def test_batch_with_nothing_to_count_has_no_loss(objective) -> None:
    empty = {name: tf.zeros_like(value) for name, value in BATCH.items()}
    with noise_key(step_key(1, tf.constant(0), 0)):
        outputs = objective.forward(empty, training=True)
    values = objective.losses(empty, outputs, objective.counts(empty))
    assert {name: float(value) for name, value in values.items()} == {
        "loss": 0.0,
        "masked_lm_loss": 0.0,
        "disc_loss": 0.0,
    }


def forward(objective: ElectraObjective, step: int = 0) -> dict[str, tf.Tensor]:
    with noise_key(step_key(1, tf.constant(step), 0)):
        return objective.forward(BATCH, training=True)


def test_discriminator_sees_samples_in_the_used_slots_alone(objective) -> None:
    outputs = forward(objective)
    samples = outputs["sampled_ids"].numpy()
    expected = BATCH["token_ids"].numpy().copy()
    expected[0, 1], expected[0, 3], expected[1, 1] = *samples[0], samples[1, 0]
    assert outputs["corrupted_token_ids"].numpy().tolist() == expected.tolist()
    is_replaced = (expected != BATCH["token_ids"].numpy()).astype(int)
    assert outputs["is_replaced"].numpy().tolist() == is_replaced.tolist()
    assert is_replaced.sum() > 0
    logits = objective.networks["discriminator"](
        {
            "token_ids": tf.constant(expected),
            "segment_ids": BATCH["segment_ids"],
            "padding_mask": BATCH["padding_mask"],
        }
    )["replaced_logits"]
    assert np.array_equal(outputs["replaced_logits"], logits)


def test_samples_are_no_specials_and_change_with_the_step(objective) -> None:
    samples = np.stack([forward(objective, s)["sampled_ids"] for s in range(40)])
    assert samples.min() >= 6
    assert len(np.unique(samples)) > 25
    again = forward(objective, 7)["sampled_ids"]
    assert np.array_equal(again, samples[7])


def gradient_paths(objective: ElectraObjective, name: str) -> set[str]:
    variables = {
        variable.path: variable
        for network in objective.networks.values()
        for variable in network.trainable_variables
    }
    with tf.GradientTape() as tape:
        outputs = forward(objective)
        loss = objective.losses(BATCH, outputs, objective.counts(BATCH))[name]
    gradients = tape.gradient(loss, {k: v.value for k, v in variables.items()})
    reached = {path for path, gradient in gradients.items() if gradient is not None}
    for path in reached:
        gradient = tf.convert_to_tensor(gradients[path])
        assert np.isfinite(gradient).all(), path
    return reached


def test_each_loss_reaches_its_own_network_and_the_embeddings(objective) -> None:
    networks = {
        name: {variable.path for variable in network.trainable_variables}
        for name, network in (
            ("masked_lm_loss", objective.networks["generator"]),
            ("disc_loss", objective.networks["discriminator"]),
        )
    }
    shared = networks["masked_lm_loss"] & networks["disc_loss"]
    assert shared == {
        "embeddings/token_embeddings",
        "embeddings/position_embeddings",
        "embeddings/segment_embeddings",
        "embeddings/layer_norm/gamma",
        "embeddings/layer_norm/beta",
    }
    assert gradient_paths(objective, "masked_lm_loss") == networks["masked_lm_loss"]
    assert gradient_paths(objective, "disc_loss") == networks["disc_loss"]
    everything = networks["masked_lm_loss"] | networks["disc_loss"]
    assert gradient_paths(objective, "loss") == everything
