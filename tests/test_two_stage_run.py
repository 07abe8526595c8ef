"""python -m pytest tests/test_two_stage_run.py"""

from __future__ import annotations

import dataclasses
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig, ModelConfig
from electra_keras.training.evaluation import draw_samples, evaluate_run
from electra_keras.training.history import History
from electra_keras.training.run import train
from electra_keras.training.saved_run import load_run

Weights = dict[str, np.ndarray]


def equal_sizes(model: ModelConfig) -> ModelConfig:
    """Two networks of one layer and one size that share nothing."""
    model = dataclasses.replace(model, num_layers=1)
    sizes = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")
    generator = {f"generator_{name}": getattr(model, name) for name in sizes}
    return dataclasses.replace(model, tied_weights="none", **generator)


def is_equal(some: Weights, others: Weights) -> bool:
    assert some.keys() == others.keys()
    return all(np.array_equal(value, others[path]) for path, value in some.items())


@pytest.fixture(scope="module")
def config(tiny_config: ExperimentConfig) -> ExperimentConfig:
    """Eight steps with dropout, windows and checkpoints of two, the boundary at 4."""
    train_config = dataclasses.replace(
        tiny_config.train,
        objective="two_stage",
        train_steps=8,
        checkpoint_every_steps=2,
        kept_checkpoints=9,
        weight_decay_rate=0.5,  # What it moves shows.
    )
    model = equal_sizes(tiny_config.model)
    return dataclasses.replace(tiny_config, model=model, train=train_config)


@pytest.fixture(scope="module")
def whole_run(
    config: ExperimentConfig,
    data_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("two_stage") / "run"
    train(config, data_folder, folder)
    return folder


def cut_run(run: Path, folder: Path, step: int) -> Path:
    """Copies a run as it was when it had saved a step."""
    shutil.copytree(run, folder)
    for path in (folder / "checkpoints").glob("step-*"):
        if int(path.name.removeprefix("step-")) > step:
            shutil.rmtree(path)
    return folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = History(folder).rows()
    for row in rows:
        row.pop("real_tokens_per_sec", None)
        row.pop("waiting_rate", None)
    return rows


@pytest.mark.parametrize("step", [2, 4, 6])
def test_resumed_run_equals_one_in_one_go(
    whole_run: Path,
    config: ExperimentConfig,
    data_folder: Path,
    tmp_path: Path,
    step: int,
) -> None:
    folder = cut_run(whole_run, tmp_path / "run", step)
    done = train(config, data_folder, folder)
    assert (done.start_step, done.step) == (step, 8)
    assert rows_of(folder) == rows_of(whole_run)
    mine, theirs = load_run(folder).objective, load_run(whole_run).objective
    for name, network in mine.networks.items():
        others = theirs.networks[name].variables
        for one, other in zip(network.variables, others, strict=True):
            assert np.array_equal(one.numpy(), other.numpy()), one.path


def test_a_run_stopped_within_windows_of_both_stages_equals_one_in_one_go(
    whole_run: Path,
    config: ExperimentConfig,
    data_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    send_signal: Callable[..., None],
) -> None:
    folder = cut_run(whole_run, tmp_path / "run", 2)
    for step in (3, 5):  # The boundary at 4 ends the window of the first.
        with monkeypatch.context() as patch, pytest.raises(SystemExit):
            send_signal(patch, step, signal.SIGTERM)
            train(config, data_folder, folder)
    assert train(config, data_folder, folder).start_step == 5
    assert rows_of(folder) == rows_of(whole_run)
    mine, theirs = load_run(folder).objective, load_run(whole_run).objective
    for name, network in mine.networks.items():
        others = theirs.networks[name].variables
        for one, other in zip(network.variables, others, strict=True):
            assert np.array_equal(one.numpy(), other.numpy()), one.path


def test_what_is_frozen_does_not_move(whole_run: Path) -> None:
    """In the checkpoints: neither weights nor the optimizer's means."""

    def saved(step: int, name: str, kind: str) -> Weights:
        folder = whole_run / f"checkpoints/step-{step:08d}"
        reader = tf.train.load_checkpoint(str(folder / "variables"))
        parts = {
            "generator": ("generator_", "masked_lm_head"),
            "discriminator": ("discriminator_", "replaced_token_head", "embeddings"),
        }[name]
        values = {}
        for key in reader.get_variable_to_shape_map():
            path = key.replace(".S", "/").removeprefix("variables/")
            path = path.removeprefix(kind).removeprefix("electra_adam_w/")
            if path.startswith(parts):
                values[path] = reader.get_tensor(key)
        assert len(values) > 15
        return values

    for kind in ("networks/", "optimizer/"):
        early, late = (saved(step, "discriminator", kind) for step in (2, 4))
        assert is_equal(early, late)
        if kind == "optimizer/":
            assert not any(value.any() for value in late.values())
        last, *later = (saved(step, "generator", kind) for step in (4, 6, 8))
        assert is_equal(last, later[0]) and is_equal(last, later[1])
        for name, steps in (("generator", (2, 4)), ("discriminator", (6, 8))):
            before, after = (saved(step, name, kind) for step in steps)
            for path, value in before.items():
                assert not np.array_equal(value, after[path]), path


def test_a_run_is_measured_by_what_it_trains(
    whole_run: Path, data_folder: Path, tmp_path: Path
) -> None:
    for row in rows_of(whole_run):
        is_late = row["step"] > 4
        loss = row["disc_loss" if is_late else "masked_lm_loss"]
        assert row["loss"] == pytest.approx(loss, rel=0.05)  # Other weights of batches.
        assert ("disc_auc" in row) == ("replaced_rate" in row) == is_late
    early = load_run(cut_run(whole_run, tmp_path / "run", 2))
    for run, is_early in ((early, True), (load_run(whole_run), False)):
        values = evaluate_run(run, data_folder)
        assert ("disc_loss" in values) != is_early
        assert values["masked_lm_accuracy"] >= 0.0
        assert len(draw_samples(run, data_folder, count=2)) == 2


TWO_REPLICAS = """
import numpy as np

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.data.dataset import make_train_dataset
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.objectives.two_stage import TwoStageObjective, copy_weights
from electra_keras.training.checkpoints import optimizer_variables
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.strategies import make_strategy

config = TrainConfig(
    train_steps=21, learning_rate=3e-3, global_batch_size=8, weight_decay_rate=0.5,
    strategy="mirrored",
)
strategy = make_strategy(config)
assert strategy.num_replicas_in_sync == 2
with strategy.scope():
    objective = TwoStageObjective.build(
        {model!r}, ObjectiveSettings(generator_steps=2), seed=1
    )
    pretrainer = ElectraPretrainer(objective)
    pretrainer.compile(make_optimizer(config, pretrainer))
generator, discriminator = (
    objective.networks[name] for name in ("generator", "discriminator")
)

def values(variables):
    for variable in variables:
        one, other = (part.numpy() for part in variable.value.values)
        assert np.array_equal(one, other), variable.path
    return [variable.numpy() for variable in variables]

def slots(start):
    found = optimizer_variables(pretrainer.optimizer).items()
    return values([v for name, v in found if name.split("/")[-1].startswith(start)])

def is_equal(some, others):
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))

dataset = make_train_dataset({folder!r}, global_batch_size=8)
fit = lambda: pretrainer.fit(dataset, steps_per_epoch=2, verbose=0).history
before, start = values(generator.variables), values(discriminator.variables)
assert "disc_loss" not in fit()
after = values(generator.variables)
assert not any(np.array_equal(a, b) for a, b in zip(before, after))
assert is_equal(values(discriminator.variables), start)
still = slots("generator")
assert len(still) > 30 and all(slot.any() for slot in still)
assert not any(slot.any() for slot in slots("discriminator"))

copy_weights(generator, discriminator)  # As `fit` will do once more.
encoders = [n.get_layer(n.name + "_encoder") for n in (generator, discriminator)]
assert is_equal(*(values(encoder.variables) for encoder in encoders))
copied = values(discriminator.variables)
assert not is_equal(copied, start)
assert np.isfinite(fit()["disc_loss"]).all()
assert is_equal(values(generator.variables), after)
assert is_equal(slots("generator"), still)
moved = values(discriminator.variables)
assert not any(np.array_equal(a, b) for a, b in zip(moved, copied))
print("done")
"""


def test_two_replicas_copy_freeze_and_train_alike(
    data_folder: Path, tiny_model: ModelConfig, two_cpus: str
) -> None:
    model = equal_sizes(tiny_model)
    code = two_cpus + TWO_REPLICAS.format(model=model, folder=str(data_folder))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert done.stdout.endswith("done\n")
