"""python -m pytest tests/test_sources.py"""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import lzma
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from beam_pipelines import sources
from beam_pipelines.config import InputConfig
from beam_pipelines.sources import FileRange, SourceFile, find_files, plan_ranges
from electra_keras.errors import ElectraError, UsageError


def find_one(path: Path, data: bytes, **settings: Any) -> SourceFile:
    path.write_bytes(data)
    (file,) = find_files([InputConfig(str(path), **settings)])
    return file


def write_parquet(path: Path) -> None:
    table = pyarrow.table({"text": ["a", "b", "c"]})
    pyarrow.parquet.write_table(table, path, row_group_size=2)


def test_files_come_by_input_then_by_path_and_once(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.md", "d.md"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / "e.md").symlink_to(tmp_path / "a.txt")
    inputs = [
        InputConfig(f"{tmp_path}/c.*, {tmp_path}/b.txt,{tmp_path}/[b-b].*"),
        InputConfig(f"{tmp_path}/*.txt", name="text"),
        InputConfig(f"{tmp_path}/*.md", name="markdown"),
    ]
    files = [(Path(file.path).name, file.input_index) for file in find_files(inputs)]
    assert files == [("b.txt", 0), ("c.md", 0), ("a.txt", 1), ("d.md", 2)]


@pytest.mark.parametrize("path", ["missing-*.txt", "missing.txt", "", " , ", "."])
def test_a_pattern_without_files_is_a_usage_error(path: str) -> None:
    with pytest.raises(UsageError) as error:
        find_files([InputConfig(path)])
    assert error.value.exit_code == 2


def test_a_folder_is_told_with_the_glob_for_its_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is a folder; .* Write .*/\*\."):
        find_files([InputConfig(str(tmp_path))])


def test_a_name_with_brackets_is_a_name_first(tmp_path: Path) -> None:
    assert find_one(tmp_path / "a[1].txt", b"x").size_bytes == 1


def test_an_unknown_file_system_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="nothing://a cannot be looked up"):
        find_files([InputConfig("nothing://a")])


@pytest.mark.parametrize("pattern", ["gone.txt", "*.txt"])
def test_a_dangling_link_is_named(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "here.txt").write_text("x")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"gone\.txt is a link to .*nowhere"):
        find_files([InputConfig(str(tmp_path / pattern))])


def test_an_unreadable_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("x")

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    # Root, who runs many a test, may read everything.
    monkeypatch.setattr(sources.storage, "open_file", refuse)
    with pytest.raises(UsageError, match=r"a\.txt cannot be read .*denied"):
        find_files([InputConfig(str(tmp_path / "a.txt"))])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([{"format": "xml"}], "format 'xml'"),
        ([{"weight": -0.5}], "weight -0.5"),
        ([{"weight": float("nan")}], "weight nan"),
        ([{"name": "a"}, {"name": "a"}], "two inputs named 'a'"),
        ([{}, {}], "two inputs named"),
    ],
)
def test_wrong_inputs_are_usage_errors(
    tmp_path: Path, settings: list[dict[str, Any]], message: str
) -> None:
    (tmp_path / "a.txt").write_text("x")
    inputs = [InputConfig(str(tmp_path / "a.txt"), **each) for each in settings]
    with pytest.raises(UsageError, match=message):
        find_files(inputs)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        *[("a.txt", "text"), ("a", "text"), ("a.md.gz", "text"), ("a.gz", "text")],
        *[("a.jsonl", "jsonl"), ("a.NDJSON", "jsonl"), ("a.json.zst", "jsonl")],
        *[("a.csv", "csv"), ("a.csv.xz", "csv"), ("a.tsv.bz2", "tsv")],
    ],
)
def test_the_suffix_tells_the_format(tmp_path: Path, name: str, format: str) -> None:
    assert find_one(tmp_path / name, b"x").format == format
    assert find_one(tmp_path / name, b"x", format="lines").format == "lines"


def test_the_content_tells_the_compression_and_text_is_estimated(
    tmp_path: Path,
) -> None:
    packed = {
        "gzip": (gzip.compress(b"text"), 3),
        "zstd": (zstandard.compress(b"text"), 3),
        "bzip2": (bz2.compress(b"text"), 4),
        "xz": (lzma.compress(b"text"), 4),
        "": (b"text", 1),
    }
    for compression, (data, factor) in packed.items():
        file = find_one(tmp_path / "a.gz", data)
        assert file.compression == compression
        assert file.text_bytes == factor * len(data) == factor * file.size_bytes
    write_parquet(tmp_path / "a.parquet")
    (file,) = find_files([InputConfig(str(tmp_path / "a.parquet"))])
    assert file.text_bytes == 2 * file.size_bytes


def test_line_ends_and_bom_are_told_by_the_head(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for pack in (bytes, gzip.compress):
        assert find_one(path, pack(b"a\rb")).newline == b"\r"
        assert find_one(path, pack(b"a\rb\n")).newline == b"\n"
        assert find_one(path, pack(b"ab")).newline == b"\n"
        assert find_one(path, pack(b"\xef\xbb\xbfa")).has_bom
        assert not find_one(path, pack(b"a\xef\xbb\xbf")).has_bom


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-32"])
def test_other_encodings_are_told_with_a_command(tmp_path: Path, encoding: str) -> None:
    for data in (
        "\ufeff글".encode(f"{encoding}-le"),
        "\ufeff글".encode(f"{encoding}-be"),
    ):
        for packed in (data, gzip.compress(data)):
            with pytest.raises(UsageError, match=f"is {encoding}; .* -f {encoding} -t"):
                find_one(tmp_path / "a.txt", packed)


def test_parquet_is_told_by_content_and_name_alike(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.txt")
    with pytest.raises(UsageError, match=r"a\.txt is Parquet; expected .*'text'"):
        find_files([InputConfig(str(tmp_path / "a.txt"))])
    (file,) = find_files([InputConfig(str(tmp_path / "a.txt"), format="parquet")])
    assert file.format == "parquet"
    with pytest.raises(UsageError, match=r"b\.parquet is no Parquet"):
        find_one(tmp_path / "b.parquet", b"text")
    with pytest.raises(UsageError, match="is Parquet within gzip"):
        find_one(tmp_path / "c.parquet.gz", gzip.compress(b"PAR1"))


def test_damage_at_the_head_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ElectraError, match="truncated or damaged gzip"):
        find_one(tmp_path / "a.txt", gzip.compress(b"text" * 100)[:20])


def test_ranges_follow_the_format(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet")
    (parquet,) = find_files([InputConfig(str(tmp_path / "a.parquet"))])
    files = [
        SourceFile("a.txt", 0, 10),
        SourceFile("b.txt", 0, 0),
        SourceFile("c.gz", 0, 10, compression="gzip"),
        SourceFile("d.csv", 0, 10, format="csv"),
        SourceFile("e.jsonl", 1, 3, format="jsonl"),
        parquet,
        dataclasses.replace(parquet, size_bytes=0),
    ]
    ranges = plan_ranges(files, 4)
    assert [(part.source_index, part.start, part.stop) for part in ranges] == [
        *[(0, 0, 4), (0, 4, 8), (0, 8, 10)],
        *[(2, 0, None), (3, 0, None), (4, 0, 3)],
        *[(5, 0, 1), (5, 1, 2)],
    ]
    assert pickle.loads(pickle.dumps(ranges)) == ranges
    assert ranges[0] == FileRange(files[0], 0, 0, 4)


def test_a_truncated_parquet_file_is_an_error_of_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_parquet(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ElectraError, match=r"a\.parquet is a truncated or damaged"):
        plan_ranges(find_files([InputConfig(str(path))]))


def test_readers_import_neither_tensorflow_nor_keras() -> None:
    code = (
        "import sys, beam_pipelines.readers.dispatch\n"
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
