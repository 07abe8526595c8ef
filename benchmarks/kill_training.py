r"""Kills training many times, starts it again, and compares with a run in peace.

    python benchmarks/kill_training.py --data=runs/readme/data --kills=20

Trains networks of a toy's size with a checkpoint every few steps; flags that it
does not know go to electra_keras.train, such as --set=train.objective=mlm. SIGKILL
comes during the start, between steps or while a checkpoint is written; some
attempts get SIGTERM instead, which saves the very step and exits with 0. Prints a
row per attempt. With --work=FOLDER it can itself be stopped and goes on there. In
the end weights, optimizer, metrics.jsonl (without what the
clock decides) and best.json must be the same, bit by bit; else the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from electra_keras.command_line import import_tensorflow_quietly

_POLL_SECS = 0.002
_OF_THE_CLOCK = ("real_tokens_per_sec", "waiting_rate")
_SETTINGS = (
    *("model.embedding_dim=16", "model.hidden_dim=32", "model.num_layers=2"),
    *("model.num_heads=2", "model.generator_hidden_dim=24"),
    *("model.generator_num_layers=1", "model.max_sequence_length=128"),
    *("train.global_batch_size=8", "train.log_every_steps=7"),
    *("train.evaluate_every_steps=35", "train.evaluate_examples=32"),
    *("train.checkpoint_every_steps=10", "train.kept_checkpoints=2"),
)


class Attempt(NamedTuple):
    """When a process is to be ended, and how.

    Attributes:
        kind: "start", "steps" or "saving": what it is doing then.
        signal: SIGKILL or SIGTERM.
        delay_secs: From the start of what it is doing; 0 while it saves.
        windows: Points of the curves that it may write first.
    """

    kind: str
    signal: signal.Signals
    delay_secs: float
    windows: int


def plan(choose: random.Random, number: int, options: argparse.Namespace) -> Attempt:
    """Draws an attempt; every fourth one is a SIGTERM between steps."""
    if number % 4 == 0:
        windows = choose.randint(1, options.most_windows)
        return Attempt("steps", signal.SIGTERM, choose.uniform(0, 0.1), windows)
    kind = choose.choice(("start", "steps", "steps", "saving"))
    longest_secs = {"start": options.start_secs, "steps": 0.3, "saving": 0.0}[kind]
    windows = 0 if kind == "start" else choose.randint(1, options.most_windows)
    delay_secs = choose.uniform(0, longest_secs)
    return Attempt(kind, signal.SIGKILL, delay_secs, windows)


def newest_step(run: Path) -> int:
    """Optimizer steps of the newest checkpoint; 0: there is none."""
    names = [path.name for path in run.glob("checkpoints/step-*")]
    steps = [name.removeprefix("step-") for name in names]
    return max((int(step) for step in steps if step.isdigit()), default=0)


def count_points(run: Path) -> int:
    """Lines of metrics.jsonl."""
    path = run / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def start_and_end(command: Sequence[str], run: Path, attempt: Attempt) -> int:
    """Starts training and ends it.

    Returns:
        The exit code; that of SIGKILL is negative.
    """

    def wait_until(is_so: Callable[[], bool], process: subprocess.Popen) -> None:
        while process.poll() is None and not is_so():
            time.sleep(_POLL_SECS)

    log = run.with_name("log.txt")
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    with process:
        if attempt.kind != "start":
            # What a resume drops first is gone once it has told of itself.
            told = "resumed from" if newest_step(run) else "held-out"
            wait_until(lambda: told in _tail(log, before), process)
            goal = count_points(run) + attempt.windows
            wait_until(lambda: count_points(run) >= goal, process)
        if attempt.kind == "saving":
            partial = "checkpoints/*.partial-*"
            left = set(run.glob(partial))
            wait_until(lambda: bool(set(run.glob(partial)) - left), process)
        try:
            process.wait(attempt.delay_secs)
        except subprocess.TimeoutExpired:
            process.send_signal(attempt.signal)
    return process.returncode


def _tail(path: Path, start: int) -> str:
    return path.read_bytes()[start:].decode("utf-8", "replace")


def is_clean(attempt: Attempt, code: int) -> bool:
    """Whether the process ended as it should, or came to its end before."""
    return code in (0, -attempt.signal) and (
        attempt.signal == signal.SIGKILL or code == 0
    )


def kill_often(
    command: Sequence[str], run: Path, options: argparse.Namespace
) -> tuple[Table, list[int], list[Path]]:
    """Ends training many times; begins anew where a run is finished before.

    Attempts of an earlier call are read from attempts.jsonl beside the run.

    Returns:
        A row for each attempt, how often each signal came in time (SIGKILL,
        SIGTERM, and ends that were not clean), and the finished runs.
    """
    choose = random.Random(options.seed)
    journal = run.with_name("attempts.jsonl")
    journal.touch()
    earlier = [json.loads(line) for line in journal.read_text().splitlines()]
    table = Table("attempt", "during", "signal", "wait, s", "exit code", "saved step")
    counts = [0, 0, 0]
    finished = []
    number = 0
    while counts[0] < options.kills:
        number += 1
        attempt = plan(choose, number, options)
        if number <= len(earlier):
            code, step = earlier[number - 1]
        else:
            code = start_and_end(command, run, attempt)
            step = newest_step(run)
        is_finished = step == options.steps and code == 0
        if not is_clean(attempt, code):
            counts[2] += 1
        if not is_finished:
            counts[attempt.signal == signal.SIGTERM] += 1
        table.add_row(
            *(str(number), attempt.kind, attempt.signal.name),
            *(f"{attempt.delay_secs:.2f}", str(code)),
            f"{step}, its end" if is_finished else str(step),
        )
        if is_finished:
            finished.append(run.with_name(f"finished-{number}"))
            if not finished[-1].exists():
                run.rename(finished[-1])
        if number > len(earlier):
            with journal.open("a") as file:
                file.write(json.dumps([code, step]) + "\n")
        if counts[2] > 3:  # It does not train at all.
            break
    return table, counts, finished


def read_points(run: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl without what the clock decides."""
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [{k: v for k, v in row.items() if k not in _OF_THE_CLOCK} for row in rows]


def compare(peace: Path, killed: Path, steps: int) -> tuple[list[str], int]:
    """Compares two finished runs.

    Returns:
        What differs, and how many tensors were looked at.
    """
    import_tensorflow_quietly()
    import tensorflow as tf

    prefix = f"checkpoints/step-{steps:08d}/variables"
    first, second = (
        tf.train.load_checkpoint(str(run / prefix)) for run in (peace, killed)
    )
    names = sorted(first.get_variable_to_shape_map())
    different = [
        name
        for name in names
        if not second.has_tensor(name)
        or _bytes(first.get_tensor(name)) != _bytes(second.get_tensor(name))
    ]
    if sorted(second.get_variable_to_shape_map()) != names:
        different.append("the tensors' names")
    if read_points(peace) != read_points(killed):
        different.append("metrics.jsonl")
    best = "checkpoints/best.json"
    if (peace / best).read_text() != (killed / best).read_text():
        different.append("best.json")
    return different, len(names)


def _bytes(value: Any) -> bytes:
    return value.tobytes() if hasattr(value, "tobytes") else value


def main() -> int:
    """Parses, kills, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="with held-out text")
    parser.add_argument(
        "--kills", type=int, default=20, help="SIGKILLs that come in time"
    )
    parser.add_argument("--seed", type=int, default=1, help="of when they come")
    parser.add_argument("--steps", type=int, default=1400, help="optimizer steps")
    parser.add_argument(
        "--most_windows", type=int, default=20, help="points of the curves in between"
    )
    parser.add_argument(
        "--start_secs", type=float, default=8.0, help="longest wait during a start"
    )
    parser.add_argument(
        "--work", help="folder to go on in; by default one that is deleted"
    )
    options, rest = parser.parse_known_args()
    os.environ["PYTHONUNBUFFERED"] = "1"  # What it says is waited for.
    settings = [*_SETTINGS, f"train.train_steps={options.steps}"]
    command = [
        *(sys.executable, "-m", "electra_keras.train", f"--data={options.data}"),
        *(f"--set={setting}" for setting in settings),
        *rest,
    ]
    with contextlib.ExitStack() as stack:
        name = options.work or stack.enter_context(tempfile.TemporaryDirectory())
        folder = Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        peace, killed = folder / "peace", folder / "killed"
        started = time.monotonic()
        done = subprocess.run([*command, f"--output={peace}"], capture_output=True)
        secs = time.monotonic() - started
        if done.returncode:
            raise SystemExit(done.stderr.decode("utf-8", "replace"))
        command.append(f"--output={killed}")
        table, counts, finished = kill_often(command, killed, options)
        done = subprocess.run(command, capture_output=True)
        if done.returncode:
            raise SystemExit(done.stderr.decode("utf-8", "replace"))
        different = []
        for run in (*finished, killed):
            found, tensors = compare(peace, run, options.steps)
            different += [f"{run.name}: {what}" for what in found]
        points = len(read_points(peace))
    Console(width=100).print(table)
    print(
        f"{counts[0]} SIGKILL and {counts[1]} SIGTERM in {len(finished) + 1} runs of "
        f"{options.steps:,} steps: {tensors} tensors, {points} points of the curves, "
        f"best.json; {len(different)} different {different[:5] or ''}; "
        f"{counts[2]} ends that were not clean; {secs:.1f} s when left in peace"
    )
    return bool(different or counts[2])


if __name__ == "__main__":
    raise SystemExit(main())
