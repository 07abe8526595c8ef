"""Text in, documents separated by blank lines out.

Reads what `lines.py` gives. A blank line holds nothing but ASCII white space;
a document belongs to the range in which its first byte lies, and its reader
follows it past the end of the range.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.lines import (
    TOO_LARGE,
    Lines,
    get_stop,
    open_lines,
    tidy_lines,
)
from beam_pipelines.sources import FileRange

# From the end of a line to that of the last blank line after it.
_GAPS = {
    newline: re.compile(newline + b"[ \t\n\r\x0b\x0c]*" + newline)
    for newline in (b"\n", b"\r")
}


class _GrowingDocument:
    """A document that has begun; bounded in memory."""

    def __init__(self, offset: int, max_bytes: int) -> None:
        self._offset = offset
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []
        self._bytes = -1  # The end of the last line does not count.

    @property
    def is_too_large(self) -> bool:
        return self._bytes > self._max_bytes

    def add_lines(self, lines: bytes) -> None:
        """Adds lines; the last one without its end."""
        self._bytes += len(lines) + 1
        if self.is_too_large:
            self._pieces.clear()
        else:
            self._pieces.append(lines)

    def finish(self) -> RawDocument:
        if self.is_too_large:
            return RawDocument(self._offset, b"", TOO_LARGE)
        text = b"\n".join(self._pieces)
        return RawDocument(self._offset, tidy_lines(text) if b"\r" in text else text)


def read_text(
    part: FileRange, config: InputConfig, *, max_document_bytes: int
) -> Iterator[RawDocument]:
    """Reads a file of documents separated by blank lines.

    See `dispatch.read_documents`.
    """
    with open_lines(part, max_line_bytes=max_document_bytes) as lines:
        yield from _join_lines(
            lines, get_stop(part), part.file.newline, max_document_bytes
        )


def _join_lines(
    lines: Lines, stop: int, newline: bytes, max_bytes: int
) -> Iterator[RawDocument]:
    document: _GrowingDocument | None = None
    after_blank = lines.after_blank
    for offset, data in lines.chunks:
        if offset >= stop and (document is None or document.is_too_large):
            break
        # The end of the line before, so that a gap at the start is one too.
        data = newline + data
        begin = 1
        for gap in _GAPS[newline].finditer(data):
            if begin <= gap.start():
                if document is None and after_blank:
                    document = _GrowingDocument(offset + begin - 1, max_bytes)
                if document is not None:
                    document.add_lines(data[begin : gap.start()])
            if document is not None:
                yield document.finish()
                document = None
            if offset >= stop:
                return
            after_blank = True
            begin = gap.end()
        if begin < len(data):
            if document is None and after_blank:
                document = _GrowingDocument(offset + begin - 1, max_bytes)
            if document is not None:
                document.add_lines(data[begin:-1])
    if document is not None:
        yield document.finish()
