"""A training step of ELECTRA beside PyTorch's: speed, first step, memory.

    python benchmarks/training_step.py --peer_python=PATH/python

Trains ELECTRA-Small, vocabulary 30,522, dropout 0.1, on made-up full rows, each
contender in a process of its own, in turns. Prints the median of the turns:

    first step   seconds from the start of the process to the end of the first step:
                 imports, networks, graph
    step         median of the steps after the second
    of the roof  matrix products of a step, against the speed of one large product
                 of float32 matrices in the same process
    peak         resident memory of the process, and what the steps took of it

PATH/python has torch and transformers; the peer is `torch_training_step.py`, which
gathers masked positions before the vocabulary projection. --compare runs ours with
other settings too, such as --compare train.jit_compile=true.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_ROOF_SIZE = 2048  # Rows and columns of the large matrices.
_PEER = "PyTorch"
_OURS = "ours"


def product_flops(rows: int, length: int, slots: int, vocabulary_size: int) -> float:
    """Operations of the matrix products of a step of ELECTRA-Small.

    A backward pass has two products for each of the forward pass.
    """

    def encoder(hidden: int, inner: int, layers: int) -> int:
        dense = 4 * hidden * hidden + 2 * hidden * inner
        attention = 2 * length * hidden
        return 2 * layers * length * (dense + attention)

    project = 2 * length * 128 * (64 + 256)
    head = 2 * slots * (64 * 128 + 128 * vocabulary_size)
    detect = 2 * length * 256 * 256
    both = encoder(64, 256, 12) + encoder(256, 1024, 12)
    return 3.0 * rows * (both + project + head + detect)


def memory_mb() -> float:
    """Most resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def work(options: argparse.Namespace) -> dict[str, float]:
    """Trains some steps in this process and says what they took."""
    from electra_keras.command_line import import_tensorflow_quietly

    import_tensorflow_quietly()
    import keras
    import tensorflow as tf

    from electra_keras.config_files import load_config
    from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
    from electra_keras.planning.plan import make_plan
    from electra_keras.planning.throughput import make_batch
    from electra_keras.training.run import build_pretrainer

    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    settings = [
        f"train.global_batch_size={options.rows}",
        f"model.max_sequence_length={options.length}",
        *options.set,
    ]
    plan = make_plan(load_config(None, settings), vocabulary_size=30_522)
    others = (f"token{number}" for number in range(5, plan.row.vocabulary_size))
    pretrainer = build_pretrainer(plan.config, Vocabulary((*SPECIAL_TOKENS, *others)))
    batch = make_batch(plan.config.data, plan.row, options.rows)
    moments: list[float] = []
    before = memory_mb()

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            float((logs or {})["loss"])
            moments.append(time.time())

    pretrainer.fit(
        tf.data.Dataset.from_tensors(batch).repeat(),
        steps_per_epoch=options.steps,
        callbacks=[Clock()],
        verbose=0,
    )
    peak = memory_mb()
    matrix = tf.random.stateless_normal([_ROOF_SIZE, _ROOF_SIZE], [1, 2])
    multiply = tf.function(lambda: tf.matmul(matrix, matrix))
    return report(options, moments, before, peak, lambda: multiply().numpy())


def report(options, moments, before, peak, multiply) -> dict[str, float]:
    """What a contender measured, as numbers by name; the peer says the same."""
    steps = [b - a for a, b in itertools.pairwise(moments)]
    multiply()
    roofs = []
    for _ in range(5):
        start = time.time()
        multiply()
        roofs.append(2.0 * _ROOF_SIZE**3 / (time.time() - start))
    return {
        "first_step_secs": moments[0] - options.started,
        "step_secs": statistics.median(steps),
        "roof_flops": max(roofs),
        "peak_mb": peak,
        "steps_mb": peak - before,
    }


def run(name: str, options: argparse.Namespace, settings: list[str]) -> dict[str, Any]:
    """Runs a contender in a process of its own."""
    script = Path(__file__)
    python = sys.executable
    if name == _PEER:
        python, script = options.peer_python, script.with_name("torch_training_step.py")
    command = [
        *(python, str(script), "--worker", f"--started={time.time()}"),
        *(f"--{key}={getattr(options, key)}" for key in _SIZES),
        *(f"--set={setting}" for setting in settings),
    ]
    environment = dict(os.environ)
    if options.threads:
        environment |= {"OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


_SIZES = ("rows", "length", "steps", "threads")


def compare(options: argparse.Namespace) -> Table:
    """Runs all contenders in turns and makes the table of medians."""
    contenders: dict[str, list[str]] = {_OURS: list(options.set)}
    for setting in options.compare:
        contenders[f"ours, {setting}"] = [*options.set, setting]
    if options.peer_python:
        contenders[_PEER] = []
    turns = []
    for _ in range(options.repetitions):
        turns.append({n: run(n, options, s) for n, s in contenders.items()})
    tokens = options.rows * options.length
    slots = max(1, round(0.15 * options.length))
    flops = product_flops(options.rows, options.length, slots, 30_522)
    table = Table(
        *("contender", "first step, s", "step, s", "tokens/s", "times peer"),
        *("roof, GFLOP/s", "of the roof", "peak, MB", "steps, MB"),
        title=f"ELECTRA-Small, {options.rows} x {options.length}, "
        f"{options.threads or os.cpu_count()} threads, {options.repetitions} turns",
    )
    for name in contenders:
        rows = [turn[name] for turn in turns]
        median = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        ratio = "-"
        if options.peer_python:
            ratios = [
                turn[_PEER]["step_secs"] / turn[name]["step_secs"] for turn in turns
            ]
            ratio = f"{statistics.median(ratios):.2f}"
        shares = [flops / row["step_secs"] / row["roof_flops"] for row in rows]
        table.add_row(
            name,
            f"{median['first_step_secs']:.1f}",
            f"{median['step_secs']:.2f}",
            f"{tokens / median['step_secs']:,.0f}",
            ratio,
            f"{median['roof_flops'] / 1e9:.0f}",
            f"{statistics.median(shares):.0%}",
            f"{median['peak_mb']:,.0f}",
            f"{median['steps_mb']:,.0f}",
        )
    return table


def main() -> None:
    """Parses, measures, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=32, help="of a batch")
    parser.add_argument("--length", type=int, default=128, help="tokens of a row")
    parser.add_argument("--steps", type=int, default=8, help="of each process")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--repetitions", type=int, default=3, help="turns")
    parser.add_argument("--peer_python", default="", help="with torch and transformers")
    parser.add_argument("--compare", nargs="*", default=[], help="section.key=value")
    parser.add_argument("--set", action="append", default=[], help="section.key=value")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--started", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options)))
    else:
        Console(width=130).print(compare(options))


if __name__ == "__main__":
    main()
