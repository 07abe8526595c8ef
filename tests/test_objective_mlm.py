"""python -m pytest tests/test_objective_mlm.py"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras import evaluate, train
from electra_keras.config import ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.data.dataset import make_train_dataset
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.mlm import MaskedLMObjective
from electra_keras.training.metrics import ElectraMetrics
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.saved_run import load_run

Capture = pytest.CaptureFixture[str]

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
def objective(tiny_model: ModelConfig) -> MaskedLMObjective:
    return MaskedLMObjective.build(tiny_model)


def outputs_by_hand() -> dict[str, tf.Tensor]:
    """Logits whose losses are logarithms of small numbers."""
    logits = np.zeros([2, 2, 40], np.float32)
    logits[0, 0, 7] = math.log(39)  # Probability 1/2.
    logits[0, 1, 9] = math.log(3 * 39)  # 3/4.
    logits[1, 0, 6] = 1e-3  # Nearly 1/40, and a wrong guess.
    logits[1, 1, :] = 50.0  # Unused.
    return {"mask_logits": tf.constant(logits)}


LOSS = (math.log(2) + math.log(4 / 3) + math.log(40)) / 3


def test_loss_of_a_batch_made_by_hand(objective) -> None:
    losses = objective.losses(BATCH, outputs_by_hand(), objective.counts(BATCH))
    assert set(losses) == {"loss", "masked_lm_loss"}
    for value in losses.values():
        assert float(value) == pytest.approx(LOSS, rel=1e-4)


def halves(values: dict[str, tf.Tensor]) -> list[dict[str, tf.Tensor]]:
    """The rows of two replicas; the second has fewer tokens."""
    return [
        {name: value[part] for name, value in values.items()}
        for part in (slice(0, 1), slice(1, 2))
    ]


def test_shares_of_two_replicas_sum_up_to_the_batch(objective) -> None:
    counts = objective.counts(BATCH)
    whole = objective.losses(BATCH, outputs_by_hand(), counts)
    shares = [
        objective.losses(batch, outputs, counts)
        for batch, outputs in zip(halves(BATCH), halves(outputs_by_hand()), strict=True)
    ]
    assert float(shares[1]["loss"]) == pytest.approx(math.log(40) / 3, rel=1e-4)
    for name, value in whole.items():
        total = sum(float(share[name]) for share in shares)
        assert total == pytest.approx(float(value), rel=1e-6)


def test_metrics_of_two_replicas_are_those_of_the_batch(objective) -> None:
    counts = objective.counts(BATCH)
    metrics = ElectraMetrics(objective)
    for batch, outputs in zip(halves(BATCH), halves(outputs_by_hand()), strict=True):
        losses = objective.losses(batch, outputs, counts)
        metrics.update(batch, outputs, losses, counts, 1)
    values = {metric.name: float(metric.result()) for metric in metrics.of_evaluation}
    assert values.pop("loss") == pytest.approx(LOSS / 2, rel=1e-4)  # Two updates.
    assert values == pytest.approx(
        {"masked_lm_loss": LOSS, "masked_lm_accuracy": 2 / 3, "real_tokens": 8},
        rel=1e-4,
    )


def test_network_is_shown_masks_and_has_the_discriminators_size(objective) -> None:
    assert set(objective.networks) == {"discriminator"}
    network = objective.networks["discriminator"]
    outputs = objective.forward(BATCH, training=False)
    said = network(
        {
            "token_ids": BATCH["masked_token_ids"],
            "segment_ids": BATCH["segment_ids"],
            "padding_mask": BATCH["padding_mask"],
            "mask_positions": BATCH["mask_positions"],
        }
    )
    assert np.array_equal(outputs["mask_logits"], said["mask_logits"])
    assert np.array_equal(outputs["guessed_ids"], np.argmax(said["mask_logits"], -1))
    assert said["hidden_states"].shape == (2, 5, 32)
    assert len(network.get_layer("discriminator_encoder").blocks) == 2


def test_network_without_positions_gives_hidden_states(objective) -> None:
    network = objective.networks["discriminator"]
    rows = {name: BATCH[name] for name in ("token_ids", "segment_ids", "padding_mask")}
    with_positions = network({**rows, "mask_positions": BATCH["mask_positions"]})
    said = network(rows)
    assert said["mask_logits"].shape == (2, 0, 40)
    assert np.array_equal(said["hidden_states"], with_positions["hidden_states"])


def test_loss_reaches_every_variable(objective) -> None:
    variables = {v.path: v for v in objective.networks["discriminator"].variables}
    with tf.GradientTape() as tape, noise_key(step_key(1, tf.constant(0), 0)):
        outputs = objective.forward(BATCH, training=True)
        loss = objective.losses(BATCH, outputs, objective.counts(BATCH))["loss"]
    gradients = tape.gradient(loss, {k: v.value for k, v in variables.items()})
    assert len(gradients) == 5 + 2 + 24 + 5
    heads = {path for path in variables if "_head" in path}
    assert heads == {
        "main_lm_head/transform/kernel",
        "main_lm_head/transform/bias",
        "main_lm_head/layer_norm/gamma",
        "main_lm_head/layer_norm/beta",
        "main_lm_head/output_bias",
    }
    for path, gradient in gradients.items():
        assert gradient is not None, path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), path


def test_loss_falls_on_text_that_can_be_learnt(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    model = dataclasses.replace(
        tiny_model,
        embedding_dim=32,
        initializer_range=0.2,
        position_initializer="sinusoidal",
    )
    pretrainer = ElectraPretrainer(MaskedLMObjective.build(model))
    config = TrainConfig(train_steps=200, learning_rate=5e-3)
    pretrainer.compile(make_optimizer(config, pretrainer))
    dataset = make_train_dataset(data_folder, global_batch_size=32, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=20, epochs=5, verbose=0).history
    assert set(history) == {
        *("loss", "masked_lm_loss", "masked_lm_accuracy", "real_tokens"),
        *ElectraMetrics.of_training,
    }
    assert history["loss"] == pytest.approx(history["masked_lm_loss"], rel=0.05)
    # Well below ln(34), which knowing the words alone would give.
    assert history["loss"][-1] < 0.85 * math.log(34), history
    assert history["masked_lm_accuracy"][-1] > 3 / 34


@pytest.fixture(scope="module")
def run_of_mlm(
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[str], Path]:
    """Flags of the command and the folder of a run of 6 steps."""
    folder = tmp_path_factory.mktemp("mlm")
    (folder / "tiny.yaml").write_text(tiny_config.to_yaml())
    flags = [f"--config={folder / 'tiny.yaml'}", f"--data={data_folder}"]
    flags += ["--set=train.objective=mlm", "--set=train.train_steps=6"]
    flags += ["--set=train.evaluate_every_steps=6"]
    assert train.main([*flags, f"--output={folder / 'run'}"]) == 0
    return flags, folder / "run"


def test_run_by_the_command_holds_the_objectives_metrics(run_of_mlm) -> None:
    _, folder = run_of_mlm
    assert "objective: mlm\n" in (folder / "config.yaml").read_text()
    rows = [json.loads(r) for r in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [(row["split"], row["step"]) for row in rows] == [
        *(("validation", 0), ("train", 2), ("train", 4), ("train", 6)),
        ("validation", 6),
    ]
    for row in rows:
        assert 0 < row["masked_lm_loss"] < 5
        assert not {name for name in row if name.startswith("disc_")}
    assert (folder / "curves.png").is_file()


def test_resumed_run_ends_with_the_same_weights(
    run_of_mlm, tmp_path: Path, capsys: Capture
) -> None:
    flags, folder = run_of_mlm
    copy = shutil.copytree(folder, tmp_path / "run")
    shutil.rmtree(copy / "checkpoints" / "step-00000006")
    assert train.main([*flags, f"--output={copy}"]) == 0
    assert "trained steps 4 to 6" in capsys.readouterr().out
    first, second = (load_run(run).discriminator for run in (folder, copy))
    for mine, theirs in zip(first.variables, second.variables, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy()), mine.path


def test_evaluate_measures_and_shows_guesses(
    run_of_mlm, data_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    copy = shutil.copytree(run_of_mlm[1], tmp_path / "run")
    flags = [f"--run={copy}", f"--data={data_folder}", "--samples=2"]
    assert evaluate.main(flags) == 0
    assert capsys.readouterr().err == ""
    metrics = json.loads((copy / "evaluation.json").read_text())
    assert set(metrics) == {
        *("split", "step", "loss", "masked_lm_loss", "masked_lm_accuracy"),
        *("real_tokens", "most_frequent_token_accuracy"),
    }
    assert metrics["step"] == 6
    samples = (copy / "samples.md").read_text("utf-8")
    assert samples.count("| original | masked | guess |\n|---|---|---|\n") == 2
    assert samples.count("Guessed right: ") == 2
    assert "discriminator" not in samples
