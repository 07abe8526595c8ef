"""python -m pytest tests/test_probing.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import pytest

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import DatasetInfo
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.training.history import History
from electra_keras.training.run import train

Capture = pytest.CaptureFixture[str]


class CountingProbe:
    """Tells how often it was asked, a tenth each time."""

    def __init__(self) -> None:
        self.opened: list[Any] = []
        self.networks: list[str] = []

    def open(self, info: DatasetInfo, vocabulary: Vocabulary) -> list[str]:
        self.opened.append((info.sequence_length, len(vocabulary)))
        return ["two", "lines"]

    def measure(self, network: keras.Model) -> dict[str, float]:
        self.networks.append(network.name)
        return {
            "probe_accuracy": len(self.networks) / 10,
            "probe_macro_f1": 0.25,
            "probe_majority_accuracy": 0.5,
        }


@pytest.fixture(scope="module")
def config(tiny_config: ExperimentConfig) -> ExperimentConfig:
    settings = dataclasses.replace(tiny_config.train, probe="a.yaml", train_steps=5)
    return dataclasses.replace(tiny_config, train=settings)


def test_a_probe_is_asked_when_it_is_due_and_shown_everywhere(
    config: ExperimentConfig, data_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    probe = CountingProbe()
    train(config, data_folder, tmp_path / "run", probe=probe)
    assert probe.opened == [(16, 40)]
    assert probe.networks == ["discriminator"] * 3
    rows = History(tmp_path / "run").rows("probe")
    assert [(row["step"], row["probe_accuracy"]) for row in rows] == [
        *((0, 0.1), (4, 0.2), (5, 0.3))
    ]
    assert all(0 <= row["probe_secs"] < 60 for row in rows)
    printed = capsys.readouterr()
    assert printed.out.startswith("probe: two\nprobe: lines\n")
    assert (
        "step 4: probe accuracy 0.200 macro_f1 0.250 (the most frequent label alone "
        "0.500; 0.0 s)\n"
    ) in printed.err
    logs = EventAccumulator(str(tmp_path / "run/logs/validation"), {"tensors": 0})
    logs.Reload()
    for name in ("accuracy", "macro_f1", "majority_accuracy", "secs"):
        assert [e.step for e in logs.Tensors(f"probe/{name}")] == [0, 4, 5]
    shown = logs.SummaryMetadata("_hparams_/experiment").plugin_data.content
    assert b"probe/accuracy" in shown and b"probe/macro_f1" in shown


def test_a_setting_without_a_probe_is_refused(
    config: ExperimentConfig, data_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as error:
        train(config, data_folder, tmp_path / "run")
    assert str(error.value) == (
        "train.probe a.yaml, and no probe was given; expected the argument probe of "
        "train, such as electra_keras.finetuning.probe.LinearProbe.of(config.train). "
        "Give it, or set train.probe=null."
    )
    assert not (tmp_path / "run").exists()


def test_steps_between_probes_are_those_between_evaluations_or_set() -> None:
    train = ExperimentConfig().train
    assert train.effective_probe_every_steps == 1_000
    train = dataclasses.replace(train, probe_every_steps=300)
    assert train.effective_probe_every_steps == 300
