"""python -m pytest tests/test_pretrainings.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from electra_keras.config_files import load_config
from electra_keras.errors import UsageError
from electra_keras.experiments.pretrainings import (
    check_same,
    find_step,
    read_held_out,
)


@dataclasses.dataclass
class Run:
    """What is asked of a run here."""

    config: object


def test_a_run_is_known_again(run_folder: Path, tmp_path: Path) -> None:
    config = load_config(run_folder / "config.yaml")
    assert find_step(run_folder) == 9 and find_step(tmp_path) == 0
    assert check_same(Run(config), tmp_path) is False
    assert check_same(Run(config), run_folder) is False
    rarer = dataclasses.replace(config.train, evaluate_every_steps=9)
    other = dataclasses.replace(config, train=rarer)
    assert check_same(Run(other), run_folder) is True
    longer = dataclasses.replace(config.train, train_steps=12)
    with pytest.raises(UsageError, match=r"train\.train_steps was 9 and is now 12"):
        check_same(Run(dataclasses.replace(config, train=longer)), run_folder)


def test_held_out_metrics_are_the_last(run_folder: Path, tmp_path: Path) -> None:
    found = read_held_out(run_folder)
    assert found["step"] == 9 and 0 < found["disc_auc"] < 1 and "split" not in found
    assert read_held_out(tmp_path) == {}
