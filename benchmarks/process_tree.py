"""What a command costs: its processes' time and memory, all together.

Used by the benchmarks that start commands.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

_POLL_SECS = 0.05


class Cost(NamedTuple):
    """Of one run.

    Attributes:
        wall_secs: From start to end.
        cpu_secs: Of the process and all below it, in user and system mode.
        peak_bytes: Most resident memory at a time, summed over the processes;
            pages that they share count for each.
    """

    wall_secs: float
    cpu_secs: float
    peak_bytes: int


def run_command(command: Sequence[str]) -> Cost:
    """Runs a command to its end.

    Raises:
        SystemExit: It failed; with what it wrote.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.extend(process.stdout or ()))
    reader.start()
    peak_bytes = 0
    seen_secs: dict[int, float] = {}
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        peak_bytes = max(peak_bytes, _look(process.pid, seen_secs))
        time.sleep(_POLL_SECS)
    wall_secs = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    if process.returncode:
        raise SystemExit("".join(output[-20:]) + f"failed: {' '.join(command)}")
    # Of processes that were never waited for, only the second sum knows.
    waited_secs = usage.ru_utime + usage.ru_stime
    return Cost(wall_secs, max(waited_secs, sum(seen_secs.values())), peak_bytes)


def _look(pid: int, seen_secs: dict[int, float]) -> int:
    """Notes the time of each process; returns their memory together."""
    size_bytes = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seen_secs[process.pid] = times.user + times.system
                size_bytes += process.memory_info().rss
    return size_bytes
