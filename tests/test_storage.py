"""python -m pytest tests/test_storage.py"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

import pytest
from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem

from beam_pipelines import shards, storage
from beam_pipelines.output_folder import JobFolder
from beam_pipelines.preprocess import main
from electra_keras.errors import ElectraError, UsageError

Capture = pytest.CaptureFixture[str]


class _Upload(io.BytesIO):
    """An object that is there when its last byte is."""

    def __init__(self, path: Path):
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            self._path.write_bytes(self.getvalue())
        super().close()


class FakeFileSystem(FileSystem):
    """fake://KEY, with the ways of an object store: flat keys and no folders.

    Attributes:
        folder: Each object is a file in it, named by its quoted key.
        calls: What was done to which key, in order.
    """

    folder: Path
    calls: list[tuple[str, str]]

    @classmethod
    def scheme(cls) -> str:
        return "fake"

    def _file(self, path: str) -> Path:
        return self.folder / quote(path.removeprefix("fake://"), safe="")

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        raise BeamIOError(f"there are no folders here: {path}")

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for file in sorted(self.folder.iterdir()):
            path = "fake://" + unquote(file.name)
            if path.startswith(dir_or_prefix):
                yield self.metadata(path)

    def create(self, path: str, *_: Any) -> BinaryIO:
        self.calls.append(("create", path))
        return _Upload(self._file(path))

    def open(self, path: str, *_: Any) -> BinaryIO:
        if not self.exists(path):
            raise BeamIOError(f"no object {path}")
        return self._file(path).open("rb")

    def copy(self, sources: list[str], destinations: list[str]) -> None:
        for source, target in zip(sources, destinations, strict=True):
            shutil.copy(self._file(source), self._file(target))

    def rename(self, sources: list[str], destinations: list[str]) -> None:
        self.copy(sources, destinations)
        for source, target in zip(sources, destinations, strict=True):
            self.calls.append(("rename", target))
            self._file(source).unlink()

    def exists(self, path: str) -> bool:
        return self._file(path).exists()

    def size(self, path: str) -> int:
        return self._file(path).stat().st_size

    def last_updated(self, path: str) -> float:
        return self._file(path).stat().st_mtime

    def checksum(self, path: str) -> str:
        return str(self.size(path))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, self.size(path), self.last_updated(path))

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            self.calls.append(("delete", path))
            self._file(path).unlink(missing_ok=True)


class Store:
    """The objects of `FakeFileSystem`, seen from outside."""

    def __init__(self, folder: Path):
        self.folder = folder
        FakeFileSystem.folder = folder
        FakeFileSystem.calls = []

    def put(self, path: str, data: bytes) -> None:
        (self.folder / quote(path, safe="")).write_bytes(data)

    def content(self, prefix: str = "") -> dict[str, bytes]:
        found = {unquote(file.name): file for file in self.folder.iterdir()}
        return {
            key.removeprefix(prefix): file.read_bytes()
            for key, file in sorted(found.items())
            if key.startswith(prefix) and not key.endswith("report.html")
        }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder = tmp_path / "store"
    folder.mkdir()
    return Store(folder)


def test_file_appears_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    for folder in ("fake://b", str(tmp_path / "local")):
        storage.make_folder(folder)
        path = storage.join(folder, "file")
        size_bytes, sha256 = storage.write_file(path, [b"a", b"bc"])
        assert (size_bytes, sha256) == (
            3,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        )
        assert storage.hash_file(path) == (size_bytes, sha256)
        with pytest.raises(ValueError, match="no more"):
            storage.write_file(path, broken())
        with pytest.raises(ValueError, match="no more"):
            storage.write_file(storage.join(folder, "other"), broken())
        assert storage.list_tree(folder) == [path]
        assert storage.read_file(path) == b"abc"
        storage.write_file(path, [b"new"])
        assert storage.read_file(path) == b"new"


def test_files_below_a_folder(store: Store, tmp_path: Path) -> None:
    for folder in ("fake://b/data", str(tmp_path / "local" / "data")):
        assert storage.list_tree(folder) == storage.list_files(folder) == []
        paths = [storage.join(folder, *names) for names in (["a"], ["c", "d", "e"])]
        beside = f"{folder}-beside"
        for path in (*paths, beside):
            storage.make_folder(os.path.dirname(path))
            storage.write_json(path, {"가": 1})
        assert storage.list_files(folder) == paths[:1]
        assert storage.list_tree(folder) == paths
        assert storage.read_json(paths[1]) == {"가": 1}
        storage.remove_folder(folder)
        assert storage.list_tree(folder) == []
        assert storage.exists(beside)
        storage.remove_folder(folder)


def test_what_a_killed_write_left_is_removed(store: Store, tmp_path: Path) -> None:
    for folder in ("fake://b", str(tmp_path / "local")):
        kept = [
            storage.join(folder, name) for name in ("a", "b.partial", "c.partial-1")
        ]
        left = storage.join(folder, "c", "d.partial-0123abcd")
        storage.make_folder(os.path.dirname(left))
        for path in (*kept[:2], left):
            storage.write_file(path, [b"x"])
        storage.remove_partial_files(folder)
        assert storage.list_tree(folder) == kept[:2]


def test_name_of_a_cached_file_tells_its_content(tmp_path: Path) -> None:
    path = storage.write_by_content(str(tmp_path), "list.npz", b"abc")
    assert Path(path).name == "list-ba7816bf8f01cfea.npz"
    assert storage.read_file(path) == b"abc"


# The command with all of its files behind fake:// --------------------------------


def make_flags(folder: str) -> list[str]:
    """Of a job that uses every kind of file that a flag can name."""
    return [
        f"--input={folder}/in/*.txt",
        f"--vocabulary={folder}/vocab.txt",
        f"--decontaminate={folder}/evaluation.txt",
        f"--set=filters.blocked_words_file={folder}/words.txt",
        "--near_duplicates",
        "--sequence_length=32",
        "--validation_rate=0.1",
        "--shard_bytes=20000",
    ]


@pytest.fixture
def files(corpus_folder: Path, vocabulary_file: Path) -> dict[str, bytes]:
    """Path and content of all inputs."""
    texts = {f"in/{path.name}": path.read_bytes() for path in corpus_folder.iterdir()}
    first = texts["in/a.txt"].split(b"\n")
    return {
        **texts,
        "vocab.txt": vocabulary_file.read_bytes(),
        "evaluation.txt": max(first[:20], key=len) + b"\n",
        "words.txt": first[-2].split()[0] + b"\n",
    }


@pytest.fixture
def remote_flags(store: Store, files: dict[str, bytes]) -> list[str]:
    for path, data in files.items():
        store.put(f"bucket/{path}", data)
    return [*make_flags("fake://bucket"), "--output=fake://bucket/data"]


@pytest.fixture
def expected(files: dict[str, bytes], tmp_path: Path) -> dict[str, bytes]:
    """What the same job writes on this machine."""
    for path, data in files.items():
        (tmp_path / "bucket" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bucket" / path).write_bytes(data)
    folder = tmp_path / "bucket" / "data"
    flags = make_flags(str(tmp_path / "bucket"))
    assert main([*flags, f"--output={folder}"]) == 0
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "report.html"
    }


# These name the inputs by their paths, as rejected documents do.
NAMING_PATHS = (
    *("COMPLETED", "config.yaml", "data_card.md", "info.json", "manifest.json"),
    "stats.json",
)


def is_shard(name: str) -> bool:
    return name.endswith(".tfrecord.gz")


@pytest.mark.parametrize("shuffle", ["files", "beam"])
def test_remote_job_gives_the_same_shards_and_ends_with_completed(
    shuffle: str, remote_flags: list[str], store: Store, expected: dict[str, bytes]
) -> None:
    assert main([*remote_flags, f"--shuffle={shuffle}"]) == 0
    received = store.content("bucket/data/")
    assert sorted(received) == sorted(expected)
    assert sum(map(is_shard, received)) > 3
    for name, data in expected.items():
        if not name.startswith((*NAMING_PATHS, "rejected/")):
            assert received[name] == data, name
    rejected = json.loads(received["stats.json"])["documents"]["rejected"]
    assert rejected["blocked_words"] > 0
    assert rejected == json.loads(expected["stats.json"])["documents"]["rejected"]
    # Nothing but the work folder changes once it says that it is complete.
    calls = FakeFileSystem.calls
    completed = calls.index(("rename", "fake://bucket/data/COMPLETED"))
    later = {(call, path.split("/")[4]) for call, path in calls[completed + 1 :]}
    assert later == {("delete", "work")}


def test_remote_output_is_refused_or_resumed(
    remote_flags: list[str],
    store: Store,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_shard: Callable[..., dict[str, Any]] = shards.write_shard
    calls = 0

    def fail_once(*arguments: Any) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise RuntimeError("a cosmic ray")
        return write_shard(*arguments)

    monkeypatch.setattr(shards, "write_shard", fail_once)
    assert main(remote_flags) == 1
    assert "a cosmic ray" in (error := capsys.readouterr().err)
    assert "Then go on with --resume; fake://bucket/data holds" in error
    unfinished = store.content()
    assert "bucket/data/work/job.json" in unfinished
    assert "bucket/data/COMPLETED" not in unfinished
    for flag, message in {
        "--seed=1": "expected an empty folder, or --resume",
        "--overwrite": "expected a new folder",
    }.items():
        assert main([*remote_flags, flag]) == 2
        assert message in capsys.readouterr().err
    store.put("bucket/words.txt", b"other\n")
    assert main([*remote_flags, "--resume"]) == 2
    assert "other_files.0.bytes" in capsys.readouterr().err
    store.put("bucket/words.txt", unfinished["bucket/words.txt"])
    assert store.content() == unfinished

    store.put("bucket/data/train-00000.tfrecord.gz.partial-0123abcd", b"killed")
    calls = 10
    assert main([*remote_flags, "--resume"]) == 0
    written = calls - 10
    finished = store.content("bucket/data/")
    assert 0 < written < sum(map(is_shard, finished))
    assert "COMPLETED" in finished
    assert not any("partial" in name or "work" in name for name in finished)
    assert main([*remote_flags, "--resume"]) == 0
    assert "is complete; nothing to do" in capsys.readouterr().out
    assert main([*remote_flags, "--resume", "--seed=2"]) == 2
    assert "settings.packing.seed 1, now 2" in capsys.readouterr().err
    assert store.content("bucket/data/") == finished


def test_folder_in_which_anything_lies_is_refused_and_left_alone(
    remote_flags: list[str], store: Store, capsys: Capture
) -> None:
    store.put("bucket/data/deep/below/mine", b"precious")
    assert main(remote_flags) == 2
    assert "holds fake://bucket/data/deep/below/mine" in capsys.readouterr().err
    assert store.content("bucket/data/") == {"deep/below/mine": b"precious"}


def test_remote_job_that_cannot_work_leaves_nothing(
    remote_flags: list[str], store: Store, capsys: Capture
) -> None:
    before = store.content()
    assert main([*remote_flags, "--validation_rate=1"]) == 2
    assert main([*remote_flags, "--vocabulary=fake://bucket/none"]) == 2
    assert "no vocabulary file at fake://bucket/none" in capsys.readouterr().err
    assert main([*remote_flags, "--input=fake://bucket/none*"]) == 2
    assert store.content() == before


def test_complete_folder_loses_the_work_that_a_kill_left(store: Store) -> None:
    def open_folder(resume: bool) -> JobFolder:
        return JobFolder(
            "fake://b/data", overwrite=False, resume=resume, description={"a": 1}
        )

    folder = open_folder(False)
    with folder.open() as path:
        storage.write_file(f"{path}/work/rows/a.json", [b"{}"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(storage, "remove_folder", lambda path: None)
            folder.commit("fingerprint")
    assert storage.list_tree("fake://b/data/work") != []
    assert open_folder(True).is_complete()
    assert store.content() == {"b/data/COMPLETED": b"fingerprint\n"}


def test_failure_is_told_and_keeps_remote_rows(store: Store) -> None:
    folder = JobFolder("fake://b/data", overwrite=False, resume=False, description={})
    with pytest.raises(ElectraError, match="Then go on with --resume"), folder.open():
        storage.write_file("fake://b/data/work/rows/a.json", [b"{}"])
        raise OSError("no")
    assert storage.exists("fake://b/data/work/rows/a.json")
    with pytest.raises(UsageError, match="--resume to go on"):
        folder.check()
