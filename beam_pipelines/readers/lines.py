"""Byte ranges in, whole lines out: what the readers of lines share.

Reads the ranges of `sources.py`, feeds `text.py`, `jsonl.py` and `tables.py`.
A line belongs to the range in which its first byte lies. Lines come in chunks
of about a block; a line over the limit is never held whole, and no byte is
read by more than two ranges, beside those at the ends.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from beam_pipelines import storage
from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.compression import BLOCK_BYTES, read_blocks
from beam_pipelines.sources import UTF8_BOM, FileRange, SourceFile

TOO_LARGE = "too_large"


class Lines(NamedTuple):
    """The lines of a range, and what follows it.

    Attributes:
        after_blank: Whether the line before the first one is blank, or none.
        chunks: Pairs of an offset and of whole lines that start there, the last
            one with its end too. No chunk crosses the end of the range. A line
            over the limit is a chunk of its own: made empty if it is blank,
            else replaced by one that is just over the limit.
    """

    after_blank: bool
    chunks: Iterator[tuple[int, bytes]]


def get_stop(part: FileRange) -> int:
    """The byte after a range; past every file for one without an end."""
    return sys.maxsize if part.stop is None else part.stop


@contextlib.contextmanager
def open_lines(part: FileRange, *, max_line_bytes: int) -> Iterator[Lines]:
    """Opens a range at the first line that starts in it.

    Args:
        part: Of a file, or all of it where it is compressed.
        max_line_bytes: Longer lines are shortened, see `Lines`.

    Yields:
        The lines.

    Raises:
        ElectraError: A compressed file is truncated or damaged.
    """
    file = part.file
    begin = len(UTF8_BOM) if file.has_bom else 0
    with storage.open_file(file.path) as stream:
        if file.compression:
            position, after_blank = begin, True
            blocks = read_blocks(stream, file.path, file.compression)
            blocks = _drop_bytes(blocks, begin)
        else:
            position, after_blank = _find_line(stream, part, begin)
            stream.seek(position)
            blocks = read_blocks(stream, file.path, "")
        if position >= get_stop(part):
            blocks = iter(())
        chunks = _cut_lines(
            blocks, position, get_stop(part), file.newline, max_line_bytes
        )
        yield Lines(after_blank, chunks)


def _drop_bytes(blocks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for block in blocks:
        rest = block[count:]
        count -= len(block) - len(rest)
        if rest:
            yield rest


def _find_line(stream: BinaryIO, part: FileRange, begin: int) -> tuple[int, bool]:
    """Finds the first line that starts in a range.

    Returns:
        Its offset, at or past the end of the range if there is none; and
        whether the line before it is blank.
    """
    if part.start <= begin:
        return begin, True
    newline, stop = part.file.newline, get_stop(part)
    position = part.start - 1
    stream.seek(position)
    is_blank = True
    while position < stop:
        block = stream.read(min(BLOCK_BYTES, stop - position))
        if not block:
            break
        end = block.find(newline)
        rest = block if end < 0 else block[:end]
        is_blank = is_blank and not rest.strip()
        if end >= 0:
            position += end + 1
            # Only the range in which a line ends looks back along it, so that
            # many ranges in one giant line take no more time than one.
            return position, is_blank and position < stop and _is_blank_before(
                stream, part.start - 1, begin, newline
            )
        position += len(block)
    return stop, False


def _is_blank_before(stream: BinaryIO, end: int, begin: int, newline: bytes) -> bool:
    """Whether the line that holds byte `end - 1` is blank up to there."""
    while end > begin:
        start = max(begin, end - BLOCK_BYTES)
        stream.seek(start)
        block = stream.read(end - start)
        line = block[block.rfind(newline) + 1 :]
        if line.strip():
            return False
        if len(line) < len(block):
            return True
        end = start
    return True


def _cut_lines(
    blocks: Iterator[bytes],
    position: int,
    stop: int,
    newline: bytes,
    max_line_bytes: int,
) -> Iterator[tuple[int, bytes]]:
    """Turns blocks into chunks of whole lines, see `Lines`."""
    line: list[bytes] = []
    size = 0
    block = next(blocks, b"")
    while block:
        end = block.rfind(newline) + 1
        if end:
            data = b"".join((*line, block[:end]))
            line, size = [block[end:]], len(block) - end
            yield from _cut_at(stop, position, data, newline)
            position += len(data)
            block = b""
        else:
            line.append(block)
            size += len(block)
            block = b""
        if size > max_line_bytes:
            is_blank, length, block = _skip_line(blocks, newline)
            is_blank = is_blank and not any(piece.strip() for piece in line)
            oversized = b"" if is_blank else b"x" * (max_line_bytes + 1)
            yield position, oversized + newline
            position += size + length
            line, size = [], 0
        block = block or next(blocks, b"")
    if size:
        yield position, b"".join(line) + newline


def _cut_at(
    stop: int, position: int, data: bytes, newline: bytes
) -> Iterator[tuple[int, bytes]]:
    """Yields lines that start before `stop` apart from those after it."""
    cut = len(data)
    if position < stop < position + cut:
        cut = data.find(newline, stop - 1 - position) + 1
    yield position, data[:cut]
    if cut < len(data):
        yield position + cut, data[cut:]


def _skip_line(blocks: Iterator[bytes], newline: bytes) -> tuple[bool, int, bytes]:
    """Skips the rest of a line: whether it is blank, its length, what follows."""
    is_blank, length = True, 0
    for block in blocks:
        end = block.find(newline)
        rest = block if end < 0 else block[:end]
        is_blank = is_blank and not rest.strip()
        length += len(rest)
        if end >= 0:
            return is_blank, length + 1, block[end + 1 :]
    return is_blank, length, b""


def split_lines(
    chunks: Iterable[tuple[int, bytes]], stop: int, file: SourceFile
) -> Iterator[tuple[int, bytes]]:
    """Yields each line that is not blank and starts before `stop`.

    Args:
        chunks: Of `Lines`.
        stop: Byte after the range.
        file: Tells what ends a line.

    Yields:
        Offset and bytes, without the line end.
    """
    for offset, data in chunks:
        if offset >= stop:
            return
        for line in data[:-1].split(file.newline):
            if line and not line.isspace():
                yield offset, line
            offset += len(line) + 1


def tidy_lines(text: bytes) -> bytes:
    r"""Gives a text the line ends that `RawDocument` promises.

    "\r\n" and "\r" become "\n"; lines of nothing but ASCII white space go.
    """
    if b"\r" in text:
        text = text.replace(b"\r", b"\n")
    if b"\n" not in text:
        return b"" if text.isspace() else text
    lines = text.split(b"\n")
    return b"\n".join([line for line in lines if line and not line.isspace()])


def read_lines(
    part: FileRange, config: InputConfig, *, max_document_bytes: int
) -> Iterator[RawDocument]:
    """Reads a file of one document a line; see `dispatch.read_documents`."""
    other_end = b"\n" if part.file.newline == b"\r" else b"\r"
    with open_lines(part, max_line_bytes=max_document_bytes) as lines:
        for offset, line in split_lines(lines.chunks, get_stop(part), part.file):
            if len(line) > max_document_bytes:
                yield RawDocument(offset, b"", TOO_LARGE)
            elif other_end in line:
                yield RawDocument(offset, tidy_lines(line))
            else:
                yield RawDocument(offset, line)
