"""How fast near-duplicates are found, on one core.

    python benchmarks/near_duplicates.py --input=reviews.txt

Takes the first text of a file (gzip or plain), once as documents of about 4 KB
and once with each line as a document, and prints MB of UTF-8 a second of
processor time for each step. All steps together should reach 5 MB/s.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from beam_pipelines.near_duplicates.clusters import (
    find_duplicates,
    find_edges,
    make_entries,
)
from beam_pipelines.near_duplicates.signatures import make_signatures

_BATCH_BYTES = 10**6
_GZIP_MAGIC = b"\x1f\x8b"


def read_lines(path: str, size_bytes: int) -> list[str]:
    """Reads the lines of the first bytes of a file, without empty ones."""
    with open(path, "rb") as stream:
        is_gzip = stream.read(2) == _GZIP_MAGIC
    with gzip.open(path) if is_gzip else open(path, "rb") as text:
        data = text.read(size_bytes)
    lines = data.decode("utf-8", "replace").replace("\0", "").splitlines()
    return [line for line in lines if line.strip()]


def join(texts: list[str], separator: str, size_bytes: int) -> list[str]:
    """Joins texts until each result has at least that size."""
    joined: list[str] = []
    part: list[str] = []
    part_bytes = 0
    for text in texts:
        part.append(text)
        part_bytes += len(text.encode("utf-8")) + 1
        if part_bytes >= size_bytes:
            joined.append(separator.join(part))
            part, part_bytes = [], 0
    return [*joined, separator.join(part)] if part else joined


def measure(documents: list[str]) -> tuple[list[float], int]:
    """Returns the seconds of each step, and how many documents are dropped."""
    secs: list[float] = []

    def clock(step: Callable[..., Any], *arguments: Any) -> Any:
        started = time.process_time()
        result = step(*arguments)
        secs.append(time.process_time() - started)
        return result

    batches = join(documents, "\0", _BATCH_BYTES)
    signatures = clock(
        lambda: np.concatenate([make_signatures(batch) for batch in batches])
    )
    ids = np.arange(len(documents), dtype=np.uint64)
    entries = clock(make_entries, ids, signatures)
    edges = clock(find_edges, [entries])
    dropped, _ = clock(find_duplicates, edges)
    return [*secs, sum(secs)], dropped.size


def main() -> None:
    """Parses, measures, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="text, one line a document")
    parser.add_argument("--mebibytes", type=int, default=8, help="of text to take")
    parser.add_argument("--repetitions", type=int, default=3, help="the best counts")
    options = parser.parse_args()
    lines = read_lines(options.input, options.mebibytes * 2**20)
    table = Table("documents", "mean bytes", "dropped", title="MB/s, one core")
    for step in ("signatures", "band keys", "edges", "clusters", "all"):
        table.add_column(step, justify="right")
    for documents in (join(lines, "\n", 4096), lines):
        size_bytes = sum(len(document.encode("utf-8")) for document in documents)
        runs = [measure(documents) for _ in range(options.repetitions)]
        best = [min(column) for column in zip(*(s for s, _ in runs), strict=True)]
        table.add_row(
            f"{len(documents):,}",
            f"{size_bytes / max(len(documents), 1):,.0f}",
            f"{runs[0][1]:,}",
            *(f"{size_bytes / 1e6 / max(secs, 1e-6):,.0f}" for secs in best),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
