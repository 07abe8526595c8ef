"""python -m pytest tests/test_resume.py"""

from __future__ import annotations

import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beam_pipelines import shards, storage
from beam_pipelines.output_folder import JobFolder
from beam_pipelines.preprocess import main
from electra_keras.errors import ElectraError, UsageError

Capture = pytest.CaptureFixture[str]
SRC = Path(__file__).parents[1]
WriteShard = Callable[..., dict[str, Any]]


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder but the report, which tells the time."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "report.html"
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# All of a job's life, killed at every single step --------------------------------


DESCRIPTION = {"settings": {"seed": 1}}


def run_small_job(output: Path, overwrite: bool) -> None:
    """Writes two shards and their rows, as units do, and commits."""
    folder = JobFolder(
        str(output), overwrite=overwrite, resume=True, description=DESCRIPTION
    )
    if folder.is_complete():
        return
    with folder.open() as path:
        for name in ("a", "b"):
            row = storage.join(path, "work", "rows", f"{name}.json")
            if not storage.exists(row):
                storage.make_folder(storage.join(path, "work", "rows"))
                storage.write_file(storage.join(path, name), [name.encode()])
                storage.write_json(row, {})
        storage.write_file(storage.join(path, "manifest.json"), [MANIFEST])
        storage.write_file(storage.join(path, "config.yaml"), [b"seed: 1\n"])
        folder.commit("fingerprint")


MANIFEST = b'{"fingerprint":"","shards":[]}'
FINISHED = ["COMPLETED", "a", "b", "config.yaml", "manifest.json"]
STEPS = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}


def kill_at_step(number: int, folder: Path, job: Callable[[], None]) -> bool:
    """Runs a job in a process of its own that is killed before one step.

    Args:
        number: Of the operation on files below `folder`.
        folder: Where they are counted.
        job: What to run.

    Returns:
        Whether it was killed; else it came to its end before.
    """
    process = os.fork()
    if process:
        _, status = os.waitpid(process, 0)
        assert status in (0, signal.SIGKILL)
        return status != 0
    steps = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal steps
        if event in STEPS and str(arguments[0]).startswith(str(folder)):
            steps += 1
            if steps == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    code = 1
    try:
        job()
        code = 0
    finally:
        os._exit(code)


@pytest.mark.parametrize("overwrite", [False, True])
def test_job_killed_before_any_step_goes_on_to_the_same_end(
    overwrite: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # It is slow.
    for number in range(1, 1000):
        folder = tmp_path / str(number)
        folder.mkdir()
        if overwrite:
            (folder / "data").mkdir()
            (folder / "data" / "mine").write_text("precious")
        output = folder / "data"
        job = functools.partial(run_small_job, output, overwrite)
        killed = kill_at_step(number, folder, job)
        if overwrite:
            copies = [path.read_text() for path in folder.rglob("mine")]
            assert copies == ["precious"]
        run_small_job(output, overwrite)
        assert names(folder) == ["data", *(["data.old-1"] if overwrite else [])]
        assert names(output) == FINISHED, f"killed before step {number}"
        assert (output / "COMPLETED").read_text() == "fingerprint\n"
        if not killed:
            break
    assert number > 30


# The command itself --------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    shutil.copytree(corpus_folder, folder / "corpus")
    (folder / "words.txt").write_text("aWordThatNoDocumentHolds\n")
    return folder


@pytest.fixture
def flags(corpus: Path, vocabulary_file: Path, tmp_path: Path) -> list[str]:
    shutil.copytree(corpus, tmp_path / "in")
    shutil.copy(vocabulary_file, tmp_path / "in" / "vocab.txt")
    return make_flags(tmp_path)


def make_flags(folder: Path) -> list[str]:
    """Of a job with about forty shards, below the current folder."""
    return [
        "--input=in/corpus/*.txt",
        "--vocabulary=in/vocab.txt",
        "--set=filters.blocked_words_file=in/words.txt",
        f"--output={folder / 'data'}",
        "--sequence_length=32",
        "--validation_rate=0.1",
        "--shard_bytes=3000",
    ]


@pytest.fixture(autouse=True)
def in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def expected(
    corpus: Path, vocabulary_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What an uninterrupted job writes."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    shutil.copytree(corpus, folder / "in")
    shutil.copy(vocabulary_file, folder / "in" / "vocab.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(make_flags(folder)) == 0
    return content(folder / "data")


@pytest.fixture
def failing_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes the writing of one shard fail."""
    write_shard = shards.write_shard

    def fail_at(number: int, error: BaseException) -> None:
        calls = 0

        def write(*arguments: Any) -> dict[str, Any]:
            nonlocal calls
            calls += 1
            if calls == number:
                raise error
            return write_shard(*arguments)

        monkeypatch.setattr(shards, "write_shard", write)

    yield fail_at


@pytest.fixture
def unfinished(flags: list[str], failing_at: Callable[..., None]) -> list[str]:
    """An unfinished job of which some shards are written; its flags."""
    failing_at(9, RuntimeError("a cosmic ray"))
    assert main(flags) == 1
    failing_at(0, RuntimeError())
    return flags


def test_killed_command_goes_on_to_the_same_bytes(
    flags: list[str], tmp_path: Path, expected: dict[str, bytes]
) -> None:
    choose = random.Random(3)
    command = [sys.executable, "-m", "beam_pipelines.preprocess", *flags, "--resume"]
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    partial = tmp_path / "data.partial"
    for _ in range(2):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        before = len(content(partial))
        least = before + choose.randint(1, 15)
        while process.poll() is None and len(content(partial)) < least:
            time.sleep(choose.random() * 0.05)
        process.kill()
        process.wait()
    assert partial.exists()
    assert main([*flags, "--resume"]) == 0
    assert content(tmp_path / "data") == expected
    assert names(tmp_path) == ["data", "in"]


def test_error_keeps_what_is_done_and_says_how_to_go_on(
    flags: list[str],
    failing_at: Callable[..., None],
    tmp_path: Path,
    capsys: Capture,
    expected: dict[str, bytes],
) -> None:
    failing_at(9, RuntimeError("a cosmic ray"))
    assert main(flags) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "a cosmic ray" in error
    assert f"Then go on with --resume; {tmp_path}/data.partial holds" in error
    assert names(tmp_path) == ["data.partial", "in"]

    calls = 0
    write_shard = shards.write_shard

    def count(*arguments: Any) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return write_shard(*arguments)

    failing_at(0, RuntimeError())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "write_shard", count)
        assert main([*flags, "--resume"]) == 0
    written = sum(name.endswith(".tfrecord.gz") for name in expected)
    assert 0 < calls < written
    assert content(tmp_path / "data") == expected


def test_interrupt_keeps_what_is_done(
    flags: list[str], failing_at: Callable[..., None], tmp_path: Path, capsys: Capture
) -> None:
    failing_at(9, KeyboardInterrupt())
    assert main(flags) == 130
    assert "go on with --resume" in capsys.readouterr().err
    assert (tmp_path / "data.partial").exists()


def test_error_before_any_unit_and_usage_error_leave_nothing(
    flags: list[str], failing_at: Callable[..., None], tmp_path: Path, capsys: Capture
) -> None:
    failing_at(9, UsageError("wrong", expected="right", fix="Mend it."))
    assert main(flags) == 2
    assert main([*flags, "--validation_rate=1"]) == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("beam_pipelines.reading.RangeReader.row", lambda self: 1 / 0)
        assert main(flags) == 1
    assert "--resume" not in capsys.readouterr().err
    assert names(tmp_path) == ["in"]


def change_input(folder: Path) -> None:
    with (folder / "in" / "corpus" / "a.txt").open("a") as file:
        file.write("ba\n")


def change_middle_of_input(folder: Path) -> None:
    path = folder / "in" / "corpus" / "a.txt"
    path.write_bytes(path.read_bytes())  # Its edges are the same, as its size.
    os.utime(path, ns=(0, 0))


def change_vocabulary(folder: Path) -> None:
    with (folder / "in" / "vocab.txt").open("a") as file:
        file.write("newEntry\n")


def change_words(folder: Path) -> None:
    (folder / "in" / "words.txt").write_text("other\n")


def change_nothing(folder: Path) -> None:
    pass


CHANGES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "files.0.bytes": (change_input, []),
    "files_modified_ns.0": (change_middle_of_input, []),
    "files.1": (change_nothing, ["--input=in/corpus/a.txt"]),
    "vocabulary_sha256": (change_vocabulary, []),
    "other_files.0.bytes": (change_words, []),
    "settings.packing.seed 1, now 2": (change_nothing, ["--seed=2"]),
    "settings.clean.preset 'raw', now": (change_nothing, ["--clean=korean_chat"]),
}


def test_changed_job_is_not_resumed(
    unfinished: list[str], tmp_path: Path, capsys: Capture
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "in", copy)
    before = content(tmp_path / "data.partial")
    for named, (change, more) in CHANGES.items():
        change(tmp_path)
        flags = unfinished if named != "files.1" else unfinished[1:]
        capsys.readouterr()
        assert main([*flags, "--resume", *more]) == 2
        assert f"--resume of a job with {named}" in capsys.readouterr().err
        shutil.rmtree(tmp_path / "in")
        shutil.copytree(copy, tmp_path / "in")
    assert content(tmp_path / "data.partial") == before


def test_unfinished_job_is_refused_and_overwrite_moves_it_aside(
    unfinished: list[str], tmp_path: Path, capsys: Capture, expected: dict[str, bytes]
) -> None:
    before = content(tmp_path / "data.partial")
    assert main(unfinished) == 2
    assert "expected --resume to go on with it" in capsys.readouterr().err
    assert main([*unfinished, "--overwrite"]) == 0
    assert content(tmp_path / "data.partial.old-1") == before
    assert content(tmp_path / "data") == expected


@pytest.mark.parametrize("damage", ["truncated", "flipped", "row", "documents"])
def test_what_is_damaged_is_made_again(
    damage: str, unfinished: list[str], tmp_path: Path, expected: dict[str, bytes]
) -> None:
    partial = tmp_path / "data.partial"
    path = sorted(partial.glob("*.tfrecord.gz"))[1]
    data = path.read_bytes()
    assert data == expected[path.name]
    if damage == "truncated":
        path.write_bytes(data[:-1])
    elif damage == "flipped":
        path.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    elif damage == "documents":
        for blocks in (partial / "work" / "documents").iterdir():
            blocks.write_bytes(blocks.read_bytes()[:-1])
    else:
        row = sorted((partial / "work" / "rows" / "write").iterdir())[1]
        row.write_text('{"split":')
    assert main([*unfinished, "--resume"]) == 0
    assert content(tmp_path / "data") == expected


def test_resume_may_change_the_shuffle(
    unfinished: list[str], tmp_path: Path, expected: dict[str, bytes]
) -> None:
    assert main([*unfinished, "--resume", "--shuffle=beam"]) == 0
    assert content(tmp_path / "data") == expected


def test_finished_job_is_not_done_again(
    flags: list[str], tmp_path: Path, capsys: Capture
) -> None:
    assert main(flags) == 0
    before = content(tmp_path / "data")
    assert main([*flags, "--resume"]) == 0
    assert "is complete; nothing to do" in capsys.readouterr().out
    assert main([*flags, "--resume", "--seed=2"]) == 2
    assert "settings.packing.seed 1, now 2" in capsys.readouterr().err
    assert content(tmp_path / "data") == before


HOLD = (
    "import sys, time\n"
    "from beam_pipelines.folder_lock import lock_folder\n"
    "with lock_folder(sys.argv[1]):\n"
    "    print('locked', flush=True)\n"
    "    time.sleep(60)\n"
)


def test_second_process_is_refused(
    unfinished: list[str], tmp_path: Path, capsys: Capture, expected: dict[str, bytes]
) -> None:
    work = str(tmp_path / "data.partial" / "work")
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, work], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        before = content(tmp_path / "data.partial")
        for flag in ("--resume", "--overwrite", "--seed=1"):
            capsys.readouterr()
            assert main([*unfinished, flag]) == 1
            error = capsys.readouterr().err
            assert f"another process is writing {tmp_path}/data.partial" in error
        assert content(tmp_path / "data.partial") == before
        process.kill()
    assert main([*unfinished, "--resume"]) == 0
    assert content(tmp_path / "data") == expected


def test_what_others_put_in_the_way_is_left_alone(
    flags: list[str], tmp_path: Path, capsys: Capture
) -> None:
    partial = tmp_path / "data.partial"
    partial.mkdir()
    (partial / "mine").write_text("precious")
    for more in ([], ["--resume"], ["--overwrite"]):
        assert main([*flags, *more]) == 2
        assert "is in the way" in capsys.readouterr().err
    assert content(partial) == {"mine": b"precious"}


def test_output_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    output = tmp_path / "data"
    folder = JobFolder(
        str(output), overwrite=False, resume=False, description=DESCRIPTION
    )
    with pytest.raises(ElectraError, match="something appeared at"), folder.open():
        output.mkdir()
        (output / "mine").write_text("precious")
        folder.commit("fingerprint")
    assert content(output) == {"mine": b"precious"}
    assert (tmp_path / "data.partial" / "COMPLETED").exists()
