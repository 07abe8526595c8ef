"""Files as they come: each is counted, or refused in one line, and none is silent.

python -m pytest tests/test_hostile_input.py
"""

from __future__ import annotations

import bz2
import contextlib
import dataclasses
import errno
import gzip
import json
import lzma
import os
import subprocess
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from beam_pipelines import storage
from beam_pipelines.preprocess import main
from electra_keras.data.info import load_info

IS_ROOT = os.geteuid() == 0
GOOD = [f"ba be {number}\n가나 다 {number}" for number in range(20)]


@dataclasses.dataclass(frozen=True)
class Command:
    """Runs the command on what lies in `inputs`."""

    inputs: Path
    output: Path
    vocabulary: Path
    capsys: pytest.CaptureFixture[str]

    def write(self, name: str, content: bytes | str) -> Path:
        data = content.encode() if isinstance(content, str) else content
        (self.inputs / name).write_bytes(data)
        return self.inputs / name

    def run(self, *flags: str) -> tuple[int, str]:
        """Returns exit code and stderr."""
        has_input = any(flag.startswith("--input") for flag in flags)
        code = main(
            [
                *([] if has_input else [f"--input={self.inputs}/*"]),
                f"--vocabulary={self.vocabulary}",
                f"--output={self.output}",
                "--sequence_length=32",
                "--validation_rate=0",
                *flags,
            ]
        )
        return code, self.capsys.readouterr().err

    def accept(self, *flags: str) -> dict[str, Any]:
        """Runs, checks that every document is accounted for; gives `documents`."""
        assert self.run(*flags) == (0, "")
        assert not Path(f"{self.output}.partial").exists()
        documents = json.loads((self.output / "stats.json").read_text())["documents"]
        rejected = documents["rejected"]
        assert documents["read"] == documents["kept"] + sum(rejected.values())
        assert Counter(line["reason"] for line in self.rejected()) == rejected
        return documents

    def rejected(self) -> list[dict[str, Any]]:
        """What was written aside, by file and offset."""
        lines = [
            json.loads(line)
            for path in self.output.glob("rejected/*.jsonl.gz")
            for line in gzip.decompress(path.read_bytes()).decode().splitlines()
        ]
        return sorted(lines, key=lambda line: (line["source"], line["offset"]))

    def refuse(self, *flags: str, code: int) -> str:
        """Runs, checks that nothing is written; gives the one line of the error."""
        found, error = self.run(*flags)
        assert (found, error.count("\n")) == (code, 1), error
        assert error.startswith("error: ")
        assert not self.output.exists()
        assert not Path(f"{self.output}.partial").exists()
        return error

    def shards(self) -> list[str]:
        """The hashes of the train shards."""
        return [shard.sha256 for shard in load_info(self.output).splits["train"]]


@pytest.fixture
def command(
    tmp_path: Path, vocabulary_file: Path, capsys: pytest.CaptureFixture[str]
) -> Command:
    (tmp_path / "in").mkdir()
    return Command(tmp_path / "in", tmp_path / "data", vocabulary_file, capsys)


def another(command: Command, name: str) -> Command:
    """The same command on a folder of its own."""
    inputs = command.output.parent / f"{name}-in"
    inputs.mkdir()
    output = command.output.parent / f"{name}-data"
    return dataclasses.replace(command, inputs=inputs, output=output)


def text_of(documents: list[str], newline: str = "\n") -> bytes:
    return ("\n\n".join(documents) + "\n").replace("\n", newline).encode()


BAD_UTF8 = b"ba \xff be\n\n\xea\xb0\n\n\xed\xa0\x80 co\n\n" + text_of(GOOD)


def test_bad_utf8_is_replaced_and_counted(command: Command) -> None:
    command.write("a.txt", BAD_UTF8)
    documents = command.accept()
    assert (documents["read"], documents["malformed_utf8"]) == (23, 3)
    assert documents["kept"] == 23


def test_bad_utf8_is_skipped_and_written_aside(command: Command) -> None:
    command.write("a.txt", BAD_UTF8)
    documents = command.accept("--malformed_utf8=skip")
    assert documents["rejected"] == {"malformed_utf8": 3}
    lines = command.rejected()
    assert [line["offset"] for line in lines] == [0, 9, 13]
    assert lines[0]["text"] == "ba \N{REPLACEMENT CHARACTER} be"
    assert lines[0]["source"] == str(command.inputs / "a.txt")


def test_bad_utf8_fails_where_it_shall(command: Command) -> None:
    command.write("a.txt", BAD_UTF8)
    error = command.refuse("--malformed_utf8=fail", code=1)
    assert f"{command.inputs}/a.txt with bytes that are not UTF-8" in error


@pytest.mark.parametrize("format", ["text", "lines", "jsonl", "csv"])
def test_line_of_100_megabytes_is_too_large(format: str, command: Command) -> None:
    """Read in 25 ranges, in bounded time, and never held whole."""
    lines = ["text", *(f"ba be {number}" for number in range(20))]
    before = {"csv": lines, "jsonl": [f'{{"text": "{line}"}}' for line in lines]}
    separator = "\n\n" if format == "text" else "\n"
    rows = before.get(format, lines)
    with (command.inputs / "a").open("wb") as file:
        file.write((separator.join(rows) + f"{separator}abc").encode())
        file.seek(100_000_000, os.SEEK_CUR)  # A hole, which no disk has to write.
        file.write(f"def{separator}{rows[-1]}\n".encode())
    tracemalloc.start()
    start = time.process_time()
    documents = command.accept(
        *(f"--format={format}", "--workers=1"),
        "--set=read.max_document_bytes=1000000",
    )
    cpu_secs = time.process_time() - start
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert documents["rejected"] == {"too_large": 1, "duplicate": 1}
    assert documents["read"] == (22 if format == "csv" else 23)
    assert cpu_secs < 10
    assert peak_bytes < 50e6


def test_nul_bytes_vanish(command: Command) -> None:
    command.write("a.txt", b"\0\n\nba \0be\n\n\0\0 \0\nco\0\n\n" + text_of(GOOD))
    twin = another(command, "twin")
    twin.write("a.txt", b"ba be\n\nco\n\n" + text_of(GOOD))
    documents = command.accept()
    assert documents["rejected"] == {"empty": 1}
    assert command.rejected()[0]["text"] == "\0"
    twin.accept()
    assert command.shards() == twin.shards()


COMPRESS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("cut", ["head", "tail"])
def test_truncated_file_is_an_error(kind: str, cut: str, command: Command) -> None:
    data = COMPRESS[kind](text_of([str(number**3) for number in range(9000)]))
    command.write("a.txt", data[:-7] if cut == "tail" else data[:14])
    error = command.refuse(code=1)
    assert f"a.txt is a truncated or damaged {kind} file" in error


@pytest.mark.parametrize("kind", COMPRESS)
def test_damage_in_the_middle_is_an_error(kind: str, command: Command) -> None:
    data = bytearray(COMPRESS[kind](text_of([str(n**3) for n in range(9000)])))
    data[len(data) // 2] ^= 0xFF
    command.write("a.txt", bytes(data))
    assert "a.txt is a truncated or damaged" in command.refuse(code=1)


def test_damaged_file_among_good_ones_gives_no_folder(command: Command) -> None:
    command.write("a.txt", text_of(GOOD))
    command.write("b.txt.gz", gzip.compress(text_of(GOOD))[:-7])
    code, error = command.run()
    assert (code, error.count("\n")) == (1, 1)
    assert "b.txt.gz" in error
    assert not command.output.exists()


def test_empty_files_are_files_without_documents(command: Command) -> None:
    for suffix in ("txt", "jsonl", "csv", "tsv"):
        command.write(f"empty.{suffix}", b"")
    command.write("empty.txt.gz", gzip.compress(b""))
    command.write("white.txt", b" \n\t\r\n\n")
    command.write("z.txt", text_of(GOOD))
    assert command.accept()["read"] == 20
    stats = json.loads((command.output / "stats.json").read_text())
    (of_input,) = stats["inputs"].values()
    assert of_input["files"] == 7


def test_nothing_but_empty_files_is_refused(command: Command) -> None:
    command.write("a.txt", b"")
    command.write("b.txt", b"\n\n")
    assert "an empty corpus" in command.refuse(code=2)


def test_folder_is_refused_but_passed_over_by_a_glob(command: Command) -> None:
    (command.inputs / "folder").mkdir()
    command.write("a.txt", text_of(GOOD))
    error = command.refuse(f"--input={command.inputs}/folder", code=2)
    assert f"{command.inputs}/folder is a folder" in error
    assert command.accept()["read"] == 20


def test_pipes_and_devices_are_no_files(command: Command) -> None:
    os.mkfifo(command.inputs / "pipe")
    error = command.refuse(f"--input={command.inputs}/pipe", code=2)
    assert "no file matches" in error
    assert "no file matches" in command.refuse("--input=/dev/zero", code=2)


def test_dangling_link_is_refused(command: Command) -> None:
    command.write("a.txt", text_of(GOOD))
    (command.inputs / "b.txt").symlink_to("gone.txt")
    error = command.refuse(code=2)
    assert "b.txt is a link to gone.txt, which does not exist" in error


def test_file_by_two_names_is_read_once(command: Command) -> None:
    command.write("a.txt", text_of(GOOD))
    (command.inputs / "b.txt").symlink_to("a.txt")
    assert command.accept()["read"] == 20


def test_file_that_vanishes_is_an_error(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from beam_pipelines import preprocess

    path = command.write("a.txt", text_of(GOOD))
    plan_job = preprocess.plan_job

    def plan_and_lose(*args: Any) -> Any:
        plan = plan_job(*args)
        path.unlink()
        return plan

    monkeypatch.setattr(preprocess, "plan_job", plan_and_lose)
    assert "a.txt" in command.refuse(code=2)


def test_odd_names_are_names(command: Command) -> None:
    path = command.write("[1] 가 %s <b>*?.txt", text_of(GOOD))
    assert command.accept(f"--input={path}")["read"] == 20
    assert "<b>" not in (command.output / "report.html").read_text()


def test_file_without_permission_is_refused(command: Command) -> None:
    if IS_ROOT:
        pytest.skip("the superuser may read everything")
    command.write("a.txt", text_of(GOOD)).chmod(0)
    assert "a.txt cannot be read" in command.refuse(code=2)


def test_byte_order_mark_is_no_text(command: Command) -> None:
    twin = another(command, "twin")
    command.write("a.txt", b"\xef\xbb\xbf" + text_of(GOOD))
    twin.write("a.txt", text_of(GOOD))
    assert command.accept() == twin.accept()
    assert command.shards() == twin.shards()


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-32"])
def test_other_encodings_are_refused(encoding: str, command: Command) -> None:
    command.write("a.txt", "ba be\n\n가나\n".encode(encoding))
    error = command.refuse(code=2)
    assert f"a.txt is {encoding}" in error
    assert f"iconv -f {encoding} -t UTF-8" in error


@pytest.mark.parametrize("newline", ["\r", "\r\n"])
def test_other_line_ends_give_the_same_shards(newline: str, command: Command) -> None:
    twin = another(command, "twin")
    command.write("a.txt", text_of(GOOD, newline))
    twin.write("a.txt", text_of(GOOD))
    command.accept()
    twin.accept()
    assert command.shards() == twin.shards()


def write_parquet(path: Path, **columns: Any) -> None:
    pq.write_table(pa.table(columns), path)


def test_mixed_parquet_schemas_need_the_same_text(command: Command) -> None:
    texts = [document.replace("\n", " ") for document in GOOD]
    write_parquet(command.inputs / "a.parquet", text=texts[:8], n=range(8))
    column = pa.array(texts[8:]).dictionary_encode()
    write_parquet(command.inputs / "b.parquet", other=column, text=column)
    write_parquet(command.inputs / "c.parquet", text=pa.array([b"\xff ba", None, b""]))
    documents = command.accept()
    assert (documents["read"], documents["malformed_utf8"]) == (23, 1)
    assert documents["rejected"] == {"text_missing": 1, "empty": 1}
    assert [line["offset"] for line in command.rejected()] == [1, 2]


@pytest.mark.parametrize("column", ["body", "text"])
def test_parquet_without_the_text_is_an_error(column: str, command: Command) -> None:
    write_parquet(command.inputs / "a.parquet", text=GOOD)
    write_parquet(command.inputs / "b.parquet", **{column: range(3)})
    code, error = command.run()
    assert (code, error.count("\n")) == (1, 1)
    assert "b.parquet has no column 'text' of text" in error
    assert f"{column} (int64)" in error
    assert not command.output.exists()


def test_damaged_parquet_is_an_error(command: Command) -> None:
    write_parquet(command.inputs / "a.parquet", text=GOOD)
    data = (command.inputs / "a.parquet").read_bytes()
    command.write("a.parquet", data[:-20])
    assert "a truncated or damaged Parquet file" in command.refuse(code=1)


BAD_ROWS = (
    ("json_invalid", '{"text": "ba"'),
    ("json_invalid", '["ba"]'),
    ("json_invalid", "[" * 100_000),
    ("json_invalid", '{"n": ' + "1" * 5000 + "}"),
    ("text_missing", "{}"),
    ("text_missing", '{"text": null}'),
    ("text_not_string", '{"text": 7}'),
    ("text_not_string", '{"text": ["ba"]}'),
    ("empty", '{"text": ""}'),
    ("empty", '{"text": " \\n\\u200b"}'),
)


def test_bad_json_is_written_aside_line_by_line(command: Command) -> None:
    good = [json.dumps({"text": text, "id": text[-1]}) for text in GOOD]
    rows = [row for _, row in BAD_ROWS]
    rows += [*good, '{"text": "half \\ud83d a pair"}']
    command.write("a.jsonl", "\n".join(rows))
    documents = command.accept("--set=read.max_unreadable_rate=0.3")
    assert documents["kept"] == 21
    assert documents["malformed_utf8"] == 1
    lines = command.rejected()
    assert [line["reason"] for line in lines] == [reason for reason, _ in BAD_ROWS]
    assert lines[1]["offset"] == len(BAD_ROWS[0][1]) + 1


def test_too_many_unreadable_rows_are_refused(command: Command) -> None:
    good = [json.dumps({"body": text}) for text in GOOD]
    command.write("a.jsonl", "\n".join(good))
    error = command.refuse(code=2)
    assert "20 of 20 documents that cannot be read (20 text_missing)" in error


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("title,text\n1,ba\n" + '2,"never closed\n' * 9, "is never closed"),
        ("title,body\n1,ba\n", "has no column 'text' but 'title', 'body'"),
        ("\n \n", "has no column 'text'"),
    ],
)
def test_bad_table_is_an_error(table: str, message: str, command: Command) -> None:
    command.write("a.csv", table)
    assert message in command.refuse(code=1)


def test_hundred_thousand_empty_documents_are_counted(command: Command) -> None:
    rows = ['{"text": ""}\n'] * 100_000
    rows += [json.dumps({"text": text}) + "\n" for text in GOOD]
    command.write("a.jsonl.gz", gzip.compress("".join(rows).encode(), 1))
    start = time.process_time()
    documents = command.accept()
    assert documents["rejected"] == {"empty": 100_000}
    assert documents["kept"] == 20
    assert time.process_time() - start < 10


def test_million_blank_lines_are_no_documents(command: Command) -> None:
    command.write("a.txt", b"\n \n\t\n\r\n" * 250_000 + text_of(GOOD))
    assert command.accept()["read"] == 20


@pytest.mark.parametrize("shuffle", ["files", "beam"])
def test_duplicate_ids_are_counted_and_stay(shuffle: str, command: Command) -> None:
    """An id is known within its input only; rejected documents have theirs."""
    rows = [{"id": number % 15, "text": text} for number, text in enumerate(GOOD)]
    rows += [{"text": "no id"}, {"id": 7, "text": ""}]
    lines = [json.dumps(row) for row in rows]
    command.write("a.jsonl", "\n".join(lines[:12]))
    command.write("b.jsonl", "\n".join(lines[12:]))
    command.write("c.jsonl", json.dumps({"id": 3, "text": "of another input"}))
    documents = command.accept(
        f"--input={command.inputs}/a.jsonl,{command.inputs}/b.jsonl",
        f"--input={command.inputs}/c.jsonl",
        "--id_key=id",
        f"--shuffle={shuffle}",
    )
    assert documents["duplicate_ids"] == 6
    assert documents["kept"] == 22
    assert command.rejected()[0]["id"] == "7"


def test_ids_are_not_counted_without_a_key(command: Command) -> None:
    command.write("a.txt", text_of(GOOD))
    assert "duplicate_ids" not in command.accept()


@contextlib.contextmanager
def mounted(path: Path, options: str) -> Iterator[None]:
    """A small file system in memory; skips where none can be mounted."""
    path.mkdir()
    if not IS_ROOT:
        pytest.skip("only the superuser may mount")
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def write_much(command: Command) -> None:
    """Text that does not compress to nothing, in several files."""
    for part in range(4):
        numbers = range(part * 3000, part * 3000 + 3000)
        documents = [f"{n**5} ba be\n{n**7} 가나" for n in numbers]
        command.write(f"{part}.txt", text_of(documents))


def test_real_full_disk_leaves_no_folder_and_resumes(
    command: Command, tmp_path: Path
) -> None:
    write_much(command)
    full = tmp_path / "full"
    with mounted(full, "size=300k"):
        small = dataclasses.replace(command, output=full / "data")
        code, error = small.run()
        assert (code, error.count("\n")) == (1, 1)
        assert "the disk is full" in error
        assert not small.output.exists()
        subprocess.run(["mount", "-o", "remount,size=50m", full], check=True)
        small.accept("--resume")
        command.accept()
        assert small.shards() == command.shards()


@pytest.mark.parametrize("writes", [0, 1, 5, 9, 12])
def test_full_disk_at_any_file_leaves_no_folder(
    writes: int, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.write("a.txt", text_of(GOOD))
    create = storage._create
    created: list[str] = []

    def create_or_fail(path: str) -> Any:
        created.append(path)
        if len(created) > writes:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        return create(path)

    monkeypatch.setattr(storage, "_create", create_or_fail)
    code, error = command.run()
    assert (code, error.count("\n")) == (1, 1)
    assert "the disk is full" in error
    assert not command.output.exists()
    assert not [path for path in command.output.parent.rglob("*.partial-*")]
    monkeypatch.undo()
    command.accept("--resume")


def test_read_only_disk_is_refused(command: Command, tmp_path: Path) -> None:
    command.write("a.txt", text_of(GOOD))
    with mounted(tmp_path / "locked", "ro"):
        locked = dataclasses.replace(command, output=tmp_path / "locked" / "data")
        error = locked.refuse(code=1)
    assert "Read-only file system at" in error
    assert "Check the path and its permissions" in error


def test_folder_without_permission_is_refused(command: Command) -> None:
    if IS_ROOT:
        pytest.skip("the superuser may write everywhere")
    command.write("a.txt", text_of(GOOD))
    command.inputs.chmod(0o500)
    output = command.inputs / "data"
    error = dataclasses.replace(command, output=output).refuse(code=2)
    assert "Permission denied" in error


def test_output_below_a_file_is_refused(command: Command) -> None:
    path = command.write("a.txt", text_of(GOOD))
    below = dataclasses.replace(command, output=path / "data")
    assert "Not a directory" in below.refuse(code=2)
