"""Progress bars of a run in this process, with ETA and MB/s.

`DoFn`s call `advance`; the drivers wrap the run in `show_progress`. Where the
work is done by other processes, what they have finished is asked for instead.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

REFRESH_SECS = 0.25
PLAIN_SECS = 10.0
ASK_SECS = 2.0
_done_bytes: dict[str, int] = {}


def advance(stage: str, size_bytes: int) -> None:
    """Tells that a stage went through so many bytes of text."""
    _done_bytes[stage] = _done_bytes.get(stage, 0) + size_bytes


@contextlib.contextmanager
def show_progress(
    total_bytes: Mapping[str, int],
    ask: Mapping[str, Callable[[], int]] | None = None,
    stream: TextIO | None = None,
) -> Iterator[None]:
    """Shows one bar a stage while the block runs.

    On a terminal the bars move; elsewhere a plain line is printed at most
    every 10 seconds.

    Args:
        total_bytes: Expected bytes by stage, in order; an estimate will do.
        ask: How to learn, by stage, the bytes done by other processes.
        stream: Where to; None: stderr.
    """
    stream = stream or sys.stderr
    _done_bytes.clear()
    finished = threading.Event()
    if ask:
        threading.Thread(target=_ask, args=(ask, finished), daemon=True).start()
    target = _show_bars if stream.isatty() else _print_lines
    arguments = (total_bytes, finished, stream)
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _ask(ask: Mapping[str, Callable[[], int]], finished: threading.Event) -> None:
    while not finished.wait(ASK_SECS):
        for stage, done_bytes in ask.items():
            with contextlib.suppress(OSError, ValueError):
                _done_bytes[stage] = done_bytes()


def _show_bars(
    total_bytes: Mapping[str, int], finished: threading.Event, stream: TextIO
) -> None:
    with Progress(
        TextColumn("{task.description:>6}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(file=stream),
    ) as progress:
        tasks = {
            stage: progress.add_task(stage, total=total, start=False)
            for stage, total in total_bytes.items()
        }
        is_last = False
        while not is_last:
            is_last = finished.wait(REFRESH_SECS)
            for stage, task in tasks.items():
                done = _done_bytes.get(stage, 0)
                if done and progress.tasks[task].start_time is None:
                    progress.start_task(task)
                total = max(done, total_bytes[stage])
                progress.update(
                    task, completed=done, total=done if is_last and done else total
                )


def _print_lines(
    total_bytes: Mapping[str, int], finished: threading.Event, stream: TextIO
) -> None:
    start = time.monotonic()
    while not finished.wait(PLAIN_SECS):
        print(progress_line(total_bytes, time.monotonic() - start), file=stream)


def progress_line(total_bytes: Mapping[str, int], elapsed_secs: float) -> str:
    """Returns the state of all stages in one line."""
    parts = []
    for stage, total in total_bytes.items():
        done = _done_bytes.get(stage, 0)
        parts.append(f"{stage} {done / 1e6:.1f} of ~{max(done, total) / 1e6:.1f} MB")
    return f"{', '.join(parts)} after {elapsed_secs:.0f} s"
