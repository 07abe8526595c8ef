r"""Fine-tuning of ELECTRA-Small beside Transformers' Trainer: examples a second.

    python benchmarks/finetuning.py --peer_python=PATH/python
    python benchmarks/finetuning.py --peer_python=PATH/python --rows=reviews.tsv \
        --column=document --vocabulary=vocab.txt

Classification of texts of at most 64 tokens, 32 rows a step, dropout 0.1. Weights are
random: they take the same time. Without --rows lengths are drawn as those of film
reviews: 25 tokens on average, a tenth of them 64. Each contender has a process of its
own, in turns; prints medians of the turns, and of their ratios.

    ours              batches of rows of similar length, as `electra_keras.finetune`
    Trainer           padded to the longest row of a batch (DataCollatorWithPadding)
    Trainer, grouped  also with train_sampling_strategy="group_by_length"
    Trainer, padded   every row padded to 64, as its example scripts do
    evaluation        rows a second of predictions, in ours and Trainer.predict

PATH/python has torch, transformers and accelerate; the peer is `torch_finetuning.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_OURS = "ours"
_PEERS = ("Trainer", "Trainer, grouped", "Trainer, padded")
_TOKENS = 64
_VOCABULARY_SIZE = 30_522
_WARMUP_STEPS = 10


def draw_rows(count: int) -> list[list[int]]:
    """Draws rows of ids whose lengths are like those of film reviews."""
    choose = random.Random(1)
    rows = []
    for _ in range(count):
        length = min(max(4, round(choose.lognormvariate(2.9, 0.75))), _TOKENS)
        inner = choose.choices(range(1_000, _VOCABULARY_SIZE), k=length - 2)
        rows.append([2, *inner, 3])
    return rows


def read_rows(options: argparse.Namespace, count: int) -> list[list[int]]:
    """Encodes the texts of a file."""
    import csv

    from electra_keras.command_line import import_tensorflow_quietly

    import_tensorflow_quietly()
    from electra_keras.data.tokenizer import Tokenizer
    from electra_keras.data.vocabulary import Vocabulary
    from electra_keras.finetuning.encoding import PieceFinder

    with open(options.rows, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        texts = [
            row[options.column] for row, _ in zip(reader, range(count), strict=False)
        ]
    finder = PieceFinder(Tokenizer(Vocabulary.load(Path(options.vocabulary))))
    pieces = finder.find_pieces(texts)
    rows = [finder.join(piece.token_ids[: _TOKENS - 2]) for piece in pieces]
    return [row.token_ids.tolist() for row in rows]


def work(options: argparse.Namespace) -> dict[str, float]:
    """Trains and predicts in this process."""
    from electra_keras.command_line import import_tensorflow_quietly

    import_tensorflow_quietly()
    import keras
    import numpy as np
    import tensorflow as tf

    from electra_keras.finetuning.batches import BatchMaker
    from electra_keras.finetuning.encoding import EncodedRow
    from electra_keras.finetuning.prediction import (
        make_predict_function,
        predict_examples,
    )
    from electra_keras.finetuning.schedule import make_run_config
    from electra_keras.finetuning.task_loading import (
        load_task,
        settle_sequence_length,
    )
    from electra_keras.finetuning.task_network import build_task_network
    from electra_keras.finetuning.task_objective import TaskObjective
    from electra_keras.finetuning.task_optimizer import (
        find_layer_rates,
        make_task_optimizer,
    )
    from electra_keras.finetuning.tasks.classification import Classification
    from electra_keras.finetuning.tasks.task_kind import make_example
    from electra_keras.model_config import ModelConfig
    from electra_keras.training.pretrainer import ElectraPretrainer

    config = settle_sequence_length(load_task(), _TOKENS)
    labels = {"values": ["0", "1"], "names": ["0", "1"], "weights": [1.0, 1.0]}
    kind = Classification(config, labels)
    examples = []
    for place, ids in enumerate(json.loads(Path(options.inputs).read_text("utf-8"))):
        token_ids = np.array(ids, np.int32)
        row = EncodedRow(token_ids, token_ids * 0, token_ids * 0 + 1)
        examples.append(make_example(row, label_ids=np.int32(place % 2)))
    maker = BatchMaker(examples, kind.features, config.training.batch_size, _TOKENS)
    model = ModelConfig(vocabulary_size=_VOCABULARY_SIZE, max_sequence_length=_TOKENS)
    run = make_run_config(config, model, maker.batches, 1)
    network = build_task_network(model, kind, seed=1)
    trainer = ElectraPretrainer(TaskObjective(network, kind))
    rates = find_layer_rates(network, model.num_layers, 0.8)
    trainer.compile(optimizer=make_task_optimizer(trainer, run.train, rates))
    ends: list[float] = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    steps = _WARMUP_STEPS + options.steps
    batches = maker.train_dataset(1, 0)
    trainer.fit(batches, steps_per_epoch=steps, epochs=1, callbacks=[watch], verbose=0)
    rows = config.training.batch_size * options.steps
    secs = ends[-1] - ends[_WARMUP_STEPS - 1]

    predict = make_predict_function(network, kind)
    some = BatchMaker(examples[: options.predicted], kind.features, 64, _TOKENS)
    predict(dict_of_tensors(some, tf))
    start = time.perf_counter()
    predict_examples(predict, some)
    predicted_secs = time.perf_counter() - start
    return {"train": rows / secs, "predict": options.predicted / predicted_secs}


def dict_of_tensors(maker: Any, tf: Any) -> dict[str, Any]:
    """The longest batch, by which a graph is made."""
    batch = maker.make(maker.sorted_order()[-1])
    return {name: tf.constant(value) for name, value in batch.items()}


def run(name: str, options: argparse.Namespace, inputs: Path) -> dict[str, float]:
    """Runs a contender in a process of its own."""
    script, python = Path(__file__), sys.executable
    if name != _OURS:
        python, script = options.peer_python, script.with_name("torch_finetuning.py")
    command = [
        *(python, str(script), f"--worker={name}", f"--inputs={inputs}"),
        *(f"--steps={options.steps}", f"--predicted={options.predicted}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def make_table(turns: list[dict[str, Any]], about: str) -> Table:
    """Medians of the turns, and of our ratios to each peer."""
    table = Table(
        *("contender", "examples/s", "ours / it", "predicted/s", "ours / it"),
        title=f"ELECTRA-Small, {about}, {len(turns)} turns",
    )
    for name in turns[0]:
        cells = []
        for key in ("train", "predict"):
            ratio = statistics.median(t[_OURS][key] / t[name][key] for t in turns)
            rate = statistics.median(turn[name][key] for turn in turns)
            cells += [f"{rate:.1f}", f"{ratio:.2f}"]
        table.add_row(name, *cells)
    return table


def main() -> None:
    """Parses, measures, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=60, help="measured, of 32 rows")
    parser.add_argument("--predicted", type=int, default=1024, help="rows")
    parser.add_argument("--repetitions", type=int, default=3, help="turns")
    parser.add_argument("--rows", help="tsv file with a header; its first rows")
    parser.add_argument("--column", default="text", help="of the texts in it")
    parser.add_argument("--vocabulary", help="vocab.txt for these texts")
    parser.add_argument("--peer_python", default="", help="with transformers")
    for hidden in ("worker", "inputs"):
        parser.add_argument(f"--{hidden}", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options)))
        return
    names = [_OURS, *(_PEERS if options.peer_python else ())]
    count = 32 * (options.steps + _WARMUP_STEPS)
    rows = read_rows(options, count) if options.rows else draw_rows(count)
    mean = statistics.fmean(map(len, rows))
    about = f"32 rows a step, {mean:.1f} tokens on average, at most {_TOKENS}"
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "rows.json"
        inputs.write_text(json.dumps(rows), "utf-8")
        turns = [
            {name: run(name, options, inputs) for name in names}
            for _ in range(options.repetitions)
        ]
    Console(width=110).print(make_table(turns, about))


if __name__ == "__main__":
    main()
