"""Settings of the inputs in, files and their ranges out: the first station.

Reads what `config.py` holds, feeds `readers/`. What a worker needs to know of a
file is told here; one that cannot be read is an error before anything runs.
"""

from __future__ import annotations

import dataclasses
import glob
import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import pyarrow
import pyarrow.parquet
from apache_beam.io.filesystems import FileSystems

from beam_pipelines import storage
from beam_pipelines.config import FORMATS, InputConfig
from beam_pipelines.readers.compression import (
    MAGIC_BYTES,
    make_damage_error,
    read_blocks,
    sniff_compression,
)
from electra_keras.errors import UsageError

RANGE_BYTES = 4 * 2**20
UTF8_BOM = b"\xef\xbb\xbf"
_PARQUET_MAGIC = b"PAR1"
_HEAD_BYTES = 2**16
_SNIFFERS = 16  # Threads; they wait for remote file systems.
# Bytes of text per byte on disk, usual figures.
_EXPANSION = {"": 1, "gzip": 3, "zstd": 3, "bzip2": 4, "xz": 4}
_PARQUET_EXPANSION = 2
_COMPRESSION_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz")
_FORMAT_SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
# The longer ones first, as the first of UTF-16 begins that of UTF-32.
_FOREIGN_BOMS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


@dataclasses.dataclass(frozen=True)
class SourceFile:
    r"""An input file.

    Attributes:
        path: As Beam's `FileSystems` opens it.
        input_index: Index of its input.
        size_bytes: Size on disk.
        compression: "gzip", "zstd", "bzip2", "xz" or "", told by content.
        format: One of `config.FORMATS` but "auto".
        newline: What ends a line: b"\n", or b"\r" in files without any b"\n".
        has_bom: Whether it begins with the byte order mark of UTF-8.
    """

    path: str
    input_index: int
    size_bytes: int
    compression: str = ""
    format: str = "text"
    newline: bytes = b"\n"
    has_bom: bool = False

    @property
    def text_bytes(self) -> int:
        """Bytes of text it holds; an estimate unless it is plain text."""
        if self.format == "parquet":
            return self.size_bytes * _PARQUET_EXPANSION
        return self.size_bytes * _EXPANSION[self.compression]


@dataclasses.dataclass(frozen=True)
class FileRange:
    """A range of one file: the unit of work of a reader.

    Attributes:
        file: That it belongs to.
        source_index: Index of the file in the list of all files.
        start: First byte; of Parquet the first row group.
        stop: Byte, or row group, after the last one; None reads to the end.
    """

    file: SourceFile
    source_index: int
    start: int
    stop: int | None


def find_files(inputs: Sequence[InputConfig]) -> list[SourceFile]:
    """Expands the globs of all inputs and looks at the head of each file.

    Args:
        inputs: Each with globs, separated by commas. Local, or of any file
            system that Beam knows.

    Returns:
        The files by input, then by path; each once, by the first input that
        names it.

    Raises:
        UsageError: An input is wrong, a pattern matches no file or is a folder,
            or a file cannot be read: a dangling link, no permission, no UTF-8,
            another format than the input says.
        ElectraError: A compressed file is damaged at its head.
    """
    _check_inputs(inputs)
    found: dict[str, SourceFile] = {}
    for index, config in enumerate(inputs):
        for path, size in sorted(_expand(config.path).items()):
            key = path if "://" in path else os.path.realpath(path)
            found.setdefault(key, SourceFile(path, index, size))
    with ThreadPoolExecutor(_SNIFFERS) as pool:
        return list(pool.map(lambda file: _sniff(file, inputs), found.values()))


def _check_inputs(inputs: Sequence[InputConfig]) -> None:
    names: set[str] = set()
    for config in inputs:
        name = config.name or config.path
        if name in names:
            raise UsageError(
                f"two inputs named {name!r}",
                expected="inputs with different names",
                fix="Give each input a name; join globs by commas.",
            )
        names.add(name)
        if config.format not in FORMATS:
            raise UsageError(
                f"format {config.format!r} of the input {name!r}",
                expected=f"one of {', '.join(FORMATS)}",
                fix="Correct the format, or leave it out.",
            )
        if not (math.isfinite(config.weight) and config.weight >= 0):
            raise UsageError(
                f"weight {config.weight} of the input {name!r}",
                expected="a number from 0 on, such as 0.5 or 2",
                fix="Correct the weight, or leave it out.",
            )


def _expand(pattern: str) -> dict[str, int]:
    """Sizes of the files that match, by path."""
    sizes: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in pattern.split(","))):
        matches = _match(part)
        if not matches and os.path.isdir(part):
            _refuse(f"{part} is a folder", f"Write {os.path.join(part, '*')}.")
        if not matches:
            _refuse(f"no file matches {part}", "Check the path; quote the glob.")
        sizes.update(matches)
    if not sizes:
        _refuse("an input without a path", "Name text files, such as 'corpus/*.txt'.")
    return sizes


def _refuse(received: str, fix: str) -> NoReturn:
    raise UsageError(received, expected="a file or a glob of files", fix=fix)


def _match(pattern: str) -> dict[str, int]:
    if "://" in pattern:
        try:
            found = FileSystems.match([pattern])[0].metadata_list
        except (ValueError, OSError) as error:
            raise UsageError(
                f"{pattern} cannot be looked up ({error})",
                expected="a path on a file system that Beam knows",
                fix="Check the path; gs:// needs apache-beam[gcp].",
            ) from error
        return {file.path: file.size_in_bytes for file in found}
    # Beam's local match walks every folder below the pattern; glob does not.
    # A name may hold brackets itself.
    is_path = os.path.lexists(pattern)
    paths = [pattern] if is_path else glob.glob(pattern, recursive=True)
    for path in paths:
        if os.path.islink(path) and not os.path.exists(path):
            raise UsageError(
                f"{path} is a link to {os.readlink(path)}, which does not exist",
                expected="files that can be read",
                fix="Mend or remove the link, or name the files without it.",
            )
    return {path: os.path.getsize(path) for path in paths if os.path.isfile(path)}


def _sniff(file: SourceFile, inputs: Sequence[InputConfig]) -> SourceFile:
    """Tells what a file is by its head and by its input."""
    path = file.path
    format = inputs[file.input_index].format
    if format == "auto":
        format = _guess_format(path)
    try:
        with storage.open_file(path) as stream:
            compression = sniff_compression(stream.read(MAGIC_BYTES))
            stream.seek(0)
            head = next(read_blocks(stream, path, compression), b"")[:_HEAD_BYTES]
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error})",
            expected="files that can be read",
            fix="Check the permissions of the file and of its folders.",
        ) from error
    if file.size_bytes:
        _check_head(path, format, compression, head)
    return dataclasses.replace(
        file,
        compression=compression,
        format=format,
        newline=b"\r" if b"\r" in head and b"\n" not in head else b"\n",
        has_bom=head.startswith(UTF8_BOM),
    )


def _guess_format(path: str) -> str:
    stem, suffix = os.path.splitext(path.lower())
    if suffix in _COMPRESSION_SUFFIXES:
        suffix = os.path.splitext(stem)[1]
    return _FORMAT_SUFFIXES.get(suffix, "text")


def _check_head(path: str, format: str, compression: str, head: bytes) -> None:
    """Raises unless a file is what its format says."""
    is_parquet = head.startswith(_PARQUET_MAGIC)
    if is_parquet and compression:
        raise UsageError(
            f"{path} is Parquet within {compression}",
            expected="Parquet as it is, which is compressed inside",
            fix="Decompress the file.",
        )
    if is_parquet != (format == "parquet"):
        raise UsageError(
            f"{path} is {'Parquet' if is_parquet else 'no Parquet'}",
            expected=f"a file of the format {format!r}",
            fix="Set the format of the input, or name files of one format only.",
        )
    for bom, encoding in _FOREIGN_BOMS:
        if head.startswith(bom):
            raise UsageError(
                f"{path} is {encoding}",
                expected="UTF-8",
                fix=f"Convert it: iconv -f {encoding} -t UTF-8 FILE > NEW_FILE",
            )


def plan_ranges(
    files: Iterable[SourceFile], range_bytes: int = RANGE_BYTES
) -> list[FileRange]:
    """Cuts files into ranges.

    Args:
        files: As `find_files` gives them.
        range_bytes: Size of a range of plain text, lines or JSON lines.

    Returns:
        The ranges, in the order of the files. Compressed files and tables are
        one range, Parquet one for each row group, empty files none.

    Raises:
        ElectraError: A Parquet file is truncated or damaged.
    """
    return [
        FileRange(file, index, start, stop)
        for index, file in enumerate(files)
        for start, stop in _cut_file(file, range_bytes)
    ]


def _cut_file(file: SourceFile, range_bytes: int) -> list[tuple[int, int | None]]:
    if not file.size_bytes:
        return []
    if file.format == "parquet":
        return [(group, group + 1) for group in range(_count_row_groups(file.path))]
    if file.compression or file.format in ("csv", "tsv"):
        return [(0, None)]
    return [
        (start, min(start + range_bytes, file.size_bytes))
        for start in range(0, file.size_bytes, range_bytes)
    ]


def _count_row_groups(path: str) -> int:
    try:
        with storage.open_file(path) as stream:
            return pyarrow.parquet.ParquetFile(stream).metadata.num_row_groups
    except (pyarrow.ArrowException, OSError) as error:
        raise make_damage_error(path, "Parquet", error) from error
