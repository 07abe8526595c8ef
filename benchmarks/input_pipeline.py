"""How fast shards become masked batches, with nothing else going on.

    python benchmarks/input_pipeline.py --data=DATA

Prints one row per repetition and the median. Training needs only a few
hundred examples a second on a CPU and some thousands on a GPU.
"""

from __future__ import annotations

import argparse
import statistics
import time

from rich.console import Console
from rich.table import Table

from electra_keras.command_line import import_tensorflow_quietly


def measure(data: str, batch_size: int, batches: int) -> tuple[float, float, float]:
    """Returns examples a second of CPU, examples and real tokens a second."""
    from electra_keras.data.dataset import make_train_dataset

    dataset = iter(make_train_dataset(data, global_batch_size=batch_size))
    next(dataset)  # Opens the first shards.
    masks = []
    started, cpu_started = time.monotonic(), time.process_time()
    for _ in range(batches):
        masks.append(next(dataset)["padding_mask"])
    secs, cpu_secs = time.monotonic() - started, time.process_time() - cpu_started
    tokens = sum(int(mask.numpy().sum()) for mask in masks)
    examples = batches * batch_size
    return examples / cpu_secs, examples / secs, tokens / secs


def main() -> None:
    """Parses, measures, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="data folder")
    parser.add_argument("--batch_size", type=int, default=128, help="examples")
    parser.add_argument("--batches", type=int, default=500, help="per repetition")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    import_tensorflow_quietly()
    table = Table("repetition", "examples/s a core", "examples/s", "real tokens/s")
    rows = []
    for repetition in range(options.repetitions):
        rows.append(measure(options.data, options.batch_size, options.batches))
        table.add_row(str(repetition + 1), *(f"{value:,.0f}" for value in rows[-1]))
    medians = (statistics.median(column) for column in zip(*rows, strict=True))
    table.add_row("median", *(f"{value:,.0f}" for value in medians), style="bold")
    Console().print(table)


if __name__ == "__main__":
    main()
