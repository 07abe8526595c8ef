"""python -m pytest tests/test_tying.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.data.dataset import make_train_dataset
from electra_keras.errors import UsageError
from electra_keras.model_config import TIED_WEIGHTS
from electra_keras.models.networks import (
    build_main_lm_networks,
    build_networks,
    build_replaced_token_networks,
)
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.models.tying import tie_embeddings
from electra_keras.objectives.electra import ElectraObjective
from electra_keras.objectives.replace_mlm import ReplaceMLMObjective
from electra_keras.objectives.shared.objective import Objective, ObjectiveSettings
from electra_keras.serving.export import export_run
from electra_keras.serving.prediction import predict
from electra_keras.training.checkpoints import CheckpointFolder, network_variables
from electra_keras.training.optimizer import make_optimizer, undecayed_variables
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.saved_run import load_run

SETTINGS = ObjectiveSettings(unsampled_token_ids=(0, 1, 2, 3, 4, 5))
TABLES = ("token_embeddings", "position_embeddings", "segment_embeddings")
NORM = ("layer_norm/gamma", "layer_norm/beta")

BATCH = {
    "token_ids": tf.constant([[2, 7, 8, 9, 3], [2, 10, 3, 0, 0]]),
    "masked_token_ids": tf.constant([[2, 4, 8, 4, 3], [2, 4, 3, 0, 0]]),
    "segment_ids": tf.constant([[0, 0, 0, 1, 1], [0] * 5]),
    "padding_mask": tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    "mask_positions": tf.constant([[1, 3], [1, 0]]),
    "mask_ids": tf.constant([[7, 9], [10, 0]]),
    "mask_weights": tf.constant([[1.0, 1.0], [1.0, 0.0]]),
}


def tied(config: ModelConfig, tied_weights: str, **sizes: Any) -> ModelConfig:
    if tied_weights == "all":
        for name in ("hidden_dim", "num_layers", "num_heads", "intermediate_dim"):
            sizes[f"generator_{name}"] = getattr(config, name)
    return dataclasses.replace(config, tied_weights=tied_weights, **sizes)


def under(layer: str, *names: tuple[str, ...]) -> set[str]:
    return {f"{layer}/{name}" for group in names for name in group}


OURS = under("embeddings", TABLES, NORM)
THEIRS = under("generator_embeddings", TABLES, NORM)
DIFFERENCES = tuple(f"{name}_difference" for name in TABLES)
# What both networks have, and what embeddings each of them has.
SHARED = {
    "none": (set(), THEIRS, OURS),
    "token_embeddings": (
        under("embeddings", TABLES[:1]),
        under("embeddings", TABLES[:1])
        | under("generator_embeddings", TABLES[1:], NORM),
        OURS,
    ),
    "embeddings": (OURS, OURS, OURS),
    "all": (OURS, OURS, OURS),
    "disentangled": (
        under("generator_embeddings", TABLES),
        THEIRS,
        under("generator_embeddings", TABLES) | under("embeddings", DIFFERENCES, NORM),
    ),
}


def paths_of(network: keras.Model) -> set[str]:
    return {variable.path for variable in network.variables}


@pytest.mark.parametrize("tied_weights", TIED_WEIGHTS)
def test_networks_share_exactly_this(
    tied_weights: str, tiny_model: ModelConfig
) -> None:
    networks = build_networks(tied(tiny_model, tied_weights))
    both, *embeddings = SHARED[tied_weights]
    encoder = {p for p in paths_of(networks[1]) if p.startswith("discriminator_enc")}
    assert len(encoder) == 2 + 24
    if tied_weights == "all":
        both = both | encoder
    for network, expected in zip(networks, embeddings, strict=True):
        found = {path for path in paths_of(network) if "embeddings/" in path}
        assert found == expected
        assert len(network.variables) == len(paths_of(network))
    # By identity: what has one path is one variable.
    ids = [{id(variable) for variable in network.variables} for network in networks]
    shared = {v.path for v in networks[0].variables if id(v) in ids[0] & ids[1]}
    assert shared == both == paths_of(networks[0]) & paths_of(networks[1])


def test_default_has_the_weights_that_it_had(tiny_model: ModelConfig) -> None:
    networks = build_networks(tiny_model, seed=3)
    assert [len(network.variables) for network in networks] == [24, 35]
    assert paths_of(networks[0]) & paths_of(networks[1]) == OURS
    # Of the version before `tied_weights`, whose checkpoints and seeds still fit.
    total = sum(
        float(np.abs(variable.numpy()).sum())
        for network in networks
        for variable in network.variables
    )
    assert total == pytest.approx(897.0098549, rel=1e-7)


@pytest.mark.parametrize("tied_weights", TIED_WEIGHTS)
def test_without_a_generator_there_is_nothing_to_share(
    tied_weights: str, tiny_model: ModelConfig
) -> None:
    config = tied(tiny_model, tied_weights)
    for build in (build_replaced_token_networks, build_main_lm_networks):
        networks = build(config, with_generator=False)
        assert set(networks) == {"discriminator"}
        paths = paths_of(networks["discriminator"])
        assert {path for path in paths if path.startswith("embeddings/")} == OURS


def reached_by(objective: Objective, name: str) -> set[str]:
    variables = {v.path: v for n in objective.networks.values() for v in n.variables}
    with tf.GradientTape() as tape, noise_key(step_key(1, tf.constant(0), 0)):
        outputs = objective.forward(BATCH, training=True)
        loss = objective.losses(BATCH, outputs, objective.counts(BATCH))[name]
    gradients = tape.gradient(loss, {k: v.value for k, v in variables.items()})
    return {path for path, gradient in gradients.items() if gradient is not None}


@pytest.mark.parametrize("tied_weights", TIED_WEIGHTS)
@pytest.mark.parametrize(
    ("kind", "main_loss"),
    [(ElectraObjective, "disc_loss"), (ReplaceMLMObjective, "main_lm_loss")],
)
def test_losses_reach_exactly_these_variables(
    kind: type[Objective], main_loss: str, tied_weights: str, tiny_model: ModelConfig
) -> None:
    objective = kind.build(tied(tiny_model, tied_weights), SETTINGS)
    networks = {name: paths_of(n) for name, n in objective.networks.items()}
    assert reached_by(objective, "masked_lm_loss") == networks["generator"]
    constant = set()
    if tied_weights == "disentangled":
        constant = under("generator_embeddings", TABLES)
    expected = networks["discriminator"] - constant
    assert reached_by(objective, main_loss) == expected
    assert reached_by(objective, "loss") == networks["generator"] | expected


def test_disentangled_tables_are_the_generators_and_differences(
    tiny_model: ModelConfig,
) -> None:
    theirs, ours = tie_embeddings(tied(tiny_model, "disentangled"), seed=1)
    ids, segments = tf.constant([[2, 7, 3]]), tf.constant([[0, 1, 1]])
    at_first = ours(ids, segments)
    # The same tables and a LayerNorm of its own, which starts as theirs.
    assert np.array_equal(at_first, theirs(ids, segments))
    for name in ("token", "position", "segment"):
        table = getattr(theirs, f"{name}_embeddings")
        difference = ours.differences[name]
        assert not difference.numpy().any()
        difference.assign(tf.random.stateless_normal(difference.shape, [1, 2]))
        summed = table.numpy() + difference.numpy()
        assert np.array_equal(ours.summed(name), summed)
    assert np.array_equal(theirs(ids, segments), at_first)
    rows = ours.summed("token").numpy()[[2, 7, 3]]
    rows += ours.summed("position").numpy()[:3]
    rows += ours.summed("segment").numpy()[[0, 1, 1]]
    rows -= rows.mean(-1, keepdims=True)
    expected = rows / np.sqrt((rows**2).mean(-1, keepdims=True))
    assert ours(ids, segments).numpy()[0] == pytest.approx(expected, abs=1e-5)


def test_one_encoder_drops_other_elements_in_each_network(
    tiny_model: ModelConfig,
) -> None:
    config = tied(tiny_model, "all", dropout_rate=0.5)
    networks = build_networks(config)
    rows = {name: BATCH[name] for name in ("token_ids", "segment_ids", "padding_mask")}

    def states(training: bool) -> list[np.ndarray]:
        with noise_key(step_key(1, tf.constant(0), 0)):
            return [
                network(rows, training=training)["hidden_states"].numpy()
                for network in networks
            ]

    generators, discriminators = states(training=False)
    assert np.array_equal(generators, discriminators)
    generators, discriminators = states(training=True)
    assert not np.array_equal(generators, discriminators)
    assert np.array_equal(generators, states(training=True)[0])


@pytest.mark.parametrize("tied_weights", ["token_embeddings", "disentangled"])
def test_checkpoint_brings_every_variable_back(
    tied_weights: str, tiny_model: ModelConfig, tmp_path: Path
) -> None:
    saved, fresh = (
        ElectraObjective.build(tied(tiny_model, tied_weights), seed=seed)
        for seed in (1, 2)
    )
    variables = network_variables(saved.networks)
    for place, variable in enumerate(variables.values()):
        variable.assign(tf.random.stateless_normal(variable.shape, [1, place]))
    CheckpointFolder(tmp_path).save(
        variables, step=1, config_fingerprint="c", data_fingerprint="d"
    )
    checkpoint = CheckpointFolder(tmp_path).latest()
    assert checkpoint is not None
    restored = network_variables(fresh.networks)
    checkpoint.restore(restored)
    assert restored.keys() == variables.keys()
    for name, variable in restored.items():
        assert np.array_equal(variable.numpy(), variables[name].numpy()), name


def test_disentangled_discriminator_is_exported_with_all_it_needs(
    run_folder: Path, tiny_model: ModelConfig, tmp_path: Path
) -> None:
    objective = ElectraObjective.build(tied(tiny_model, "disentangled"))
    for place, variable in enumerate(objective.networks["discriminator"].variables):
        variable.assign(tf.random.stateless_normal(variable.shape, [1, place]) * 0.3)
    run = dataclasses.replace(load_run(run_folder), objective=objective)
    (prediction,) = predict(export_run(run, tmp_path), ["가 나 다!"])
    token_ids = tf.constant([[2, 6, 7, 8, 39, 3]])
    said = run.discriminator(
        {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "padding_mask": tf.ones_like(token_ids),
        }
    )
    expected = tf.sigmoid(said["replaced_logits"]).numpy()[0]
    received = prediction.replaced_probabilities
    assert received == pytest.approx(expected.tolist(), abs=1e-5)


def test_training_moves_both_tables_apart(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    config = tied(tiny_model, "disentangled")
    pretrainer = ElectraPretrainer(ElectraObjective.build(config, SETTINGS))
    settings = TrainConfig(train_steps=20, learning_rate=3e-3)
    pretrainer.compile(make_optimizer(settings, pretrainer))
    names = [v.path for v in pretrainer.trainable_variables]
    assert len(names) == len(set(names)) == 5 + 5 + (2 + 12 + 5) + (2 + 24 + 4)
    undecayed = {variable.path for variable in undecayed_variables(pretrainer)}
    assert not {path for path in undecayed if path.endswith(DIFFERENCES)}
    before = {v.path: v.numpy() for v in pretrainer.trainable_variables}
    dataset = make_train_dataset(data_folder, global_batch_size=8, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=3, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for variable in pretrainer.trainable_variables:
        assert not np.array_equal(variable.numpy(), before[variable.path])


def test_vocabulary_size_is_needed() -> None:
    for tied_weights in ("none", "token_embeddings", "embeddings", "disentangled"):
        with pytest.raises(UsageError, match=r"model\.vocabulary_size is not set"):
            tie_embeddings(ModelConfig(tied_weights=tied_weights))
