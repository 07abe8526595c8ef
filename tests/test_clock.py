"""python -m pytest tests/test_clock.py"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from comparison_fixtures import plan_comparison

from electra_keras.data.info import load_info
from electra_keras.experiments.clock import Clock
from electra_keras.experiments.compare_config import CompareConfig


@pytest.fixture(scope="module")
def make_clock(data_folder: Path, tiny_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planned")
    compared, _ = plan_comparison(folder, data_folder, tiny_config)

    def make(folder: Path, **changes: object) -> Clock:
        shared = dataclasses.replace(compared.pretraining, **changes)
        config: CompareConfig = dataclasses.replace(compared, pretraining=shared)
        return Clock(folder, config, load_info(data_folder))

    return make


def test_ratios_are_taken_within_a_turn(make_clock, tmp_path: Path, capsys) -> None:
    # The machine is twice as slow in the second turn, and disturbed in the third.
    secs = iter([0.2, 0.1, 0.4, 0.2, 0.2, 0.9])
    timed = []

    def time_plan(plan) -> float:
        timed.append(plan.config.train.objective)
        return next(secs)

    clock = make_clock(tmp_path)
    assert not clock.is_measured() and clock.step_secs() == {}
    clock.measure(time_plan)
    assert timed == ["electra", "mlm"] * 3
    assert clock.is_measured()
    assert clock.step_secs() == {"electra": 0.2, "mlm": pytest.approx(0.1)}
    assert "clock: mlm 900.0 ms a step" in capsys.readouterr().out
    clock.measure(time_plan)  # Nothing is left to be timed.
    assert len(timed) == 6
    assert make_clock(tmp_path).step_secs() == clock.step_secs()


def test_a_turn_that_is_done_is_kept(make_clock, tmp_path: Path) -> None:
    secs = iter([0.2, 0.1, 0.2])
    clock = make_clock(tmp_path)
    with pytest.raises(StopIteration):
        clock.measure(lambda plan: next(secs))
    turns = json.loads((tmp_path / "clock.json").read_text("utf-8"))["turns"]
    assert [{n: t["step_secs"] for n, t in turn.items()} for turn in turns] == [
        {"electra": 0.2, "mlm": 0.1}
    ]
    count = []
    clock.measure(lambda plan: count.append(1) or 0.2)
    assert len(count) == 4


def test_other_settings_are_timed_anew(make_clock, tmp_path: Path) -> None:
    make_clock(tmp_path).measure(lambda plan: 0.1)
    longer = ("train.train_steps=16", "train.log_every_steps=2")
    assert make_clock(tmp_path, settings=longer).is_measured()
    larger = (*longer, "train.global_batch_size=16")
    assert not make_clock(tmp_path, settings=larger).is_measured()
    assert make_clock(tmp_path, settings=larger).step_secs() == {}
