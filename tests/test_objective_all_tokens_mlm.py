"""python -m pytest tests/test_objective_all_tokens_mlm.py"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.data.dataset import make_train_dataset
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.all_tokens_mlm import (
    AllTokensMLMObjective,
    mixture_losses,
)
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.serving.export import export_run
from electra_keras.serving.prediction import predict
from electra_keras.training.evaluation import draw_samples
from electra_keras.training.metrics import ElectraMetrics
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.samples import samples_markdown
from electra_keras.training.saved_run import load_run

SETTINGS = ObjectiveSettings(unsampled_token_ids=(0, 1, 2, 3, 4, 5))
BIAS_OF_COPYING = -3.5  # Of the forward pass below: some are copied, some not.

BATCH = {
    "token_ids": tf.constant([[2, 7, 8, 9, 3], [2, 10, 3, 0, 0]]),
    "masked_token_ids": tf.constant([[2, 4, 8, 4, 3], [2, 4, 3, 0, 0]]),
    "segment_ids": tf.zeros([2, 5], tf.int32),
    "padding_mask": tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    "mask_positions": tf.constant([[1, 3], [1, 0]]),
    "mask_ids": tf.constant([[7, 9], [10, 0]]),
    "mask_weights": tf.constant([[1.0, 1.0], [1.0, 0.0]]),
}


@pytest.fixture(scope="module")
def objective(tiny_model: ModelConfig) -> AllTokensMLMObjective:
    """With large random weights, so that no guess is a tie."""
    objective = AllTokensMLMObjective.build(tiny_model, SETTINGS)
    variables = {v.path: v for n in objective.networks.values() for v in n.variables}
    for place, variable in enumerate(variables.values()):
        noise = tf.random.stateless_normal(variable.shape, [place, 7]) * 0.4
        variable.assign(noise + (1.0 if variable.name == "gamma" else 0.0))
    variables["copy_head/prediction/bias"].assign([BIAS_OF_COPYING])
    return objective


def make_outputs() -> dict[str, tf.Tensor]:
    """Probabilities whose losses are logarithms of small numbers."""
    log3, half, third = math.log(3), math.log(1 / 2), math.log(1 / 3)
    mask_logits = np.zeros([2, 2, 40], np.float32)
    mask_logits[0, 0, 7] = math.log(39)  # Probability 1/2.
    mask_logits[0, 1, 9] = math.log(3 * 39)  # 3/4.
    mask_logits[1, 1, :] = 50.0  # Unused.
    # The padding is as wrong as can be.
    copy_logits = [[0.0, 0.0, log3, -log3, 0.0], [0.0, 0.0, 0.0, -80.0, -80.0]]
    softmax = [[half, half, half, third, half], [half, third, half, -90.0, -90.0]]
    return {
        "mask_logits": tf.constant(mask_logits),
        "sampled_ids": tf.constant([[7, 6], [6, 0]]),
        "is_replaced": tf.constant([[0, 0, 0, 1, 0], [0, 1, 0, 0, 0]]),
        "copy_logits": tf.constant(copy_logits),
        "replaced_logits": -tf.constant(copy_logits),
        "token_log_probabilities": tf.constant(softmax),
        "guessed_ids": tf.constant([[7, 9], [6, 0]]),
    }


MASKED_LM_LOSS = (math.log(2) + math.log(4 / 3) + math.log(40)) / 3
# Shown, D 1/2, softmax 1/2: 1/2 + 1/2 x 1/2 = 3/4, five times. Shown, D 3/4:
# 3/4 + 1/4 x 1/2 = 7/8. Replaced, D 1/4: 3/4 x 1/3 = 1/4; D 1/2: 1/2 x 1/3 = 1/6.
BY_TOKEN = [*[math.log(4 / 3)] * 5, math.log(8 / 7), math.log(4), math.log(6)]
MAIN_LM_LOSS = sum(BY_TOKEN) / 8


def test_losses_of_a_batch_made_by_hand(objective) -> None:
    losses = objective.losses(BATCH, make_outputs(), objective.counts(BATCH))
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(
        {
            "loss": MASKED_LM_LOSS + MAIN_LM_LOSS,
            "masked_lm_loss": MASKED_LM_LOSS,
            "main_lm_loss": MAIN_LM_LOSS,
        },
        rel=1e-5,
    )


def halves(values: dict[str, tf.Tensor]) -> list[dict[str, tf.Tensor]]:
    """The rows of two replicas; the second has fewer tokens."""
    return [
        {name: value[part] for name, value in values.items()}
        for part in (slice(0, 1), slice(1, 2))
    ]


def test_two_replicas_sum_up_to_the_batch(objective) -> None:
    counts = objective.counts(BATCH)
    whole = objective.losses(BATCH, make_outputs(), counts)
    metrics, shares = ElectraMetrics(objective), []
    for batch, outputs in zip(halves(BATCH), halves(make_outputs()), strict=True):
        losses = objective.losses(batch, outputs, counts)
        metrics.update(batch, outputs, losses, counts, 1)
        shares.append(losses)
    expected = (2 * math.log(4 / 3) + math.log(6)) / 8
    assert float(shares[1]["main_lm_loss"]) == pytest.approx(expected, rel=1e-5)
    for name, value in whole.items():
        total = sum(float(share[name]) for share in shares)
        assert total == pytest.approx(float(value), rel=1e-6)
    values = {metric.name: float(metric.result()) for metric in metrics.of_evaluation}
    values.pop("loss")  # A mean over updates, of which replicas share one.
    # Replaced at logits log 3 and 0, which beat all six originals, and one of
    # them; five tie.
    assert values.pop("disc_auc") == pytest.approx((7 + 5 / 2) / 12, abs=0.01)
    assert values == pytest.approx(
        {
            "masked_lm_loss": MASKED_LM_LOSS,
            "main_lm_loss": MAIN_LM_LOSS,
            "masked_lm_accuracy": 2 / 3,
            "main_lm_accuracy": 2 / 3,
            "sampled_masked_lm_accuracy": 1 / 3,
            "replaced_rate": 2 / 8,
            "disc_accuracy": 7 / 8,
            "disc_precision": 1.0,
            "disc_recall": 1 / 2,
            "real_tokens": 8,
        },
        rel=1e-5,
    )


def test_mixture_is_what_the_formula_says() -> None:
    choose = np.random.default_rng(0)
    logits, softmax = choose.normal(0, 2, 200), choose.uniform(1e-3, 1, 200)
    is_shown = choose.random(200) < 0.5
    copy = 1 / (1 + np.exp(-logits))
    expected = -np.log(copy * is_shown + (1 - copy) * softmax)
    received = mixture_losses(
        tf.constant(logits, tf.float32),
        tf.constant(np.log(softmax), tf.float32),
        tf.constant(is_shown),
    )
    assert received.numpy() == pytest.approx(expected, rel=2e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("copy_logit", "log_probability", "is_shown", "loss", "by_logit", "by_softmax"),
    [
        # To copy is sure, and right or wrong.
        (200.0, -2.0, True, 0.0, 0.0, 0.0),
        (200.0, -2.0, False, 202.0, 1.0, -1.0),
        # Not to copy is sure.
        (-200.0, -2.0, True, 2.0, 0.0, -1.0),
        (-200.0, -2.0, False, 2.0, 0.0, -1.0),
        # The softmax is sure that it is another.
        (0.0, -500.0, True, math.log(2), -0.5, 0.0),
        (0.0, -500.0, False, 500 + math.log(2), 0.5, -1.0),
        # Both ways are equally likely, a third each: D 1/3, (1 - D) x 1/2.
        (-math.log(2), -math.log(2), True, math.log(3 / 2), -1 / 6, -0.5),
    ],
)
def test_mixture_is_exact_where_probabilities_would_be_0_or_1(
    copy_logit: float,
    log_probability: float,
    is_shown: bool,
    loss: float,
    by_logit: float,
    by_softmax: float,
) -> None:
    inputs = (tf.constant(copy_logit), tf.constant(log_probability))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = mixture_losses(*inputs, is_shown)
    gradients = [float(gradient) for gradient in tape.gradient(value, inputs)]
    assert float(value) == pytest.approx(loss, rel=1e-6, abs=1e-30)
    assert gradients == pytest.approx([by_logit, by_softmax], abs=1e-6)


def forward(objective: AllTokensMLMObjective) -> dict[str, tf.Tensor]:
    with noise_key(step_key(1, tf.constant(0), 0)):
        return objective.forward(BATCH, training=True)


def test_outputs_are_those_of_logits_of_all_tokens(objective) -> None:
    outputs = forward(objective)
    shown = outputs["corrupted_token_ids"]
    everywhere = tf.broadcast_to(tf.range(5), [2, 5])
    rows = {name: BATCH[name] for name in ("segment_ids", "padding_mask")}
    said = objective.networks["discriminator"](
        {"token_ids": shown, "mask_positions": everywhere, **rows}
    )
    softmax = tf.nn.softmax(said["mask_logits"]).numpy()
    original = BATCH["token_ids"].numpy()[..., np.newaxis]
    expected = np.log(np.take_along_axis(softmax, original, -1))[..., 0]
    received = outputs["token_log_probabilities"].numpy()
    assert received == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(outputs["copy_logits"], said["copy_logits"])
    assert np.array_equal(outputs["replaced_logits"], -said["copy_logits"].numpy())

    copy = tf.sigmoid(said["copy_logits"]).numpy()[..., np.newaxis]
    mixture = copy * tf.one_hot(shown, 40).numpy() + (1 - copy) * softmax
    assert mixture.sum(-1) == pytest.approx(np.ones([2, 5]), abs=1e-5)
    guesses = np.argmax(mixture, -1)
    positions = BATCH["mask_positions"].numpy()
    expected = np.take_along_axis(guesses, positions, 1)
    assert outputs["guessed_ids"].numpy().tolist() == expected.tolist()
    is_copied = np.take_along_axis(guesses == shown.numpy(), positions, 1)
    assert is_copied.any() and not is_copied.all()


def test_each_loss_reaches_its_own_network_and_the_embeddings(objective) -> None:
    networks = {
        name: {variable.path for variable in network.variables}
        for name, network in objective.networks.items()
    }
    variables = {v.path: v for n in objective.networks.values() for v in n.variables}
    with tf.GradientTape(persistent=True) as tape:
        losses = objective.losses(BATCH, forward(objective), objective.counts(BATCH))
    reached = {}
    for name, loss in losses.items():
        found = tape.gradient(loss, {k: v.value for k, v in variables.items()})
        reached[name] = {path for path, value in found.items() if value is not None}
    assert reached["masked_lm_loss"] == networks["generator"]
    assert reached["main_lm_loss"] == networks["discriminator"]
    assert reached["loss"] == networks["generator"] | networks["discriminator"]
    heads = {path.split("/")[0] for path in variables if "_head" in path}
    assert heads == {"masked_lm_head", "main_lm_head", "copy_head"}
    shared = networks["generator"] & networks["discriminator"]
    assert len(shared) == 5 and len(variables) == 5 + (2 + 12 + 5) + (2 + 24 + 5 + 4)


def test_losses_fall_on_text_that_can_be_learnt(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    model = dataclasses.replace(
        tiny_model,
        embedding_dim=32,
        initializer_range=0.2,
        position_initializer="sinusoidal",
    )
    pretrainer = ElectraPretrainer(AllTokensMLMObjective.build(model, SETTINGS))
    config = TrainConfig(train_steps=200, learning_rate=5e-3)
    pretrainer.compile(make_optimizer(config, pretrainer))
    dataset = make_train_dataset(data_folder, global_batch_size=32, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=20, epochs=5, verbose=0).history
    for name in ("loss", "masked_lm_loss", "main_lm_loss"):
        assert history[name][-1] < 0.85 * history[name][0], (name, history[name])
    # It has found out some of the samples.
    assert history["disc_auc"][-1] > 0.62, history["disc_auc"]


def test_run_is_shown_exported_and_asked_as_a_discriminator(
    run_folder: Path, data_folder: Path, tmp_path: Path, objective
) -> None:
    run = dataclasses.replace(load_run(run_folder), objective=objective)
    (sample,) = draw_samples(run, data_folder, count=1)
    text = samples_markdown([sample])
    columns = "original | masked | sampled | truth | discriminator says | guess"
    assert f"| {columns} |\n|---|---|---|---|---|---|\n" in text
    assert "Mean over the " in text and "Guessed right: " in text

    (prediction,) = predict(export_run(run, tmp_path), ["가 나 다!"])
    token_ids = tf.constant([[2, 6, 7, 8, 39, 3]])
    said = objective.networks["discriminator"](
        {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "padding_mask": tf.ones_like(token_ids),
        }
    )
    expected = 1 - tf.sigmoid(said["copy_logits"]).numpy()[0]
    received = prediction.replaced_probabilities
    assert received == pytest.approx(expected.tolist(), abs=1e-5)
