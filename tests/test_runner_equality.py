"""python -m pytest tests/test_runner_equality.py

The same job on every runner that can be started here gives the same bytes.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from beam_pipelines import planning
from beam_pipelines.preprocess import main

RUNNERS = {
    "this process, shuffle=beam": ["--shuffle=beam"],
    "two processes, shuffle=files": ["--workers=2", "--shuffle=files"],
}
START_SECS = 60


@pytest.fixture(scope="module")
def corpus(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a megabyte in three files, with equal and almost equal documents."""
    choose = random.Random(7)
    text = "\n\n".join(path.read_text("utf-8") for path in corpus_folder.iterdir())
    documents = text.strip().split("\n\n")
    for document in documents[:200] * 6:
        lines = document.split("\n")
        documents.append("\n".join(choose.sample(lines, len(lines)) + lines[:2]))
    nearly = [f"{document}\n가나 다라." for document in documents[::20]]
    documents += [*documents[5:900:9], *nearly]
    folder = tmp_path_factory.mktemp("corpus")
    for number in range(3):
        part = "\n\n".join(documents[number::3])
        (folder / f"{number}.txt").write_text(f"{part}\n", "utf-8")
    return folder


def preprocess(corpus: Path, vocabulary: Path, output: Path, flags: list[str]) -> None:
    code = main(
        [
            f"--input={corpus}/*.txt",
            f"--vocabulary={vocabulary}",
            f"--output={output}",
            "--sequence_length=64",
            "--validation_rate=0.1",
            "--test_rate=0.05",
            "--near_duplicates",
            "--set=shards.shard_bytes=100000",
            *flags,
        ]
    )
    assert code == 0


def hash_folder(folder: Path) -> dict[str, str]:
    """sha256 of every file that must not depend on the runner, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        # The report tells how long the job took, and on what.
        if path.is_file() and path.name != "report.html"
    }


@pytest.fixture(scope="module")
def small_ranges() -> Iterator[None]:
    """Makes several ranges of each file; only the driver plans them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "MIN_RANGE_BYTES", 50_000)
        yield


@pytest.fixture(scope="module")
def expected(
    corpus: Path,
    vocabulary_file: Path,
    small_ranges: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What this process writes, through files."""
    folder = tmp_path_factory.mktemp("expected") / "data"
    preprocess(corpus, vocabulary_file, folder, ["--shuffle=files"])
    hashes = hash_folder(folder)
    assert sum(name.startswith("train-") for name in hashes) >= 4
    assert any(name.startswith("rejected/") for name in hashes)
    return hashes


@pytest.mark.parametrize("flags", RUNNERS.values(), ids=RUNNERS)
def test_beams_own_runner_gives_the_same_bytes(
    flags: list[str],
    expected: dict[str, str],
    corpus: Path,
    vocabulary_file: Path,
    tmp_path: Path,
) -> None:
    preprocess(corpus, vocabulary_file, tmp_path / "data", flags)
    assert hash_folder(tmp_path / "data") == expected


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a Dask cluster of two processes of one thread each."""
    distributed = pytest.importorskip(
        "dask.distributed", reason="needs the extra 'dask'"
    )
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        silence_logs="CRITICAL",
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.parametrize("shuffle", ["files", "beam"])
def test_dask_gives_the_same_bytes(
    shuffle: str,
    scheduler: str,
    expected: dict[str, str],
    corpus: Path,
    vocabulary_file: Path,
    tmp_path: Path,
) -> None:
    flags = ["--runner=DaskRunner", f"--dask_client_address={scheduler}"]
    flags += [f"--shuffle={shuffle}"]
    preprocess(corpus, vocabulary_file, tmp_path / "data", flags)
    assert hash_folder(tmp_path / "data") == expected


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("localhost", 0))
        return chosen.getsockname()[1]


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[int, int]]:
    """Ports of a job service and of a pool of workers, each a process.

    Flink, Spark and Dataflow speak to workers in the same way.
    """
    jobs, pool = free_port(), free_port()
    commands = (
        ["apache_beam.runners.portability.local_job_service_main", f"--port={jobs}"],
        ["apache_beam.runners.worker.worker_pool_main", f"--service_port={pool}"],
    )
    project = Path(__file__).parent.parent
    # The pool starts its workers as "python".
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(project)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        for command in commands
    ]
    try:
        for port, process in zip((jobs, pool), processes, strict=True):
            wait_for(port, process)
        yield jobs, pool
    finally:
        for process in processes:  # With the workers, which are of its group.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) == 0:
                return
        assert process.poll() is None, f"{process.args!r} ended"
        time.sleep(0.1)
    raise TimeoutError(f"{process.args!r} does not listen at {port}")


def test_job_server_and_worker_pool_give_the_same_bytes(
    services: tuple[int, int],
    expected: dict[str, str],
    corpus: Path,
    vocabulary_file: Path,
    tmp_path: Path,
) -> None:
    jobs, pool = services
    flags = [
        "--runner=PortableRunner",
        f"--job_endpoint=localhost:{jobs}",
        "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{pool}",
    ]
    preprocess(corpus, vocabulary_file, tmp_path / "data", flags)
    assert hash_folder(tmp_path / "data") == expected
