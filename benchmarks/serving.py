"""A served ELECTRA-Small beside PyTorch's: throughput, latency, start.

    python benchmarks/serving.py --peer_python=PATH/python

Exports ELECTRA-Small, vocabulary 30,522, and asks it for rows of 128 tokens at once
and for one row of 32. Each contender has a process of its own, in turns; prints
medians of the turns, and of their ratios. Weights are random: they take the same
time as trained ones.

    session       what TensorFlow Serving runs: Session::Run of the signature `tokens`
    Python call   the same signature loaded by `tf.saved_model.load`
    text          session, `serving_default` for texts that give the same rows; what
                  text adds is measured against `tokens` in turns in this process,
                  since two processes differ by more
    LiteRT int8   the file that `--litert=int8` of export adds, ids in
    start         seconds from loading to the first answer, after TensorFlow and
                  tensorflow-text are imported; of PyTorch without weights to load
    of the roof   matrix products of the rows, against the speed of one large product
                  of float32 matrices in the same process

PATH/python has torch and transformers; the peer is `torch_serving.py`.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_PEER = "PyTorch"
_BASE = "session"
_ROOF_SIZE = 2048  # Rows and columns of the large matrices.
_SHORT_TOKENS = 32
_SHORT_CALLS = 200
_NAMES = ("token_ids", "segment_ids", "padding_mask")
_LITERT = "LiteRT int8"
CONTENDERS = (_BASE, "Python call", "text", _LITERT)
Ask = Callable[[Any], Any]
Call = Callable[[], Any]


def forward_flops(rows: int, length: int) -> float:
    """Operations of the matrix products of a forward pass of ELECTRA-Small."""
    dense = 4 * 256 * 256 + 2 * 256 * 1024
    layer = dense + 2 * length * 256
    return 2.0 * rows * length * (12 * layer + 128 * 256 + 256 * 256)


def open_session(options: argparse.Namespace, *signatures: str) -> list[Ask]:
    """Loads the SavedModel as TensorFlow Serving does; one call a signature."""
    import tensorflow as tf

    threads = options.threads or os.cpu_count()
    config = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
    with session.graph.as_default():
        graph = tf.compat.v1.saved_model.load(session, ["serve"], options.model)

    def make(signature: str) -> Ask:
        entry = graph.signature_def[signature]
        outputs = [entry.outputs[name].name for name in sorted(entry.outputs)]
        names = ("text",) if "text" in entry.inputs else _NAMES
        inputs = [entry.inputs[name].name for name in names]
        call = session.make_callable(outputs, feed_list=inputs)
        return lambda values: call(*values)

    return [make(signature) for signature in signatures]


def open_function(options: argparse.Namespace) -> Ask:
    """Loads the SavedModel as Python programs do."""
    import tensorflow as tf

    function = tf.saved_model.load(options.model).signatures["tokens"]

    def ask(values):
        tensors = dict(zip(_NAMES, map(tf.constant, values), strict=True))
        return [value.numpy() for value in function(**tensors).values()]

    return ask


def open_litert(options: argparse.Namespace) -> Ask:
    """Loads the model of `--litert=int8`."""
    import tensorflow as tf
    from serving_model import LITERT_FORM

    name = f"assets.extra/model_{LITERT_FORM}.tflite"
    interpreter = tf.lite.Interpreter(
        f"{options.model}/{name}", num_threads=options.threads or os.cpu_count()
    )
    ask = interpreter.get_signature_runner("tokens")
    return lambda values: ask(**dict(zip(_NAMES, values, strict=True)))


def work(options: argparse.Namespace) -> dict[str, float]:
    """Asks one contender in this process; its numbers by name."""
    from electra_keras.command_line import import_tensorflow_quietly

    import_tensorflow_quietly()
    import numpy as np
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    for kind in ("intra_op", "inter_op"):
        if options.threads:
            name = f"set_{kind}_parallelism_threads"
            getattr(tf.config.threading, name)(options.threads)
    given = json.loads(Path(options.inputs).read_text("utf-8"))
    long = [np.array(given[name], np.int32) for name in _NAMES]
    short = [rows[:1, :_SHORT_TOKENS] for rows in long]
    more: dict[str, Call] = {}
    started = time.perf_counter()
    if options.worker == "text":
        ask, ask_ids = open_session(options, "serving_default", "tokens")
        more = {
            "long_ids": partial(ask_ids, long),
            "short_ids": partial(ask_ids, short),
        }
        long, short = [given["texts"]], [given["short_texts"]]
    elif options.worker == "Python call":
        ask = open_function(options)
    elif options.worker == _LITERT:
        ask = open_litert(options)
    else:
        [ask] = open_session(options, "tokens")
    ask(short)
    start_secs = time.perf_counter() - started
    matrix = tf.random.stateless_normal([_ROOF_SIZE, _ROOF_SIZE], [1, 2])
    multiply = tf.function(lambda: tf.matmul(matrix, matrix))
    asked = {"long": partial(ask, long), "short": partial(ask, short), **more}
    asked["roof"] = lambda: multiply().numpy()
    return {"start_secs": start_secs, **measure(options, asked)}


def measure(options: argparse.Namespace, asked: dict[str, Call]) -> dict[str, float]:
    """Times calls; the peer does the same."""

    def clock(kind: str, calls: int) -> dict[str, list[float]]:
        """Seconds of each call of this kind, in turns, after three."""
        secs: dict[str, list[float]] = {name: [] for name in asked if kind in name}
        for _ in range(3 + calls):
            for name, of_name in secs.items():
                start = time.perf_counter()
                asked[name]()
                of_name.append(time.perf_counter() - start)
        return {name: of_name[3:] for name, of_name in secs.items()}

    secs = clock("long", options.calls) | clock("short", _SHORT_CALLS)
    found = {f"{name}_secs": statistics.median(secs[name]) for name in secs}
    for kind in ("long", "short"):
        if f"{kind}_ids" in secs:
            pairs = zip(secs[kind], secs[f"{kind}_ids"], strict=True)
            found[f"{kind}_added"] = statistics.median(a / b for a, b in pairs) - 1
    p99 = statistics.quantiles(secs["short"], n=100)[98]
    roof = 2.0 * _ROOF_SIZE**3 / min(clock("roof", 5)["roof"])
    return found | {"short_p99_secs": p99, "roof_flops": roof}


def prepare(folder: Path, rows: int) -> list[str]:
    """Exports the model and writes what it will be asked; returns flags."""
    from electra_keras.command_line import import_tensorflow_quietly

    import_tensorflow_quietly()
    import tensorflow as tf
    from serving_model import ROW_TOKENS, export_model

    version, texts = export_model(folder)
    texts = (texts * rows)[:rows]
    tokenize = tf.saved_model.load(str(version)).signatures["tokenize"]
    found = tokenize(text=tf.constant(texts))
    given: dict[str, Any] = {name: found[name].numpy().tolist() for name in _NAMES}
    if {len(row) for row in given["token_ids"]} != {ROW_TOKENS}:
        raise SystemExit("The texts do not fill their rows.")
    end = int(found["token_ends"][0, _SHORT_TOKENS - 2])
    given |= {"texts": texts, "short_texts": [texts[0][:end]]}
    path = folder / "inputs.json"
    path.write_text(json.dumps(given), "utf-8")
    return [f"--model={version}", f"--inputs={path}"]


def run(name: str, options: argparse.Namespace, flags: list[str]) -> dict[str, Any]:
    """Runs a contender in a process of its own."""
    script, python = Path(__file__), sys.executable
    if name == _PEER:
        python, script = options.peer_python, script.with_name("torch_serving.py")
    sizes = [f"--{key}={getattr(options, key)}" for key in ("rows", "calls", "threads")]
    command = [python, str(script), f"--worker={name}", *sizes, *flags]
    environment = dict(os.environ)
    if options.threads:
        environment |= {"OMP_NUM_THREADS": str(options.threads)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def make_table(options: argparse.Namespace, turns: list[dict[str, Any]]) -> Table:
    """Medians of the turns, and of their ratios to the peer and to ids."""
    table = Table(
        *("contender", "long, ms", "tokens/s", "of ids", "of peer", "of the roof"),
        *("short, ms", "p99, ms", "of ids", "of peer", "start, s"),
        title=f"ELECTRA-Small, {options.rows} x 128 (long) and 1 x {_SHORT_TOKENS} "
        f"(short), {options.threads or os.cpu_count()} threads, {len(turns)} turns",
    )
    flops = forward_flops(options.rows, 128)

    def median(of: Callable[[dict[str, Any]], float], name: str) -> float:
        return statistics.median(of(turn[name]) for turn in turns)

    def speed(name: str, base: str, key: str) -> str:
        if base not in turns[0]:
            return "-"
        ratios = [turn[base][key] / turn[name][key] for turn in turns]
        return f"{statistics.median(ratios):.2f}"

    for name in turns[0]:
        long, short, p99, start = (
            median(operator.itemgetter(key), name)
            for key in ("long_secs", "short_secs", "short_p99_secs", "start_secs")
        )
        roof = median(lambda row: flops / row["long_secs"] / row["roof_flops"], name)
        table.add_row(
            name,
            f"{1e3 * long:.0f}",
            f"{options.rows * 128 / long:,.0f}",
            speed(name, _BASE, "long_secs"),
            speed(name, _PEER, "long_secs"),
            f"{roof:.0%}",
            f"{1e3 * short:.1f}",
            f"{1e3 * p99:.1f}",
            speed(name, _BASE, "short_secs"),
            speed(name, _PEER, "short_secs"),
            f"{start:.2f}",
        )
    return table


def main() -> None:
    """Parses, measures, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=32, help="of 128 tokens")
    parser.add_argument("--calls", type=int, default=8, help="with those rows")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--repetitions", type=int, default=3, help="turns")
    parser.add_argument("--peer_python", default="", help="with torch and transformers")
    for hidden in ("worker", "model", "inputs"):
        parser.add_argument(f"--{hidden}", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options)))
        return
    names = [*CONTENDERS, *([_PEER] if options.peer_python else [])]
    with tempfile.TemporaryDirectory() as folder:
        flags = prepare(Path(folder), options.rows)
        turns = [
            {name: run(name, options, flags) for name in names}
            for _ in range(options.repetitions)
        ]
    console = Console(width=130)
    console.print(make_table(options, turns))
    added = {
        kind: statistics.median(turn["text"][f"{kind}_added"] for turn in turns)
        for kind in ("long", "short")
    }
    console.print(
        f"Text in, not ids, adds {added['long']:.1%} of the time of long rows and "
        f"{added['short']:.1%} of the short one's: pairs of calls in one process."
    )


if __name__ == "__main__":
    main()
