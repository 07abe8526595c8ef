"""Files in, documents out: the first station of the flow.

Reads plain text (or gzip), feeds `splitting.py` and `word_counts.py`. A file is
cut into byte ranges so that one big file is read by many workers; a document
belongs to the range in which its first byte lies, whatever the range size.
"""

from __future__ import annotations

import dataclasses
import glob
import gzip
import os
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from electra_keras.errors import ElectraError, UsageError

GZIP_MAGIC = b"\x1f\x8b"
GZIP_EXPANSION = 3  # Bytes of text per byte of gzip, a usual figure.
RANGE_BYTES = 4 * 2**20
_BLOCK_BYTES = 2**16
# Control characters but tab and those that `str.splitlines` takes as line ends.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufeff]")


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """An input file.

    Attributes:
        path: As Beam's `FileSystems` opens it.
        size_bytes: Size on disk.
        is_gzip: Told by its first two bytes, not by its name.
    """

    path: str
    size_bytes: int
    is_gzip: bool

    @property
    def text_bytes(self) -> int:
        """Bytes of text it holds; an estimate for gzip."""
        return self.size_bytes * (GZIP_EXPANSION if self.is_gzip else 1)


@dataclasses.dataclass(frozen=True)
class FileRange:
    """A byte range of one file: the unit of work of a reader.

    Attributes:
        path: Of the file.
        source_index: Index of the file among the inputs, by path.
        start: First byte.
        stop: Byte after the last one; None reads to the end.
    """

    path: str
    source_index: int
    start: int
    stop: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """One document, cleaned.

    Attributes:
        text: NFC, no control characters; lines stripped, none empty, joined
            by a newline. "" when nothing is left.
        source: Path of the file.
        offset: Byte of the (uncompressed) file at which it starts.
        malformed: Whether bytes that are not UTF-8 were replaced by U+FFFD.
    """

    text: str
    source: str
    offset: int
    malformed: bool


def find_files(pattern: str) -> list[SourceFile]:
    """Expands glob patterns, separated by commas.

    Args:
        pattern: Such as "a.txt,more/*.txt.gz". Local, or any file system that
            Beam knows.

    Returns:
        The files, each once, ordered by path.

    Raises:
        UsageError: A pattern matches no file, or is a folder.
    """
    sizes: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in pattern.split(","))):
        matches = _match(part)
        if not matches:
            folder = os.path.isdir(part)
            raise UsageError(
                f"--input={part} is a folder" if folder else f"no file matches {part}",
                expected="a file, or a glob that matches files",
                fix=f"Write {os.path.join(part, '*')} for the files in it."
                if folder
                else "Check the path; quote the glob so that the shell keeps it.",
            )
        sizes.update(matches)
    if not sizes:
        raise UsageError(
            "an empty --input",
            expected="a file, or a glob that matches files",
            fix="Name the text files, such as --input='corpus/*.txt'.",
        )
    return [
        SourceFile(path, size, is_gzip=_holds_gzip(path))
        for path, size in sorted(sizes.items())
    ]


def _match(pattern: str) -> dict[str, int]:
    if "://" in pattern:
        found = FileSystems.match([pattern])[0].metadata_list
        return {file.path: file.size_in_bytes for file in found}
    # Beam's local match walks every folder below the pattern; glob does not.
    paths = glob.glob(pattern, recursive=True)
    return {path: os.path.getsize(path) for path in paths if os.path.isfile(path)}


def _open(path: str) -> BinaryIO:
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def _holds_gzip(path: str) -> bool:
    with _open(path) as stream:
        return stream.read(2) == GZIP_MAGIC


def plan_ranges(
    files: Iterable[SourceFile], range_bytes: int = RANGE_BYTES
) -> list[FileRange]:
    """Cuts files into ranges; a gzip file is one range, an empty one none."""
    ranges: list[FileRange] = []
    for index, file in enumerate(files):
        if file.is_gzip:
            ranges.append(FileRange(file.path, index, 0, None))
            continue
        for start in range(0, file.size_bytes, range_bytes):
            stop = min(start + range_bytes, file.size_bytes)
            ranges.append(FileRange(file.path, index, start, stop))
    return ranges


def read_documents(path: str, start: int, stop: int | None) -> Iterator[Document]:
    """Reads the documents whose first byte lies in a range.

    Documents are separated by lines that hold nothing but ASCII white space.
    The reader follows its last document past `stop`.

    Args:
        path: A file of text, or gzip of text (then the range must be all).
        start: First byte of the range.
        stop: Byte after the last one; None for the end of the file.

    Yields:
        `Document`s, also those of which cleaning leaves nothing.

    Raises:
        ElectraError: A gzip file is truncated or damaged.
    """
    with _open(path) as stream:
        if stream.read(2) == GZIP_MAGIC:
            stream.seek(0)
            yield from _read_gzip(path, stream)
            return
        after_blank, position = _seek_line(stream, start, stop)
        yield from _read_stream(stream, path, position, stop, after_blank=after_blank)


def _read_gzip(path: str, stream: BinaryIO) -> Iterator[Document]:
    try:
        with gzip.GzipFile(fileobj=stream) as text:
            yield from _read_stream(text, path, 0, None, after_blank=True)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ElectraError(
            f"{path} is a truncated or damaged gzip file ({error})",
            expected="a gzip file that decompresses to its end",
            fix="Copy or download it again.",
        ) from error


def _read_stream(
    stream: BinaryIO | gzip.GzipFile,
    path: str,
    position: int,
    stop: int | None,
    *,
    after_blank: bool,
) -> Iterator[Document]:
    """Yields the documents from the line at `position` on."""
    lines: list[bytes] = []
    offset = position
    while lines or stop is None or position < stop:
        line = stream.readline()
        if not line:
            break
        if line.isspace():
            if lines:
                yield _make_document(lines, path, offset)
                lines = []
            after_blank = True
        elif lines:
            lines.append(line)
        elif after_blank:
            lines, offset = [line], position
        position += len(line)
    if lines:
        yield _make_document(lines, path, offset)


def _seek_line(stream: BinaryIO, start: int, stop: int | None) -> tuple[bool, int]:
    """Moves to the first line that begins at or after `start`.

    Returns:
        Whether the line before it is blank (or there is none), and its
        position; a position at or past `stop` means that there is none.
    """
    if start == 0:
        stream.seek(0)
        return True, 0
    stream.seek(start - 1)
    line_starts_here = stream.read(1) == b"\n"
    is_blank = _is_blank_before(stream, start - line_starts_here)
    stream.seek(start)
    position = start
    # By blocks, so that a giant line is not read to its end by every range.
    while not line_starts_here and (stop is None or position < stop):
        block = stream.readline(_BLOCK_BYTES)
        if not block:
            break
        position += len(block)
        is_blank = is_blank and block.isspace()
        line_starts_here = block.endswith(b"\n")
    return is_blank, position


def _is_blank_before(stream: BinaryIO, end: int) -> bool:
    """Whether the line that holds byte `end - 1` is blank up to there."""
    while end > 0:
        begin = max(0, end - _BLOCK_BYTES)
        stream.seek(begin)
        block = stream.read(end - begin)
        line = block[block.rfind(b"\n") + 1 :]
        if line.strip():
            return False
        if len(line) < len(block):
            return True
        end = begin
    return True


def _make_document(lines: list[bytes], path: str, offset: int) -> Document:
    data = b"".join(lines)
    malformed = False
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="replace")
        malformed = True
    return Document(clean_text(text), path, offset, malformed)


def clean_text(text: str) -> str:
    """Normalises a document to what `Document.text` promises."""
    text = unicodedata.normalize("NFC", _CONTROL.sub("", text))
    stripped = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in stripped if line)
