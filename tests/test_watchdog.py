"""python -m pytest tests/test_watchdog.py"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.errors import ElectraError
from electra_keras.training import onlookers, watchdog
from electra_keras.training.bands import RunFacts
from electra_keras.training.checkpoints import CheckpointFolder
from electra_keras.training.history import History
from electra_keras.training.run import train
from electra_keras.training.saved_run import load_run
from electra_keras.training.watch_rules import RULES, Finding
from electra_keras.training.watchdog import (
    NOT_FINITE,
    NOT_FINITE_CAUSES,
    NOT_FINITE_TRIES,
    Watchdog,
    WatchdogLog,
)

FINDING = Finding("loss_spike", 7, "loss 9", ("a cause",), ("Try this.",))
FACTS = RunFacts(vocabulary_size=100, train_steps=20_000)


class Poison(keras.callbacks.Callback):
    """Makes a weight infinite when a step is done."""

    def __init__(self, step: int, layer: str):
        super().__init__()
        self.step = step
        self.layer = layer

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.global_step == self.step:
            network = self.model.objective.networks["discriminator"]
            (variable,) = (v for v in network.variables if v.path == self.layer)
            variable.assign(np.full(variable.shape, np.inf, np.float32))


def poison_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Puts a poisoner behind the callbacks of the next run."""

    class Poisoned(onlookers.Onlookers):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.callbacks.append(Poison(step, "replaced_token_head/transform/kernel"))

    monkeypatch.setattr("electra_keras.training.run.Onlookers", Poisoned)


def saved_steps(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").glob("step-*"))


def texts_of(folder: Path) -> dict[str, list[int]]:
    """Tags of text in a folder of logs, each with its steps."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder), {"tensors": 0}).Reload()
    return {
        tag: [event.step for event in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
        if accumulator.SummaryMetadata(tag).plugin_data.plugin_name == "text"
    }


@pytest.mark.parametrize(
    ("poisoned", "told"),
    [
        # Within a window: the next step's loss tells.
        (
            5,
            "disc_loss is nan, loss is nan, gradient_norm is nan; and so are all 54 "
            "variables at step 6",
        ),
        # At its end: the weights are looked at before they are saved.
        (
            6,
            "variable replaced_token_head/transform/kernel is not finite at step 6",
        ),
    ],
)
def test_nan_stops_at_once_and_the_last_good_checkpoint_goes_on(
    data_folder: Path,
    run_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    poisoned: int,
    told: str,
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(ElectraError) as error:
        poison_at(patch, poisoned)
        train(tiny_config, data_folder, folder)
    assert "at step 6; the last good checkpoint, step-00000004, is kept" in str(
        error.value
    )
    assert told in str(error.value)
    assert saved_steps(folder) == ["step-00000004"]
    (row,) = WatchdogLog(folder).rows()
    assert (row["kind"], row["step"]) == ("not_finite", 6)
    assert texts_of(folder / "logs/train") == {"watchdog/not_finite": [6]}
    # Nothing that is no number was recorded.
    assert "NaN" not in (folder / "metrics.jsonl").read_text()

    if poisoned == 5:
        return
    done = train(tiny_config, data_folder, folder)
    assert (done.start_step, done.step) == (4, 9)
    for theirs, mine in zip(
        load_run(run_folder).discriminator.variables,
        load_run(folder).discriminator.variables,
        strict=True,
    ):
        assert np.array_equal(theirs.numpy(), mine.numpy()), mine.path


def test_a_far_too_high_learning_rate_is_told_before_anything_is_saved(
    data_folder: Path, tiny_config: ExperimentConfig, tmp_path: Path
) -> None:
    config = dataclasses.replace(
        tiny_config,
        train=dataclasses.replace(
            tiny_config.train, learning_rate=1e30, warmup_steps=0
        ),
    )
    with pytest.raises(ElectraError, match="no checkpoint was saved before"):
        train(config, data_folder, tmp_path / "run")
    assert CheckpointFolder(tmp_path / "run/checkpoints").latest() is None


def test_gradient_norm_is_named_where_it_is_measured(
    tmp_path: Path, make_watchdog: Callable[..., Watchdog]
) -> None:
    dog = make_watchdog(step=3)
    dog.on_train_batch_end(0, {"loss": 2.0, "gradient_norm": 5.0})
    with pytest.raises(ElectraError, match="gradient_norm is inf at step 3"):
        dog.on_train_batch_end(1, {"loss": 2.0, "gradient_norm": float("inf")})


def test_several_steps_a_call_are_named_together(
    tmp_path: Path, make_watchdog: Callable[..., Watchdog]
) -> None:
    dog = make_watchdog(step=1_200, steps_per_execution=10)
    with pytest.raises(ElectraError, match="loss is nan at steps 1,191-1,200"):
        dog.on_train_batch_end(1, {"loss": float("nan")})


@pytest.fixture
def make_watchdog(tmp_path: Path) -> Callable[..., Watchdog]:
    def make(step: int = 0, steps_per_execution: int = 1) -> Watchdog:
        dog = Watchdog(
            tmp_path,
            FACTS,
            networks={
                "one": keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
            },
            writer=tf.summary.create_file_writer(str(tmp_path / "logs")),
            say=lines.append,
        )
        model = SimpleNamespace(
            global_step=step, steps_per_execution=steps_per_execution
        )
        dog.set_model(model)
        return dog

    lines: list[str] = []
    make.lines = lines  # type: ignore[attr-defined]
    return make


def test_the_same_trouble_is_told_again_after_a_while_only(
    tmp_path: Path,
    make_watchdog: Callable[..., Watchdog],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find(windows: list, facts: RunFacts) -> list[Finding]:
        return [dataclasses.replace(FINDING, step=windows[-1].step)]

    monkeypatch.setattr(watchdog, "find_troubles", find)
    dog = make_watchdog()

    def go_on(dog: Watchdog, *steps: int) -> None:
        for step in steps:
            dog.model.global_step = step
            dog.on_epoch_end(0, {"loss": 1.0, "val_loss": 2.0})

    go_on(dog, 100, 200, 5_000, 5_100, 5_200)
    rows = WatchdogLog(tmp_path).rows()
    assert [row["step"] for row in rows] == [100, 5_100]
    assert rows[0] == json.loads(
        json.dumps(dataclasses.asdict(FINDING) | {"step": 100})
    )
    assert make_watchdog.lines == [  # type: ignore[attr-defined]
        "watchdog, step 100: The loss jumped: loss 9",
        *("  perhaps a cause", "  try: Try this."),
        "watchdog, step 5,100: The loss jumped: loss 9",
        *("  perhaps a cause", "  try: Try this."),
    ]
    assert dog.windows[-1].values == {"loss": 1.0}
    assert texts_of(tmp_path / "logs") == {"watchdog/loss_spike": [100, 5_100]}

    # Resumed at 5,000: what came later is done again, and written once.
    for step in (100, 200, 5_000):
        History(tmp_path).append("train", step, {"loss": 1.0})
    again = make_watchdog()
    assert [window.step for window in again.windows] == [100, 200, 5_000]
    go_on(again, 5_050, 5_100, 5_200)
    assert [row["step"] for row in WatchdogLog(tmp_path).rows()] == [100, 5_100]


def test_a_torn_row_is_passed_over(tmp_path: Path) -> None:
    log = WatchdogLog(tmp_path)
    assert log.rows() == []
    log.append(FINDING)
    with log.path.open("a") as file:
        file.write('{"kind": "lo')
    assert [row["kind"] for row in log.rows()] == ["loss_spike"]


def test_docs_show_every_kind_with_causes_and_what_to_try() -> None:
    page = (Path(__file__).parents[1] / "docs/training.md").read_text("utf-8")
    table = [(rule.kind, rule.causes, rule.tries) for rule in RULES]
    table.append((NOT_FINITE, NOT_FINITE_CAUSES, NOT_FINITE_TRIES))
    for kind, causes, tries in table:
        (row,) = (x for x in page.splitlines() if x.startswith(f"| `{kind}` |"))
        assert row.endswith(f"| {'; '.join(causes)} | {' '.join(tries)} |")
