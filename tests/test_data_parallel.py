"""python -m pytest tests/test_data_parallel.py

The same five steps on the same data: on one replica, in two parts, on two replicas
of one process, and on two workers that talk to each other.
"""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig, TrainConfig
from electra_keras.errors import UsageError
from electra_keras.training.checkpoints import CheckpointFolder
from electra_keras.training.history import History
from electra_keras.training.strategies import make_strategy

TWO_CPUS = """
import sys
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)
from electra_keras.train import main

sys.exit(main(sys.argv[1:]))
"""
# What the clock decides.
UNTOLD = ("real_tokens_per_sec", "waiting_rate")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_config) -> Path:
    """Holds `config.yaml`: five steps without dropout."""
    folder = tmp_path_factory.mktemp("parallel")
    train = dataclasses.replace(
        tiny_config.train, train_steps=5, checkpoint_every_steps=5, clip_norm=0.5
    )
    model = dataclasses.replace(tiny_config.model, dropout_rate=0.0)
    config = ExperimentConfig(model, tiny_config.data, train)
    (folder / "config.yaml").write_text(config.to_yaml(), "utf-8")
    return folder


class Run:
    """A command that trains, in a process of its own."""

    def __init__(self, folder: Path, data: Path, output: str, *settings: str, **how):
        start = (
            ["-c", TWO_CPUS] if how.get("two_cpus") else ["-m", "electra_keras.train"]
        )
        self.output = folder / output
        command = [
            *(sys.executable, *start, f"--config={folder / 'config.yaml'}"),
            *(f"--data={data}", f"--output={self.output}"),
            *(f"--set=train.{setting}" for setting in settings),
        ]
        environment = {**os.environ, **how.get("environment", {})}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def finish(self) -> str:
        printed, _ = self.process.communicate(timeout=240)
        assert self.process.returncode == 0, printed[-3000:]
        return printed


def weights_of(output: Path) -> dict[str, np.ndarray]:
    checkpoint = CheckpointFolder(output / "checkpoints").latest()
    assert checkpoint is not None and checkpoint.step == 5
    reader = tf.train.load_checkpoint(str(checkpoint.folder / "variables"))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.startswith("variables")
    }


def two_workers(folder: Path, data: Path, output: str) -> list[Run]:
    free = ("127.0.0.1", 0)
    with socket.create_server(free) as one, socket.create_server(free) as other:
        ports = [server.getsockname()[1] for server in (one, other)]
    workers = [f"127.0.0.1:{port}" for port in ports]
    return [
        Run(
            *(folder, data, output, "strategy=multi_worker"),
            environment={
                "TF_CONFIG": json.dumps(
                    {
                        "cluster": {"worker": workers},
                        "task": {"type": "worker", "index": index},
                    }
                )
            },
        )
        for index in range(2)
    ]


@pytest.fixture(scope="module")
def alone(folder: Path, data_folder: Path) -> Path:
    run = Run(folder, data_folder, "alone")
    run.finish()
    return run.output


def check_equal(alone: Path, other: Path) -> None:
    expected, received = weights_of(alone), weights_of(other)
    assert expected.keys() == received.keys() and len(expected) > 100
    for name, value in expected.items():
        assert received[name] == pytest.approx(value, abs=1e-6), name
    for split in ("train", "validation"):
        rows = [History(path).rows(split) for path in (alone, other)]
        assert len(rows[0]) == len(rows[1]) > 0
        for one, two in zip(*rows, strict=True):
            assert one.keys() - UNTOLD == two.keys() - UNTOLD
            for name in one.keys() - UNTOLD - {"split"}:
                assert two[name] == pytest.approx(one[name], rel=1e-4, abs=1e-5), name


def test_two_parts_of_half_size(folder: Path, data_folder: Path, alone: Path) -> None:
    run = Run(folder, data_folder, "parts", "micro_batches=2")
    run.finish()
    check_equal(alone, run.output)


def test_two_replicas_in_a_process(
    folder: Path, data_folder: Path, alone: Path
) -> None:
    run = Run(folder, data_folder, "mirrored", "strategy=mirrored", two_cpus=True)
    run.finish()
    check_equal(alone, run.output)


def test_two_workers_of_which_one_writes(
    folder: Path, data_folder: Path, alone: Path
) -> None:
    chief, second = two_workers(folder, data_folder, "workers")
    assert "trained steps 0 to 5" in chief.finish()
    assert "the chief saves" in second.finish()
    check_equal(alone, chief.output)
    # One event file of each split: of one writer.
    files = list((chief.output / "logs" / "train").glob("events*"))
    assert len(files) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", '{"cluster": {}}'),
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_wrong_cluster_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    config = TrainConfig(strategy="multi_worker")
    with pytest.raises(UsageError, match=r"TF_CONFIG=.*expected the addresses of all"):
        make_strategy(config)


def test_absent_tpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPU_NAME", "local")
    with pytest.raises(UsageError, match=r"no TPU named 'local'"):
        make_strategy(TrainConfig(strategy="tpu"))
