"""python -m pytest tests/test_interruption.py"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.training.history import History
from electra_keras.training.interruption import Interruption
from electra_keras.training.run import train
from electra_keras.training.saved_run import load_run
from electra_keras.training.workers import Workers

ALONE = Workers(tf.distribute.get_strategy())
Capture = pytest.CaptureFixture[str]
PROJECT = Path(__file__).parents[1]


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = History(folder).rows()
    for row in rows:
        row.pop("real_tokens_per_sec", None)
        row.pop("waiting_rate", None)
    return rows


def assert_same_runs(one: Path, other: Path) -> None:
    """Weights, points of the curves and the best are the same, bit for bit."""
    networks = load_run(one).objective.networks
    for name, network in load_run(other).objective.networks.items():
        for mine, theirs in zip(
            networks[name].variables, network.variables, strict=True
        ):
            assert np.array_equal(mine.numpy(), theirs.numpy()), mine.path
    assert rows_of(one) == rows_of(other)
    best = "checkpoints/best.json"
    assert (one / best).read_text() == (other / best).read_text()


def state_of(folder: Path, step: int) -> dict[str, Any]:
    path = folder / f"checkpoints/step-{step:08d}/state.json"
    return json.loads(path.read_text())


STOPPED_AT_3 = """
import signal, sys
import pytest
from electra_keras import train
sys.path.insert(0, "tests")
from conftest import send_signal
send_signal(pytest.MonkeyPatch(), 3, signal.SIGTERM)
raise SystemExit(train.main(sys.argv[1:]))
"""


def test_a_run_stopped_again_and_again_equals_one_in_one_go(
    run_folder: Path,
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    send_signal: Callable[..., None],
    capsys: Capture,
) -> None:
    folder = tmp_path / "run"
    (tmp_path / "tiny.yaml").write_text(tiny_config.to_yaml())
    flags = [f"--config={tmp_path / 'tiny.yaml'}", f"--data={data_folder}"]
    # SIGTERM of another process, in the middle of the window from 2 to 4.
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_AT_3, *flags, f"--output={folder}"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    saved = folder / "checkpoints/step-00000003"
    assert done.stdout == (
        f"stopped by SIGTERM at step 3, saved as {saved}; the same command goes on "
        "from there\n"
    )
    assert state_of(folder, 3)["window_start"] == 2
    assert [row["step"] for row in rows_of(folder)] == [0, 2]

    # Ctrl-C at the end of that window: it is evaluated first.
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        send_signal(patch, 4, signal.SIGINT)
        train(tiny_config, data_folder, folder)
    out = capsys.readouterr().out
    assert "at step 3\n" in out and "stopped by SIGINT at step 4, saved as" in out
    assert signal.getsignal(signal.SIGINT) is before
    assert state_of(folder, 4)["window_start"] is None
    assert [row["step"] for row in rows_of(folder)] == [0, 2, 4, 4]
    assert rows_of(folder) == rows_of(run_folder)[:4]

    # In the middle once more, in this process.
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stop:
        send_signal(patch, 7, signal.SIGTERM)
        train(tiny_config, data_folder, folder)
    assert stop.value.code == 0
    assert state_of(folder, 7)["window_start"] == 6
    result = train(tiny_config, data_folder, folder)
    assert (result.start_step, result.step) == (7, 9)
    assert_same_runs(folder, run_folder)


@pytest.fixture
def kill_training(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROJECT / "benchmarks"))
    import kill_training

    return kill_training


def test_a_run_killed_by_the_benchmark_equals_one_in_one_go(
    kill_training: ModuleType,
    run_folder: Path,
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The short form of benchmarks/kill_training.py."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    folder = tmp_path / "run"
    (tmp_path / "tiny.yaml").write_text(tiny_config.to_yaml())
    command = [sys.executable, "-m", "electra_keras.train", f"--output={folder}"]
    command += [f"--config={tmp_path / 'tiny.yaml'}", f"--data={data_folder}"]
    for kind, delay_secs, windows in (("start", 1.5, 0), ("saving", 0.0, 1)):
        attempt = kill_training.Attempt(kind, signal.SIGKILL, delay_secs, windows)
        code = kill_training.start_and_end(command, folder, attempt)
        assert kill_training.is_clean(attempt, code)
    train(tiny_config, data_folder, folder)
    different, tensors = kill_training.compare(run_folder, folder, 9)
    assert different == [] and tensors > 100
    assert not list(folder.glob("checkpoints/*.partial-*"))


@pytest.fixture
def handlers() -> Iterator[dict[signal.Signals, Any]]:
    """What the signals do now, and will do after the test."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield before
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_second_signal_acts_as_if_nobody_listened(
    handlers: dict[signal.Signals, Any], capsys: Capture
) -> None:
    received = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    interruption = Interruption(ALONE)
    interruption.listen()
    assert not interruption.is_agreed()
    signal.raise_signal(signal.SIGTERM)
    assert interruption.is_agreed() and not received
    signal.raise_signal(signal.SIGTERM)
    assert received == [signal.SIGTERM]
    with pytest.raises(SystemExit) as stop:
        interruption.leave(0, None)
    assert stop.value.code == 0
    assert capsys.readouterr().out == ""
    interruption.close()
    assert capsys.readouterr().out == (
        "stopped by SIGTERM before the first step; the same command starts again\n"
    )


def test_what_is_ignored_stays_so_and_handlers_come_back(
    handlers: dict[signal.Signals, Any],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    interruption = Interruption(ALONE)
    interruption.listen()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is not handlers[signal.SIGTERM]
    interruption.close()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is handlers[signal.SIGTERM]


def test_another_thread_sets_no_handler(handlers: dict[signal.Signals, Any]) -> None:
    errors: list[BaseException] = []

    def listen() -> None:
        try:
            interruption = Interruption(ALONE)
            interruption.listen()
            interruption.close()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert errors == []
    assert signal.getsignal(signal.SIGTERM) is handlers[signal.SIGTERM]
