"""python -m pytest tests/test_objective_electric.py"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.data.dataset import make_train_dataset
from electra_keras.errors import UsageError
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.electric import ElectricObjective, noise_log_odds
from electra_keras.objectives.shared.losses import replaced_losses
from electra_keras.objectives.shared.objective import Objective, ObjectiveSettings
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer

UNSAMPLED = (0, 1, 2, 3, 4, 5)
# The last row has nothing to mask.
BATCH = {
    "token_ids": tf.constant([[2, 7, 8, 9, 3], [2, 10, 3, 0, 0], [2, 1, 3, 0, 0]]),
    "masked_token_ids": tf.constant(
        [[2, 4, 8, 4, 3], [2, 4, 3, 0, 0], [2, 1, 3, 0, 0]]
    ),
    "segment_ids": tf.zeros([3, 5], tf.int32),
    "padding_mask": tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]),
    "mask_positions": tf.constant([[1, 3], [1, 0], [0, 0]]),
    "mask_ids": tf.constant([[7, 9], [10, 0], [0, 0]]),
    "mask_weights": tf.constant([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]),
}
IS_NOISED = [[0, 1, 0, 1, 0], [0, 1, 0, 0, 0], [0] * 5]


def build(model: ModelConfig, **settings: Any) -> Objective:
    settings = {"unsampled_token_ids": UNSAMPLED, **settings}
    return ElectricObjective.build(model, ObjectiveSettings(**settings), seed=1)


@pytest.fixture(scope="module")
def objective(tiny_model: ModelConfig) -> Objective:
    # Wide weights: another token makes another probability.
    return build(dataclasses.replace(tiny_model, initializer_range=0.3))


def forward(objective: Objective, batch: Any = BATCH) -> dict[str, tf.Tensor]:
    with noise_key(step_key(1, tf.constant(0), 0)):
        return objective.forward(batch, training=True)


def log_q_of_everything(objective: Objective) -> np.ndarray:
    """Of each token at each position, given the original text: (B, S, V)."""
    names = ("token_ids", "segment_ids", "padding_mask")
    everywhere = tf.tile(tf.range(5)[tf.newaxis, :], [3, 1])
    inputs = {name: BATCH[name] for name in names} | {"mask_positions": everywhere}
    logits = objective.networks["generator"](inputs)["mask_logits"].numpy()
    return logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))


def test_losses_of_a_batch_by_hand(objective: Objective) -> None:
    outputs = forward(objective)
    losses = objective.losses(BATCH, outputs, objective.counts(BATCH))
    log_q = log_q_of_everything(objective)
    token_ids = BATCH["token_ids"].numpy()
    shown = outputs["corrupted_token_ids"].numpy()
    noised = np.array(IS_NOISED, bool)
    assert np.array_equal(shown[~noised], token_ids[~noised])
    inputs = {
        "token_ids": tf.constant(shown),
        "segment_ids": BATCH["segment_ids"],
        "padding_mask": BATCH["padding_mask"],
    }
    energies = objective.networks["discriminator"](inputs)["replaced_logits"].numpy()

    cloze = [log_q[r, t, token_ids[r, t]] for r, t in ((0, 1), (0, 2), (0, 3), (1, 1))]
    masked = [cloze[0], cloze[2], cloze[3]]
    disc = []
    # Two of five tokens are noise, one of three; all others are never sampled.
    for row, place, odds in ((0, 1, 2 / 3), (0, 2, 2 / 3), (0, 3, 2 / 3), (1, 1, 0.5)):
        log_noise = log_q[row, place, shown[row, place]] + math.log(odds)
        probability = 1 / (1 + np.exp(-energies[row, place] - log_noise))
        is_noised = IS_NOISED[row][place]
        disc.append(-math.log(probability if is_noised else 1 - probability))
    expected = {
        "cloze_loss": -sum(cloze) / 4,
        "masked_lm_loss": -sum(masked) / 3,
        "disc_loss": sum(disc) / 11,
    }
    expected["loss"] = expected["cloze_loss"] + 50 * expected["disc_loss"]
    values = {name: float(value) for name, value in losses.items()}
    assert values == pytest.approx(expected, rel=1e-4)
    assert outputs["energies"].numpy() == pytest.approx(energies, abs=1e-6)
    counts = {k: float(v) for k, v in objective.counts(BATCH).items()}
    assert counts == {"masked_tokens": 3.0, "real_tokens": 11.0, "cloze_tokens": 4.0}


def test_losses_are_shares_of_the_global_counts(objective: Objective) -> None:
    outputs = forward(objective)
    counts = objective.counts(BATCH)
    twice = {name: 2.0 * count for name, count in counts.items()}
    whole, share = (objective.losses(BATCH, outputs, c) for c in (counts, twice))
    for name, value in whole.items():
        assert float(share[name]) == pytest.approx(float(value) / 2)


def test_noise_is_noise_where_the_sample_equals_the_original(
    tiny_model: ModelConfig,
) -> None:
    only_seven = tuple(set(range(40)) - {7})
    outputs = forward(build(tiny_model, unsampled_token_ids=only_seven))
    assert outputs["corrupted_token_ids"][0].numpy().tolist() == [2, 7, 8, 7, 3]
    assert outputs["is_replaced"].numpy().tolist() == IS_NOISED


def test_samples_come_from_q_of_the_original_text(objective: Objective) -> None:
    expected = log_q_of_everything(objective)
    outputs = forward(objective, {**BATCH, "masked_token_ids": BATCH["token_ids"] * 0})
    logits = outputs["mask_logits"].numpy()
    log_softmax = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    for row, slot, place in ((0, 0, 1), (0, 1, 3), (1, 0, 1)):
        assert log_softmax[row, slot] == pytest.approx(expected[row, place], abs=1e-4)


def gradients(objective: Objective, name: str) -> dict[str, np.ndarray]:
    variables = {
        v.path: v.value for n in objective.networks.values() for v in n.variables
    }
    with tf.GradientTape() as tape:
        outputs = forward(objective)
        loss = objective.losses(BATCH, outputs, objective.counts(BATCH))[name]
    found = tape.gradient(loss, variables)
    return {
        path: tf.convert_to_tensor(gradient).numpy()
        for path, gradient in found.items()
        if gradient is not None
    }


def test_each_loss_reaches_its_own_network_and_the_embeddings(
    objective: Objective,
) -> None:
    paths = {
        name: {variable.path for variable in network.variables}
        for name, network in objective.networks.items()
    }
    shared = paths["generator"] & paths["discriminator"]
    assert {path.split("/")[0] for path in shared} == {"embeddings"}
    cloze, disc = gradients(objective, "cloze_loss"), gradients(objective, "disc_loss")
    assert cloze.keys() == paths["generator"]
    assert disc.keys() == paths["discriminator"]
    total = gradients(objective, "loss")
    assert total.keys() == paths["generator"] | paths["discriminator"]
    for path, gradient in total.items():
        assert np.isfinite(gradient).all(), path
        sums = cloze.get(path, 0.0) + 50 * disc.get(path, 0.0)
        assert gradient == pytest.approx(sums, rel=1e-3, abs=1e-5), path


def test_log_odds_of_rows() -> None:
    padding_mask = tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1] * 5, [0] * 5])
    is_noised = tf.constant([[0, 1, 0, 1, 0], [0, 1, 0, 0, 0], [0] * 5, [0] * 5])
    log_odds = noise_log_odds(is_noised, padding_mask).numpy()
    expected = [[math.log(2 / 3)], [math.log(1 / 2)], [-1e9], [-1e9]]
    assert log_odds == pytest.approx(np.array(expected), rel=1e-6)


def test_energy_of_the_least_loss_is_the_negative_log_likelihood() -> None:
    """Three of ten tokens are noise; every token of a vocabulary of four, weighted."""
    p = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    q = np.array([0.4, 0.4, 0.1, 0.1], np.float32)
    is_noised, real = tf.constant([[1] * 3 + [0] * 7]), tf.ones([1, 10], tf.int32)
    energies = tf.Variable(-np.log(p))
    with tf.GradientTape() as tape:
        logits = energies + np.log(q) + noise_log_odds(is_noised, real)[0]
        of_noise = replaced_losses(logits, tf.ones([4], tf.int32))
        of_text = replaced_losses(logits, tf.zeros([4], tf.int32))
        loss = tf.reduce_sum(3 * q * of_noise + 7 * p * of_text)
    assert tape.gradient(loss, energies).numpy() == pytest.approx(0.0, abs=1e-6)


def test_batch_with_nothing_to_count_has_no_loss(objective: Objective) -> None:
    empty = {name: tf.zeros_like(value) for name, value in BATCH.items()}
    outputs = forward(objective, empty)
    losses = objective.losses(empty, outputs, objective.counts(empty))
    assert {float(value) for value in losses.values()} == {0.0}


def test_uniform_noise_needs_no_generator(tiny_model: ModelConfig) -> None:
    objective = build(tiny_model, uniform_generator=True)
    assert set(objective.networks) == {"discriminator"}
    outputs = forward(objective)
    losses = objective.losses(BATCH, outputs, objective.counts(BATCH))
    assert float(losses["cloze_loss"]) == pytest.approx(math.log(34))
    shift = (outputs["replaced_logits"] - outputs["energies"]).numpy()
    assert shift[0, 1:4] == pytest.approx(-math.log(34) + math.log(2 / 3), rel=1e-5)
    assert (shift[2] == -2e9).all() and (shift[0, [0, 4]] == -1e9).all()


@pytest.mark.parametrize(
    ("settings", "tied"),
    [({"disallow_correct": True}, "none"), ({"temperature": 0.5}, "none"), ({}, "all")],
)
def test_what_would_be_no_noise_contrastive_estimation_is_refused(
    tiny_model: ModelConfig, settings: Any, tied: str
) -> None:
    sizes = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")
    same = {f"generator_{name}": getattr(tiny_model, name) for name in sizes}
    model = dataclasses.replace(tiny_model, tied_weights=tied, **same)
    with pytest.raises(UsageError, match="objective electric with "):
        build(model, **settings)


def test_losses_fall_on_text_that_can_be_learnt(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    model = dataclasses.replace(tiny_model, num_layers=1)
    pretrainer = ElectraPretrainer(build(model))
    config = TrainConfig(train_steps=100, learning_rate=3e-3)
    pretrainer.compile(make_optimizer(config, pretrainer))
    dataset = make_train_dataset(data_folder, global_batch_size=16, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=20, epochs=3, verbose=0).history
    for name in ("cloze_loss", "masked_lm_loss", "disc_loss", "loss"):
        assert history[name][-1] < 0.9 * history[name][0], history
