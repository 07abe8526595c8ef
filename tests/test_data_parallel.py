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
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig, TrainConfig
from electra_keras.errors import UsageError
from electra_keras.training.checkpoints import CheckpointFolder
from electra_keras.training.history import History
from electra_keras.training.strategies import make_strategy

TRAINS = """
import sys

from electra_keras.train import main

sys.exit(main(sys.argv[1:]))
"""
STOPPED_AT_3 = f"""
import signal

import pytest
from conftest import send_signal

send_signal(pytest.MonkeyPatch(), 3, signal.SIGTERM)
{TRAINS}
"""
TESTS = Path(__file__).parent
# What the clock decides.
UNTOLD = ("real_tokens_per_sec", "waiting_rate", "probe_secs")


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, tiny_config, probe_task: Path
) -> Path:
    """Holds `config.yaml`: five steps without dropout, with a probe."""
    folder = tmp_path_factory.mktemp("parallel")
    train = dataclasses.replace(
        tiny_config.train,
        train_steps=5,
        checkpoint_every_steps=5,
        clip_norm=0.5,
        probe=str(probe_task),
    )
    model = dataclasses.replace(tiny_config.model, dropout_rate=0.0)
    config = ExperimentConfig(model, tiny_config.data, train)
    (folder / "config.yaml").write_text(config.to_yaml(), "utf-8")
    return folder


class Run:
    """A command that trains, in a process of its own."""

    def __init__(
        self,
        *paths: str | Path,
        settings: Sequence[str] = (),
        code: str = TRAINS,
        environment: Mapping[str, str] | None = None,
    ):
        folder, data, output = map(Path, paths)
        self.output = folder / output
        command = [
            *(sys.executable, "-c", code, f"--config={folder / 'config.yaml'}"),
            *(f"--data={data}", f"--output={self.output}"),
            *(f"--set=train.{setting}" for setting in settings),
        ]
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": path, **(environment or {})},
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
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


def two_workers(
    folder: Path, data: Path, outputs: Sequence[str], code_of_second: str = TRAINS
) -> list[Run]:
    """The chief and another one."""
    free = ("127.0.0.1", 0)
    with socket.create_server(free) as one, socket.create_server(free) as other:
        ports = [server.getsockname()[1] for server in (one, other)]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    return [
        Run(
            *(folder, data, output),
            settings=["strategy=multi_worker"],
            code=code,
            environment={
                "TF_CONFIG": json.dumps(
                    {"cluster": cluster, "task": {"type": "worker", "index": index}}
                )
            },
        )
        for index, (output, code) in enumerate(
            zip(outputs, (TRAINS, code_of_second), strict=True)
        )
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
    for split in ("train", "validation", "probe"):
        rows = [History(path).rows(split) for path in (alone, other)]
        assert len(rows[0]) == len(rows[1]) > 0
        for one, two in zip(*rows, strict=True):
            assert one.keys() - UNTOLD == two.keys() - UNTOLD
            for name in one.keys() - UNTOLD - {"split"}:
                assert two[name] == pytest.approx(one[name], rel=1e-4, abs=1e-5), name


def test_two_parts_of_half_size(folder: Path, data_folder: Path, alone: Path) -> None:
    run = Run(folder, data_folder, "parts", settings=["micro_batches=2"])
    run.finish()
    check_equal(alone, run.output)


def test_two_replicas_in_a_process(
    folder: Path, data_folder: Path, alone: Path, two_cpus: str
) -> None:
    run = Run(
        *(folder, data_folder, "mirrored"),
        settings=["strategy=mirrored"],
        code=two_cpus + TRAINS,
    )
    run.finish()
    check_equal(alone, run.output)


def test_two_workers_of_which_one_writes(
    folder: Path, data_folder: Path, alone: Path
) -> None:
    chief, second = two_workers(folder, data_folder, ["workers"] * 2)
    assert "trained steps 0 to 5" in chief.finish()
    assert "the chief saves" in second.finish()
    check_equal(alone, chief.output)
    # One event file of each split: of one writer.
    files = list((chief.output / "logs" / "train").glob("events*"))
    assert len(files) == 1


def test_a_worker_told_to_stop_stops_all_at_one_step_and_nothing_is_lost(
    folder: Path, data_folder: Path, alone: Path
) -> None:
    outputs = ["stopped"] * 2
    chief, second = two_workers(folder, data_folder, outputs, STOPPED_AT_3)
    saved = chief.output / "checkpoints" / "step-00000003"
    assert f"stopped by another worker at step 3, saved as {saved}" in chief.finish()
    assert "stopped by SIGTERM at step 3, saved by the chief" in second.finish()
    # Alone, one of them would go on from another step.
    chief, second = two_workers(folder, data_folder, ["stopped", "elsewhere"])
    for run in (chief, second):
        printed, _ = run.process.communicate(timeout=240)
        assert run.process.returncode == 2, printed[-3000:]
        assert "workers would go on from steps 0 and 3; expected one run" in printed
    chief, second = two_workers(folder, data_folder, outputs)
    assert "trained steps 3 to 5" in chief.finish()
    second.finish()
    check_equal(alone, chief.output)


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
