"""python -m pytest tests/test_pretrainer.py"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.data.dataset import make_eval_dataset, make_train_dataset
from electra_keras.objectives.electra import ElectraObjective
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer

Weights = dict[str, np.ndarray]
UNSAMPLED = (0, 1, 2, 3, 4, 5)


def make_pretrainer(model: ModelConfig, **settings: Any) -> ElectraPretrainer:
    objective = ElectraObjective.build(
        model, ObjectiveSettings(unsampled_token_ids=UNSAMPLED), seed=1
    )
    pretrainer = ElectraPretrainer(objective, seed=1)
    config = TrainConfig(train_steps=100, learning_rate=3e-3)
    pretrainer.compile(make_optimizer(config, pretrainer), **settings)
    return pretrainer


def weights_of(pretrainer: ElectraPretrainer) -> Weights:
    return {v.path: v.numpy() for v in pretrainer.trainable_variables}


@pytest.fixture(scope="module")
def with_dropout(tiny_model: ModelConfig) -> ModelConfig:
    return dataclasses.replace(tiny_model, dropout_rate=0.1, attention_dropout_rate=0.1)


def train(folder: Path, pretrainer: ElectraPretrainer, steps: int) -> Weights:
    dataset = make_train_dataset(folder, global_batch_size=8, seed=1)
    pretrainer.fit(dataset, steps_per_epoch=steps, verbose=0)
    return weights_of(pretrainer)


@pytest.fixture(scope="module")
def six_steps(data_folder: Path, with_dropout: ModelConfig) -> Weights:
    """Weights after six plain steps with dropout."""
    return train(data_folder, make_pretrainer(with_dropout), 6)


def test_same_run_gives_the_same_weights(
    data_folder: Path, with_dropout: ModelConfig, six_steps: Weights
) -> None:
    start = weights_of(make_pretrainer(with_dropout))
    again = train(data_folder, make_pretrainer(with_dropout), 6)
    assert again.keys() == six_steps.keys()
    for path, value in again.items():
        assert np.array_equal(value, six_steps[path]), path
        assert not np.array_equal(value, start[path]), path


def test_three_steps_per_execution_give_the_same_weights(
    data_folder: Path, with_dropout: ModelConfig, six_steps: Weights
) -> None:
    pretrainer = make_pretrainer(with_dropout, steps_per_execution=3)
    weights = train(data_folder, pretrainer, 6)
    assert pretrainer.global_step == 6
    for path, value in weights.items():
        assert value == pytest.approx(six_steps[path], abs=1e-6), path


def test_compiled_step_gives_the_same_weights(
    data_folder: Path, with_dropout: ModelConfig, six_steps: Weights
) -> None:
    pretrainer = make_pretrainer(with_dropout, jit_compile=True)
    weights = train(data_folder, pretrainer, 6)
    for path, value in weights.items():
        assert value == pytest.approx(six_steps[path], abs=1e-5), path


def test_losses_fall_on_text_that_can_be_learnt(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    pretrainer = make_pretrainer(tiny_model)
    dataset = make_train_dataset(data_folder, global_batch_size=16, seed=1)
    history = pretrainer.fit(dataset, steps_per_epoch=10, epochs=6, verbose=0).history
    assert set(history) == {metric.name for metric in pretrainer.metrics}
    for name, share in (("loss", 0.9), ("masked_lm_loss", 0.98), ("disc_loss", 0.9)):
        first, last = history[name][0], history[name][-1]
        assert last < share * first, (name, history[name])
    total = np.array(history["masked_lm_loss"]) + 50 * np.array(history["disc_loss"])
    # The two losses are means over tokens of another kind, batch by batch.
    assert history["loss"] == pytest.approx(total, rel=0.05)


def test_evaluation_twice_gives_the_same_numbers(
    data_folder: Path, with_dropout: ModelConfig
) -> None:
    pretrainer = make_pretrainer(with_dropout)
    dataset = make_eval_dataset(data_folder, global_batch_size=8)
    first = pretrainer.evaluate(dataset, verbose=0, return_dict=True)
    before = weights_of(pretrainer)
    second = pretrainer.evaluate(dataset, verbose=0, return_dict=True)
    assert first == second
    assert first["real_tokens"] > 300
    assert pretrainer.global_step == 0
    for path, value in weights_of(pretrainer).items():
        assert np.array_equal(value, before[path])
    train(data_folder, pretrainer, 1)
    third = pretrainer.evaluate(dataset, verbose=0, return_dict=True)
    assert third["loss"] != first["loss"]
    assert third["real_tokens"] == first["real_tokens"]


def test_first_evaluation_knows_nothing_yet(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    pretrainer = make_pretrainer(tiny_model)
    dataset = make_eval_dataset(data_folder, global_batch_size=8, split="train")
    values = pretrainer.evaluate(dataset, verbose=0, return_dict=True)
    assert values["masked_lm_loss"] == pytest.approx(np.log(40), rel=0.05)
    assert values["disc_loss"] == pytest.approx(np.log(2), rel=0.2)
    # About an eighth of the tokens is masked, and nearly every sample wrong.
    assert 0.08 < values["replaced_rate"] < 0.16


def test_plain_keras_optimizer_will_do(
    data_folder: Path, tiny_model: ModelConfig
) -> None:
    pretrainer = ElectraPretrainer(ElectraObjective.build(tiny_model))
    pretrainer.compile(optimizer=keras.optimizers.SGD(0.01))
    dataset = make_train_dataset(data_folder, global_batch_size=8)
    history = pretrainer.fit(dataset, steps_per_epoch=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


# Two replicas alone: tests/test_data_parallel.py.
TWO_REPLICAS = """
import dataclasses

import numpy as np

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.data.dataset import make_eval_dataset, make_train_dataset
from electra_keras.objectives.electra import ElectraObjective
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.strategies import make_strategy

runs = []
config = TrainConfig(
    train_steps=21, learning_rate=3e-3, clip_norm=0.5, global_batch_size=8
)
alone = make_strategy(config)
# One only: two strategies in a process share the keys of their collectives.
both = make_strategy(dataclasses.replace(config, strategy="mirrored"))
all_of_it = {{"micro_batches": 4, "steps_per_execution": 3, "jit_compile": True}}
ways = [(alone, {{}}), (both, all_of_it)]
for strategy, way in ways:
    with strategy.scope():
        settings = ObjectiveSettings(unsampled_token_ids=tuple(range(6)))
        objective = ElectraObjective.build({model!r}, settings, seed=1)
        pretrainer = ElectraPretrainer(objective)
        pretrainer.compile(make_optimizer(config, pretrainer), **way)
    dataset = make_train_dataset({folder!r}, global_batch_size=8)
    batches = list(dataset.take(3))
    for field in ("padding_mask", "mask_weights"):
        halves = [np.split(batch[field].numpy(), 2) for batch in batches]
        assert any(left.sum() != right.sum() for left, right in halves)
    history = pretrainer.fit(dataset, steps_per_epoch=3, verbose=0).history
    held_out = make_eval_dataset({folder!r}, global_batch_size=8)
    values = pretrainer.evaluate(held_out, verbose=0, return_dict=True)
    weights = [v.numpy() for v in pretrainer.trainable_variables]
    logs = {{k: v[0] for k, v in history.items()}}
    runs.append((strategy.num_replicas_in_sync, weights, logs, values))

assert [replicas for replicas, *_ in runs] == [1, 2]
alone = runs[0]
for (_, weights, logs, values), (_, way) in zip(runs[1:], ways[1:]):
    difference = max(np.abs(a - b).max() for a, b in zip(alone[1], weights))
    print(way, "weights", difference)
    assert difference < 1e-6
    for mine, theirs in ((alone[2], logs), (alone[3], values)):
        assert mine.keys() == theirs.keys()
        for key in set(mine) - {{"waited_secs"}}:
            print(key, mine[key], theirs[key])
            assert abs(mine[key] - theirs[key]) < 1e-4 * max(1, abs(mine[key])), key

# Two replicas draw other samples and other dropout for the same rows.
with strategy.scope():
    model = dataclasses.replace({model!r}, dropout_rate=0.5)
    pretrainer = ElectraPretrainer(ElectraObjective.build(model, seed=1))
    pretrainer.compile(make_optimizer(config, pretrainer))
half = {{k: v[:4] for k, v in batches[0].items()}}

@tf.function
def sample():
    def one():
        counts = pretrainer.objective.counts(half)
        key, part = tf.constant([1, 2]), pretrainer._replica_id()
        _, outputs, _ = pretrainer._losses_and_gradients(half, counts, key, part)
        return outputs["mask_logits"], outputs["sampled_ids"]
    results = strategy.run(one)
    return [strategy.experimental_local_results(result) for result in results]

for first, second in sample():
    assert first.shape == second.shape
    assert not np.array_equal(first, second)
print("done")
"""


def test_replicas_and_parts_of_a_batch_change_nothing_but_dropout(
    data_folder: Path, tiny_model: ModelConfig, two_cpus: str
) -> None:
    code = two_cpus + TWO_REPLICAS.format(model=tiny_model, folder=str(data_folder))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert done.stdout.endswith("done\n")
