"""python -m pytest tests/test_objective_two_stage.py"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.data.dataset import make_train_dataset
from electra_keras.errors import UsageError
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.objectives.two_stage import TwoStageObjective
from electra_keras.training.pretrainer import ElectraPretrainer

Weights = dict[str, np.ndarray]


def equal_sizes(model: ModelConfig) -> ModelConfig:
    """Two networks of one size that share nothing."""
    sizes = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")
    generator = {f"generator_{name}": getattr(model, name) for name in sizes}
    return dataclasses.replace(model, tied_weights="none", **generator)


def build(model: ModelConfig, steps: int = 4) -> TwoStageObjective:
    settings = ObjectiveSettings(
        generator_steps=steps, unsampled_token_ids=(0, 1, 2, 3, 4, 5)
    )
    objective = TwoStageObjective.build(equal_sizes(model), settings, seed=1)
    assert isinstance(objective, TwoStageObjective)
    return objective


def weights_of(objective: TwoStageObjective, name: str) -> Weights:
    return {v.path: v.numpy() for v in objective.networks[name].variables}


def is_equal(some: Weights, others: Weights) -> bool:
    assert some.keys() == others.keys()
    return all(np.array_equal(value, others[path]) for path, value in some.items())


BATCH = {
    "token_ids": tf.constant([[2, 7, 8, 9, 3], [2, 10, 3, 0, 0]]),
    "masked_token_ids": tf.constant([[2, 4, 8, 4, 3], [2, 4, 3, 0, 0]]),
    "segment_ids": tf.zeros([2, 5], tf.int32),
    "padding_mask": tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    "mask_positions": tf.constant([[1, 3], [1, 0]]),
    "mask_ids": tf.constant([[7, 9], [10, 0]]),
    "mask_weights": tf.constant([[1.0, 1.0], [1.0, 0.0]]),
}


def test_losses_of_both_stages_by_hand(tiny_model: ModelConfig) -> None:
    mask_logits = np.zeros([2, 2, 40], np.float32)
    mask_logits[0, 0, 7] = math.log(39)  # Probability 1/2.
    replaced_logits = np.full([2, 5], 80.0, np.float32)  # Padding: wrong.
    replaced_logits[0] = [0.0, math.log(3), math.log(1 / 3), 0.0, math.log(1 / 3)]
    replaced_logits[1, :3] = [0.0, math.log(3), 0.0]
    outputs = {
        "mask_logits": tf.constant(mask_logits),
        "replaced_logits": tf.constant(replaced_logits),
        "is_replaced": tf.constant([[0, 1, 0, 1, 0], [0] * 5]),
    }
    masked_lm_loss = (math.log(2) + 2 * math.log(40)) / 3
    disc_loss = (4 * math.log(2) + 3 * math.log(4 / 3) + math.log(4)) / 8
    objective = build(tiny_model)
    expected = {"loss": masked_lm_loss, "masked_lm_loss": masked_lm_loss}
    for step in (0, 4):
        objective.start(step)
        values = objective.losses(BATCH, outputs, objective.counts(BATCH))
        assert {k: float(v) for k, v in values.items()} == pytest.approx(expected)
        assert set(values) == {"loss", *objective.loss_counts}
        expected |= {"loss": disc_loss, "disc_loss": disc_loss}


def test_each_stage_has_gradients_for_one_network_alone(
    tiny_model: ModelConfig,
) -> None:
    objective = build(tiny_model)
    networks = objective.networks
    paths = {name: set(weights_of(objective, name)) for name in networks}
    assert not paths["generator"] & paths["discriminator"]
    for step, trained in ((2, "generator"), (4, "discriminator")):
        objective.start(step)
        trainable = [v for n in networks.values() for v in n.trainable_variables]
        assert {v.path for v in trainable} == paths[trained]
        everything = [v for n in networks.values() for v in n.variables]
        with tf.GradientTape() as tape, noise_key(step_key(1, tf.constant(0), 0)):
            outputs = objective.forward(BATCH, training=True)
            losses = objective.losses(BATCH, outputs, objective.counts(BATCH))
        gradients = tape.gradient(losses["loss"], [v.value for v in everything])
        pairs = zip(everything, gradients, strict=True)
        assert {v.path for v, g in pairs if g is not None} == paths[trained]


def test_start_copies_at_the_boundary_and_nowhere_else(tiny_model: ModelConfig) -> None:
    for step, is_copied in ((0, False), (3, False), (4, True), (5, False)):
        objective = build(tiny_model)
        before = weights_of(objective, "discriminator")
        generator = weights_of(objective, "generator")
        assert objective.start(step) == (step >= 4)
        assert not objective.start(step)
        assert objective.stage == ("generator" if step < 4 else "discriminator")
        assert is_equal(weights_of(objective, "generator"), generator)
        after = weights_of(objective, "discriminator")
        if not is_copied:
            assert is_equal(before, after)
            continue
        for path, value in after.items():
            if path.startswith("replaced_token_head"):
                assert np.array_equal(value, before[path])
                continue
            source = path.replace("discriminator_encoder", "generator_encoder")
            source = source.replace("embeddings/", "generator_embeddings/", 1)
            is_plain = "bias" in path or "norm" in path  # Both start with 0 or 1.
            assert np.array_equal(value, generator[source]), path
            assert is_plain or not np.array_equal(value, before[path]), path


def test_a_reader_gets_the_copy_from_the_first_step_on(tiny_model: ModelConfig) -> None:
    for step, is_copied in ((0, True), (3, True), (4, True), (5, False)):
        objective = build(tiny_model)
        before = weights_of(objective, "discriminator")
        generator = weights_of(objective, "generator")
        objective.fill_untrained(step)
        assert objective.stage == "generator"
        assert is_equal(weights_of(objective, "generator"), generator)
        after = weights_of(objective, "discriminator")
        assert is_equal(before, after) != is_copied
        copied = after["embeddings/token_embeddings"]
        theirs = generator["generator_embeddings/token_embeddings"]
        assert np.array_equal(copied, theirs) == is_copied
        for path in before:
            if path.startswith("replaced_token_head"):
                assert np.array_equal(after[path], before[path])


def test_boundary_within_a_window_is_refused(tiny_model: ModelConfig) -> None:
    objective = build(tiny_model)
    objective.start(0)
    with pytest.raises(UsageError, match="steps 0 to 6 in one go; expected a window"):
        objective.start(6)


@pytest.mark.parametrize(
    ("settings", "window", "steps"),
    [
        ({"generator_steps": 450}, 100, 450),
        ({"generator_steps": 900}, 1, 9),
        ({}, 901, 901),
    ],
)
def test_settings_of_a_run_are_checked(settings: Any, window: int, steps: int) -> None:
    train_config = TrainConfig(
        objective="two_stage",
        train_steps=900,
        log_every_steps=window,
        evaluate_every_steps=900,
        checkpoint_every_steps=900,
        **settings,
    )
    vocabulary: Any = None  # Not reached.
    with pytest.raises(UsageError, match=f"generator_steps {steps}.* of .*steps 900"):
        ObjectiveSettings.of(ExperimentConfig(train=train_config), vocabulary)


def test_half_of_the_steps_is_half_of_the_windows() -> None:
    config = TrainConfig(objective="two_stage", train_steps=900, log_every_steps=100)
    assert config.effective_generator_steps == 400
    config = dataclasses.replace(config, train_steps=800)
    assert config.effective_generator_steps == 400


def test_networks_and_settings_that_cannot_be_trained_so(
    tiny_model: ModelConfig,
) -> None:
    settings = ObjectiveSettings(generator_steps=4)
    with pytest.raises(UsageError) as error:
        TwoStageObjective.build(tiny_model, settings)
    assert "model.hidden_dim 32 and model.generator_hidden_dim 24" in str(error.value)
    assert "model.tied_weights embeddings; expected" in str(error.value)
    assert "model.tied_weights=none and model.generator_fraction=1" in str(error.value)
    model = equal_sizes(tiny_model)
    for wrong in (
        ObjectiveSettings(),
        ObjectiveSettings(generator_steps=4, uniform_generator=True),
    ):
        with pytest.raises(UsageError, match="without a generator to train"):
            TwoStageObjective.build(model, wrong)


def test_both_stages_learn_with_an_optimizer_that_is_not_built(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    model = dataclasses.replace(tiny_model, num_layers=1)
    pretrainer = ElectraPretrainer(build(model, 60), seed=1)
    pretrainer.compile(keras.optimizers.Adam(6e-3))
    dataset = make_train_dataset(data_folder, global_batch_size=16, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=20, epochs=6, verbose=0).history
    masked_lm, disc = history["masked_lm_loss"], history["disc_loss"]
    assert masked_lm[2] < 0.95 * masked_lm[0], history
    assert disc[-1] < 0.95 * disc[0], history
