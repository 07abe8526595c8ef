r"""Kills a job many times, resumes it, and compares with one left in peace.

    python benchmarks/kill_and_resume.py --input='corpus/*.txt' \
        --vocabulary=vocab.txt --kills=20

Flags that it does not know go to the job, such as --near_duplicates or
--workers=2. Prints a row per attempt: when SIGKILL came, and how much was done.
Every file but report.html must be the same in the end, byte for byte; else the
exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

_POLL_SECS = 0.01
_UNTOLD = "report.html"  # It tells the time.


def hash_files(folder: Path) -> dict[str, str]:
    """Returns the hash of each file below a folder, by its path there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != _UNTOLD
    }


def count_done(partial: Path) -> tuple[int, int]:
    """Returns the rows and the shards that a killed job left."""
    rows = sum(1 for _ in (partial / "work" / "rows").glob("*/*.json"))
    return rows, sum(1 for _ in partial.glob("*.tfrecord*"))


def run(command: Sequence[str]) -> int:
    """Runs a job to its end; returns its exit code."""
    return subprocess.run(command, stdout=subprocess.DEVNULL).returncode


def run_and_kill(
    command: Sequence[str], partial: Path, more_rows: int, delay_secs: float
) -> int:
    """Runs a job and kills it.

    Args:
        command: The job.
        partial: Where it works.
        more_rows: So many units it may do first.
        delay_secs: From then to the kill.

    Returns:
        The exit code; that of SIGKILL is negative.
    """
    goal = count_done(partial)[0] + more_rows
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while count_done(partial)[0] < goal and process.poll() is None:
            time.sleep(_POLL_SECS)
        try:
            process.wait(delay_secs)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    return process.returncode


def kill_often(
    command: Sequence[str], output: Path, options: argparse.Namespace
) -> Table:
    """Kills and resumes; begins anew where a job ends before."""
    choose = random.Random(options.seed)
    partial = output.with_name(f"{output.name}.partial")
    table = Table("attempt", "kill after", "came to", "rows then", "shards then")
    for attempt in range(1, options.kills + 1):
        # Every third one falls into the start, the others between two units.
        more_rows = choose.randint(1, options.most_rows) if attempt % 3 else 0
        delay_secs = choose.uniform(0, 0.2 if more_rows else options.start_secs)
        code = run_and_kill([*command, "--resume"], partial, more_rows, delay_secs)
        is_killed = code == -signal.SIGKILL
        rows, shards = count_done(partial)
        table.add_row(
            str(attempt),
            f"{more_rows} rows and {delay_secs:.2f} s",
            "SIGKILL" if is_killed else f"its end, {code}",
            *(str(number) if is_killed else "-" for number in (rows, shards)),
        )
        if output.exists():
            output.rename(output.with_name(f"finished-{attempt}"))
    return table


def main() -> int:
    """Parses, kills, prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", required=True, help="glob of text")
    parser.add_argument("--vocabulary", required=True, help="vocab.txt")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--most_rows", type=int, default=12, help="units between two kills"
    )
    parser.add_argument(
        "--start_secs", type=float, default=8.0, help="longest wait for a kill"
    )
    options, rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [
            *(sys.executable, "-m", "beam_pipelines.preprocess", *rest),
            *(f"--input={options.input}", f"--vocabulary={options.vocabulary}"),
        ]
        started = time.monotonic()
        if run([*command, f"--output={folder / 'peace'}"]):
            return 1
        secs = time.monotonic() - started
        output = folder / "killed"
        command.append(f"--output={output}")
        table = kill_often(command, output, options)
        if run([*command, "--resume"]):
            return 1
        expected = hash_files(folder / "peace")
        finished = [output, *sorted(folder.glob("finished-*"))]
        different = []
        for path in finished:
            received = hash_files(path)
            names = sorted({*expected, *received})
            different += [
                f"{path.name}/{name}"
                for name in names
                if received.get(name) != expected.get(name)
            ]
    Console().print(table)
    print(
        f"{len(expected)} files in each of {len(finished)} folders, "
        f"{len(different)} different {different[:5] or ''}; "
        f"{secs:.1f} s when left in peace"
    )
    return bool(different)


if __name__ == "__main__":
    raise SystemExit(main())
