"""python -m pytest tests/test_objective_replace_mlm.py"""

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
from electra_keras.objectives.replace_mlm import ReplaceMLMObjective
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.training.evaluation import draw_samples
from electra_keras.training.metrics import ElectraMetrics
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.samples import samples_markdown
from electra_keras.training.saved_run import load_run

UNSAMPLED = (0, 1, 2, 3, 4, 5)
SETTINGS = ObjectiveSettings(unsampled_token_ids=UNSAMPLED)

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
def objective(tiny_model: ModelConfig) -> ReplaceMLMObjective:
    return ReplaceMLMObjective.build(tiny_model, SETTINGS)


def logits_by_hand(first: float, second: float) -> tf.Tensor:
    """Logits of which 7 has odds `first`, 9 odds `second`; 10 has 1 in 40."""
    logits = np.zeros([2, 2, 40], np.float32)
    logits[0, 0, 7] = math.log(39 * first)
    logits[0, 1, 9] = math.log(39 * second)
    logits[1, 1, :] = 50.0  # Unused.
    return tf.constant(logits)


OUTPUTS = {
    "mask_logits": logits_by_hand(1, 3),
    "main_logits": logits_by_hand(7, 1 / 3),
    "guessed_ids": tf.constant([[7, 8], [10, 0]]),
    "sampled_ids": tf.constant([[7, 6], [6, 0]]),
    "is_replaced": tf.constant([[0, 0, 0, 1, 0], [0, 1, 0, 0, 0]]),
}
MASKED_LM_LOSS = (math.log(2) + math.log(4 / 3) + math.log(40)) / 3
MAIN_LM_LOSS = (math.log(8 / 7) + math.log(4) + math.log(40)) / 3


def test_losses_of_a_batch_made_by_hand(objective) -> None:
    losses = objective.losses(BATCH, OUTPUTS, objective.counts(BATCH))
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(
        {
            "loss": MASKED_LM_LOSS + MAIN_LM_LOSS,
            "masked_lm_loss": MASKED_LM_LOSS,
            "main_lm_loss": MAIN_LM_LOSS,
        },
        rel=1e-5,
    )


def test_weight_of_the_discriminator_is_not_read(tiny_model: ModelConfig) -> None:
    settings = ObjectiveSettings(discriminator_loss_weight=2.0)
    objective = ReplaceMLMObjective({}, settings)
    losses = objective.losses(BATCH, OUTPUTS, objective.counts(BATCH))
    assert float(losses["loss"]) == pytest.approx(
        MASKED_LM_LOSS + MAIN_LM_LOSS, rel=1e-5
    )


def halves(values: dict[str, tf.Tensor]) -> list[dict[str, tf.Tensor]]:
    """The rows of two replicas; the second has fewer tokens."""
    return [
        {name: value[part] for name, value in values.items()}
        for part in (slice(0, 1), slice(1, 2))
    ]


def test_two_replicas_sum_up_to_the_batch(objective) -> None:
    counts = objective.counts(BATCH)
    whole = objective.losses(BATCH, OUTPUTS, counts)
    metrics, shares = ElectraMetrics(objective), []
    for batch, outputs in zip(halves(BATCH), halves(OUTPUTS), strict=True):
        losses = objective.losses(batch, outputs, counts)
        metrics.update(batch, outputs, losses, counts, 1)
        shares.append(losses)
    assert float(shares[1]["main_lm_loss"]) == pytest.approx(math.log(40) / 3, rel=1e-5)
    for name, value in whole.items():
        total = sum(float(share[name]) for share in shares)
        assert total == pytest.approx(float(value), rel=1e-6)
    values = {metric.name: float(metric.result()) for metric in metrics.of_evaluation}
    values.pop("loss")  # A mean over updates, of which replicas share one.
    assert values == pytest.approx(
        {
            "masked_lm_loss": MASKED_LM_LOSS,
            "main_lm_loss": MAIN_LM_LOSS,
            "masked_lm_accuracy": 2 / 3,
            "main_lm_accuracy": 2 / 3,
            "sampled_masked_lm_accuracy": 1 / 3,
            "replaced_rate": 2 / 8,
            "real_tokens": 8,
        },
        rel=1e-5,
    )


def forward(objective: ReplaceMLMObjective) -> dict[str, tf.Tensor]:
    with noise_key(step_key(1, tf.constant(0), 0)):
        return objective.forward(BATCH, training=True)


def test_main_network_is_shown_samples_and_asked_for_the_masked(objective) -> None:
    outputs = forward(objective)
    shown = outputs["corrupted_token_ids"].numpy()
    samples = outputs["sampled_ids"].numpy()
    expected = BATCH["token_ids"].numpy().copy()
    expected[0, 1], expected[0, 3], expected[1, 1] = *samples[0], samples[1, 0]
    assert shown.tolist() == expected.tolist()
    assert 4 not in shown and samples.min() > 5
    said = objective.networks["discriminator"](
        {
            "token_ids": tf.constant(shown),
            "segment_ids": BATCH["segment_ids"],
            "padding_mask": BATCH["padding_mask"],
            "mask_positions": BATCH["mask_positions"],
        }
    )["mask_logits"]
    assert np.array_equal(outputs["main_logits"], said)
    assert np.array_equal(outputs["guessed_ids"], np.argmax(said, -1))


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
    shared = networks["generator"] & networks["discriminator"]
    assert {path.split("/")[0] for path in shared} == {"embeddings"}
    assert len(shared) == 5 and len(variables) == 5 + (2 + 12 + 5) + (2 + 24 + 5)


def test_uniform_generator_is_none_at_all(tiny_model: ModelConfig) -> None:
    settings = dataclasses.replace(SETTINGS, uniform_generator=True)
    objective = ReplaceMLMObjective.build(tiny_model, settings)
    assert set(objective.networks) == {"discriminator"}
    losses = objective.losses(BATCH, forward(objective), objective.counts(BATCH))
    assert float(losses["masked_lm_loss"]) == pytest.approx(math.log(40))
    assert float(losses["main_lm_loss"]) > 1


def test_losses_fall_on_text_that_can_be_learnt(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    model = dataclasses.replace(
        tiny_model,
        embedding_dim=32,
        initializer_range=0.2,
        position_initializer="sinusoidal",
    )
    pretrainer = ElectraPretrainer(ReplaceMLMObjective.build(model, SETTINGS))
    config = TrainConfig(train_steps=200, learning_rate=5e-3)
    pretrainer.compile(make_optimizer(config, pretrainer))
    dataset = make_train_dataset(data_folder, global_batch_size=32, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=20, epochs=5, verbose=0).history
    for name in ("loss", "masked_lm_loss", "main_lm_loss"):
        assert history[name][-1] < 0.85 * history[name][0], (name, history[name])
    # Well below ln(34), which knowing the words alone would give.
    assert history["main_lm_loss"][-1] < 0.95 * math.log(34), history


def test_samples_show_what_was_sampled_and_guessed(
    run_folder: Path, data_folder: Path, objective
) -> None:
    run = dataclasses.replace(load_run(run_folder), objective=objective)
    (sample,) = draw_samples(run, data_folder, count=1)
    masked = [token for token in sample if token.is_masked]
    assert masked and all(token.guess and token.corrupted for token in masked)
    for token in sample:
        assert token.replaced_probability is None
        if not token.is_masked:
            assert token.guess is None
            assert token.original == token.masked == token.corrupted
    text = samples_markdown([sample])
    assert "| original | masked | sampled | guess |\n|---|---|---|---|\n" in text
    right = sum(token.guess == token.original for token in masked)
    assert f"Guessed right: {right} of {len(masked)} masked tokens.\n" in text
    assert "Mean over" not in text
