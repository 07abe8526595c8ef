"""python -m pytest tests/test_objective_adversarial.py"""

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
from electra_keras.objectives.adversarial import AdversarialObjective, policy_logits
from electra_keras.objectives.shared.corruption import sample_tokens
from electra_keras.objectives.shared.objective import Objective, ObjectiveSettings
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer

UNSAMPLED = (0, 1, 2, 3, 4, 5)
BATCH = {
    "token_ids": tf.constant([[2, 7, 8, 9, 3], [2, 10, 3, 0, 0]]),
    "masked_token_ids": tf.constant([[2, 4, 8, 4, 3], [2, 4, 3, 0, 0]]),
    "segment_ids": tf.zeros([2, 5], tf.int32),
    "padding_mask": tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    "mask_positions": tf.constant([[1, 3], [1, 0]]),
    "mask_ids": tf.constant([[7, 9], [10, 0]]),
    "mask_weights": tf.constant([[1.0, 1.0], [1.0, 0.0]]),
}


def build(model: ModelConfig, **settings: Any) -> Objective:
    settings = {"unsampled_token_ids": UNSAMPLED, **settings}
    return AdversarialObjective.build(model, ObjectiveSettings(**settings), seed=1)


@pytest.fixture(scope="module")
def objective(tiny_model: ModelConfig) -> Objective:
    return build(tiny_model)


def test_losses_of_a_batch_by_hand(objective: Objective) -> None:
    """D says "replaced" with probabilities 3/4, 1/2 and 1/5 at the three samples."""
    replaced_logits = np.zeros([2, 5], np.float32)
    replaced_logits[0, 1], replaced_logits[1, 1] = math.log(3), math.log(1 / 4)
    replaced_logits[1, 3:] = 80.0  # Padding: as wrong as can be.
    policy = np.zeros([2, 2, 40], np.float32)
    policy[0, 0, 11] = math.log(39)  # Probability 1/2.
    policy[1, 1] = 50.0  # Unused.
    outputs = {
        "mask_logits": tf.zeros([2, 2, 40]),
        "policy_logits": tf.constant(policy),
        "sampled_ids": tf.constant([[11, 9], [12, 6]]),
        "is_replaced": tf.constant([[0, 1, 0, 0, 0], [0, 1, 0, 0, 0]]),
        "replaced_logits": tf.constant(replaced_logits),
        # sigmoid: 1/2, 4/5, 1/4.
        "baseline_logits": tf.constant([[0.0, math.log(4)], [math.log(1 / 3), 70.0]]),
    }
    # The first and the last are replaced, the second is the original.
    rewards = [math.log(4 / 3), math.log(2), math.log(5)]
    baselines = [math.log(2), math.log(5 / 4), math.log(4)]
    surprises = [math.log(2), math.log(40), math.log(40)]
    policy_loss = sum(
        (r - b) * s for r, b, s in zip(rewards, baselines, surprises, strict=True)
    )
    of_truth, expected = [3 / 4, 1 / 2, 1 / 5], [1 / 2, 4 / 5, 1 / 4]
    baseline_loss = -sum(
        p * math.log(q) + (1 - p) * math.log(1 - q)
        for p, q in zip(of_truth, expected, strict=True)
    )
    disc_loss = sum(rewards) + 5 * math.log(2)
    losses = {
        "policy_loss": policy_loss / 3,
        "baseline_loss": baseline_loss / 3,
        "disc_loss": disc_loss / 8,
        "masked_lm_loss": math.log(40),
    }
    losses["loss"] = (policy_loss + baseline_loss) / 3 + 50 * disc_loss / 8
    counts = objective.counts(BATCH)
    values = objective.losses(BATCH, outputs, counts)
    assert {k: float(v) for k, v in values.items()} == pytest.approx(losses, rel=1e-5)
    assert set(values) == {"loss", *objective.loss_counts}

    twice = {name: 2.0 * count for name, count in counts.items()}
    for name, value in objective.losses(BATCH, outputs, twice).items():
        assert float(value) == pytest.approx(losses[name] / 2, rel=1e-5)

    measured = objective.measure(BATCH, outputs)
    values, weights = measured["reward"]
    used = weights.numpy() > 0
    assert values.numpy()[used] == pytest.approx(np.array(rewards), rel=1e-5)
    entropy = measured["generator_entropy"][0].numpy()
    half = math.log(2) / 2 + math.log(78) / 2
    assert entropy[used] == pytest.approx(np.array([half, *[math.log(40)] * 2]))


def test_mean_gradient_of_the_samples_is_that_of_the_expected_reward(
    objective: Objective,
) -> None:
    """Every sample of a vocabulary of five, weighted by its probability."""
    batch = {
        "token_ids": tf.constant([[2]]),
        "padding_mask": tf.constant([[1]]),
        "mask_positions": tf.constant([[0]]),
        "mask_ids": tf.constant([[2]]),
        "mask_weights": tf.constant([[1.0]]),
    }
    judged = [-1.5, 0.3, 0.7, 2.0, -0.4]  # D's logit for each sample.
    logits = tf.Variable([[[0.2, -1.0, 0.5, 1.1, 0.0]]])
    mean, square = np.zeros(5), {True: 0.0, False: 0.0}
    probabilities = tf.nn.softmax(logits)[0, 0].numpy()
    for expected in (0.9, -60.0):  # A good baseline, and one of 60 nats.
        mean = np.zeros(5)
        for sample in range(5):
            with tf.GradientTape() as tape:
                outputs = {
                    "mask_logits": logits,
                    "policy_logits": logits,
                    "sampled_ids": tf.constant([[sample]]),
                    "is_replaced": tf.constant([[int(sample != 2)]]),
                    "replaced_logits": tf.constant([[judged[sample]]]),
                    "baseline_logits": tf.constant([[expected]]),
                }
                counts = objective.counts(batch)
                loss = objective.losses(batch, outputs, counts)["policy_loss"]
            gradient = tape.gradient(loss, logits).numpy()[0, 0]
            mean += probabilities[sample] * gradient
            square[expected > 0] += probabilities[sample] * (gradient**2).sum()
        with tf.GradientTape() as tape:
            said = tf.constant(judged)
            # -log D where it is the original, else -log (1 - D).
            rewards = tf.where(
                tf.range(5) == 2, tf.nn.softplus(said), tf.nn.softplus(-said)
            )
            reward = tf.reduce_sum(tf.nn.softmax(logits)[0, 0] * rewards)
        ascent = tape.gradient(reward, logits).numpy()[0, 0]
        assert mean == pytest.approx(-ascent, abs=2e-6)
    assert square[True] < 0.01 * square[False]  # What a baseline is for.


@pytest.mark.parametrize("disallow_correct", [False, True])
def test_policy_is_what_samples_are_drawn_from(disallow_correct: bool) -> None:
    settings = ObjectiveSettings(
        unsampled_token_ids=(0, 3), temperature=0.7, disallow_correct=disallow_correct
    )
    draws = 20_000
    mask_ids = tf.fill([1, draws], 5)
    logits = np.array([3.0, 0.5, -0.5, 4.0, 0.0, 1.0], np.float32)
    outputs = {"mask_logits": tf.tile(tf.constant(logits)[None, None], [1, draws, 1])}
    policy = policy_logits({"mask_ids": mask_ids}, outputs, settings)
    probabilities = tf.nn.softmax(policy)[0, 0].numpy()
    assert (probabilities[[0, 3]] == 0).all()
    assert (probabilities[5] == 0) == disallow_correct
    samples = sample_tokens(
        outputs["mask_logits"],
        tf.constant(np.random.default_rng(0).random([1, draws]), tf.float32),
        unsampled_token_ids=settings.unsampled_token_ids,
        temperature=settings.temperature,
        disallowed_ids=mask_ids if disallow_correct else None,
    )
    frequencies = np.bincount(samples.numpy()[0], minlength=6) / draws
    assert frequencies == pytest.approx(probabilities, abs=0.012)


def forward(objective: Objective) -> dict[str, tf.Tensor]:
    with noise_key(step_key(1, tf.constant(0), 0)):
        return objective.forward(BATCH, training=True)


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


def test_each_loss_trains_its_own_network(objective: Objective) -> None:
    paths = {
        name: {variable.path for variable in network.variables}
        for name, network in objective.networks.items()
    }
    assert paths["baseline"] == {"baseline_head/prediction/kernel"}
    shared = paths["generator"] & paths["discriminator"]
    assert {path.split("/")[0] for path in shared} == {"embeddings"}
    parts = {
        name: gradients(objective, f"{name}_loss")
        for name in ("policy", "baseline", "disc", "masked_lm")
    }
    assert parts["policy"].keys() == paths["generator"]
    assert parts["baseline"].keys() == paths["baseline"]
    assert parts["disc"].keys() == paths["discriminator"]
    assert parts["masked_lm"].keys() == paths["generator"]
    total = gradients(objective, "loss")
    assert total.keys() == set().union(*paths.values())
    for path, gradient in total.items():
        sums = parts["policy"].get(path, 0.0) + parts["baseline"].get(path, 0.0)
        sums = sums + 50 * parts["disc"].get(path, 0.0)  # Of masked LM nothing.
        assert gradient == pytest.approx(sums, rel=1e-3, abs=1e-5), path


def test_batch_with_nothing_to_count_has_no_loss(objective: Objective) -> None:
    empty = {name: tf.zeros_like(value) for name, value in BATCH.items()}
    with noise_key(step_key(1, tf.constant(0), 0)):
        outputs = objective.forward(empty, training=True)
    losses = objective.losses(empty, outputs, objective.counts(empty))
    assert {float(value) for value in losses.values()} == {0.0}


def test_there_must_be_a_generator(tiny_model: ModelConfig) -> None:
    with pytest.raises(UsageError, match="adversarial with train"):
        build(tiny_model, uniform_generator=True)


def make_pretrainer(model: ModelConfig) -> ElectraPretrainer:
    pretrainer = ElectraPretrainer(build(model))
    config = TrainConfig(train_steps=200, learning_rate=3e-3)
    pretrainer.compile(make_optimizer(config, pretrainer))
    return pretrainer


def test_generator_learns_to_be_rewarded(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    """The discriminator stands still: only the generator can raise its loss."""
    model = dataclasses.replace(
        tiny_model, tied_weights="none", initializer_range=0.3, num_layers=1
    )
    pretrainer = make_pretrainer(model)
    pretrainer.objective.networks["discriminator"].trainable = False
    dataset = make_train_dataset(data_folder, global_batch_size=16, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=30, epochs=4, verbose=0).history
    assert history["reward"][-1] > 1.2 * history["reward"][0], history
    assert history["disc_loss"][-1] > history["disc_loss"][0], history
    assert history["generator_entropy"][-1] < history["generator_entropy"][0], history


def test_discriminator_and_baseline_learn(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    pretrainer = make_pretrainer(dataclasses.replace(tiny_model, num_layers=1))
    dataset = make_train_dataset(data_folder, global_batch_size=16, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=20, epochs=3, verbose=0).history
    assert set(history) == {metric.name for metric in pretrainer.metrics}
    assert history["disc_loss"][-1] < 0.95 * history["disc_loss"][0], history
    assert history["baseline_loss"][-1] < history["baseline_loss"][0], history
