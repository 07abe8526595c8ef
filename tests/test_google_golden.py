"""python -m pytest tests/test_google_golden.py

Every `data/google_electra_*` is a small model that went through the original
code: its checkpoint, one batch, and what came out. Dropout was off, and the
likeliest token was taken as the sample. Sizes are those of `config.json`.
In `google_electra_repeated` positions were drawn twice and [UNK] was masked; the
code ran on TensorFlow 2.21, with stand-ins for `contrib` and `tf.layers`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.interchange.keras_weights import KerasWeights
from electra_keras.interchange.tf1 import load_tf1_checkpoint
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.electra import ElectraObjective
from electra_keras.objectives.shared.losses import replaced_losses
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer

FOLDERS = sorted((Path(__file__).parent / "data").glob("google_electra_*"))
# Scopes of the encoders; both networks' embeddings are in "electra".
SCOPES = {"generator": "generator", "discriminator": "electra"}
# Cold enough to take the likeliest token, whatever the noise.
COLD = 1e-6
Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Golden:
    """What the original code was given and gave."""

    folder: Path
    config: ExperimentConfig
    forward: Arrays

    @classmethod
    def load(cls, folder: Path) -> Golden:
        values = json.loads((folder / "config.json").read_text("utf-8"))
        assert values["sampling"] == "argmax"
        model = ModelConfig(
            vocabulary_size=values["vocab_size"],
            max_sequence_length=values["max_position_embeddings"],
            embedding_dim=values["embedding_size"],
            hidden_dim=values["hidden_size"],
            num_layers=values["num_hidden_layers"],
            num_heads=values["num_attention_heads"],
            intermediate_dim=values["intermediate_size"],
            generator_hidden_dim=values["generator_hidden_size"],
            generator_num_layers=values["generator_layers"],
            generator_num_heads=values["generator_attention_heads"],
            generator_intermediate_dim=values["generator_intermediate_size"],
            dropout_rate=values["dropout"],
            attention_dropout_rate=values["dropout"],
        )
        train = TrainConfig(
            compat="google",
            temperature=COLD,
            discriminator_loss_weight=values["disc_weight"],
            learning_rate=values["learning_rate"],
            train_steps=values["num_train_steps"],
            warmup_steps=values["warmup_steps"],
            weight_decay_rate=values["weight_decay_rate"],
            clip_norm=values["clip_norm"],
            adam_epsilon=values["adam_epsilon"],
        )
        config = ExperimentConfig(model=model, train=train)
        return cls(folder, config, cls.read(folder, "forward"))

    @staticmethod
    def read(folder: Path, name: str) -> Arrays:
        with np.load(folder / f"{name}.npz") as arrays:
            return dict(arrays)

    @property
    def batch(self) -> dict[str, tf.Tensor]:
        names = {
            "token_ids": "input_ids",
            "segment_ids": "segment_ids",
            "padding_mask": "input_mask",
            "masked_token_ids": "masked_input_ids",
            "mask_positions": "masked_lm_positions",
            "mask_ids": "masked_lm_ids",
            "mask_weights": "masked_lm_weights",
        }
        return {ours: tf.constant(self.forward[name]) for ours, name in names.items()}

    def make_pretrainer(self, optimizer: Any = None) -> ElectraPretrainer:
        """Makes a model with the weights of the checkpoint."""
        vocabulary = Vocabulary.load(self.folder / "vocab.txt")
        settings = ObjectiveSettings.of(self.config, vocabulary)
        objective = ElectraObjective.build(self.config.model, settings)
        notes = load_tf1_checkpoint(self.folder / "model.ckpt", objective.networks)
        assert not [note for note in notes if "attention heads" not in note]
        pretrainer = ElectraPretrainer(objective)
        pretrainer.compile(optimizer or make_optimizer(self.config.train, pretrainer))
        return pretrainer


def by_tf1_name(pretrainer: ElectraPretrainer) -> Arrays:
    """All variables, by the original names as the archives spell them."""
    found = {}
    for network, scope in SCOPES.items():
        weights = KerasWeights(pretrainer.objective.networks[network])
        for name in weights.sizes.names():
            key = name.in_tf1(embeddings="electra", encoder=scope)
            found[key.replace("/", "__")] = weights.read(name)
    return found


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden.load(request.param)


@pytest.fixture(scope="module")
def pretrainer(golden: Golden) -> ElectraPretrainer:
    return golden.make_pretrainer()


@pytest.fixture(scope="module")
def outputs(golden: Golden, pretrainer: ElectraPretrainer) -> dict[str, tf.Tensor]:
    with noise_key(step_key(1, tf.constant(0), 0)):
        return pretrainer.objective.forward(golden.batch, training=True)


def is_near(received: Any, expected: Any) -> bool:
    return np.allclose(received, expected, rtol=1e-5, atol=1e-5)


def test_goldens_are_found() -> None:
    assert FOLDERS


def test_generator_gives_the_logits_and_samples(golden: Golden, outputs: Any) -> None:
    assert is_near(outputs["mask_logits"], golden.forward["mlm_logits"])
    used = golden.forward["masked_lm_weights"] > 0
    sampled = outputs["sampled_ids"].numpy()
    assert np.array_equal(sampled[used], golden.forward["sampled_ids"][used])


def test_samples_are_in_place_and_labelled(golden: Golden, outputs: Any) -> None:
    labels = golden.forward["disc_labels"]
    assert 0 < labels.sum() < labels.size
    assert np.array_equal(outputs["is_replaced"], labels)
    corrupted = outputs["corrupted_token_ids"].numpy()
    changed = corrupted != golden.forward["input_ids"]
    assert np.array_equal(changed.astype(np.int32), labels)
    for row, positions in enumerate(golden.forward["masked_lm_positions"]):
        used = golden.forward["masked_lm_weights"][row] > 0
        for slot in np.flatnonzero(used):
            if (positions[used] == positions[slot]).sum() == 1:
                expected = golden.forward["sampled_ids"][row, slot]
                assert corrupted[row, positions[slot]] == expected


def test_discriminator_gives_the_probabilities(golden: Golden, outputs: Any) -> None:
    probabilities = tf.sigmoid(outputs["replaced_logits"])
    assert is_near(probabilities, golden.forward["disc_probs"])


def test_losses_are_the_same(
    golden: Golden, pretrainer: ElectraPretrainer, outputs: Any
) -> None:
    counts = pretrainer.objective.counts(golden.batch)
    losses = pretrainer.objective.losses(golden.batch, outputs, counts)
    assert is_near(losses["masked_lm_loss"], golden.forward["mlm_loss"])
    assert is_near(losses["loss"], golden.forward["total_loss"])
    real = golden.forward["input_mask"]
    by_token = replaced_losses(outputs["replaced_logits"], outputs["is_replaced"])
    by_example = (by_token * real).numpy().sum(axis=1) / real.sum(axis=1)
    assert is_near(by_example, golden.forward["disc_loss_per_example"])


class GradientTaker(keras.optimizers.SGD):
    """Puts gradients in the place of the weights."""

    def apply(self, grads, trainable_variables=None):
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            variable.assign(tf.convert_to_tensor(gradient))


def test_gradients_are_the_same(golden: Golden) -> None:
    pretrainer = golden.make_pretrainer(GradientTaker())
    pretrainer.train_step(golden.batch)
    gradients = by_tf1_name(pretrainer)
    expected = golden.read(golden.folder, "gradients")
    assert gradients.keys() == expected.keys()
    for name, value in expected.items():
        difference = np.abs(gradients[name] - value).max()
        # A bias of the keys changes nothing: its gradient is rounding alone.
        scale = expected[name.replace("key__bias", "key__kernel")]
        assert difference <= 1e-4 * np.abs(scale).max(), name


def test_four_steps_of_the_optimizer_give_the_same_weights(golden: Golden) -> None:
    expected = golden.read(golden.folder, "after_4_steps")
    losses = expected.pop("losses")
    pretrainer = golden.make_pretrainer()
    # The first rate is 0, but TF1's variables on a CPU let the graph read the
    # step before or after it counts up: did the first update move anything?
    pretrainer.optimizer.iterations.assign(int(losses[1] != losses[0]))
    received = []
    for _ in range(4):
        pretrainer.reset_metrics()
        pretrainer.train_step(golden.batch)
        received.append(float(pretrainer.get_metrics_result()["loss"]))
    pretrainer.reset_metrics()
    pretrainer.test_step(golden.batch)
    received.append(float(pretrainer.get_metrics_result()["loss"]))
    # The loss is steep: rounding of the weights shows in it enlarged.
    assert np.allclose(received, losses, rtol=1e-4)
    weights = by_tf1_name(pretrainer)
    assert weights.keys() == expected.keys()
    for name, value in expected.items():
        assert np.abs(weights[name] - value).max() <= 1e-5, name
