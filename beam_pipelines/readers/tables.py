"""Rows of CSV or TSV in, documents out.

Reads what `lines.py` gives. A file is read from its first row to its last,
since only that tells which line ends stand within quotes.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator

from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.fields import check_size, encode_text
from beam_pipelines.readers.lines import TOO_LARGE, open_lines, tidy_lines
from beam_pipelines.sources import FileRange
from electra_keras.errors import ElectraError

CSV_INVALID = "csv_invalid"
COLUMN_MISSING = "column_missing"


class _DecodedLines:
    """Iterates over the lines of chunks, as `csv.reader` wants them.

    Args:
        chunks: Of `lines.Lines`.
    """

    def __init__(self, chunks: Iterable[tuple[int, bytes]]) -> None:
        self._chunks = iter(chunks)
        self._lines: Iterator[str] = iter(())
        self.characters = 0  # Since the count was last set to 0.
        self.ended = False

    def __iter__(self) -> _DecodedLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        while line is None:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.ended = True
                raise StopIteration
            text = chunk[1].decode(errors="surrogateescape")
            # Ends lines at "\r" and at "\r\n" too, and keeps what ends them.
            self._lines = io.StringIO(text, newline="")
            line = next(self._lines, None)
        self.characters += len(line)
        return line


def read_table(
    part: FileRange, config: InputConfig, *, max_document_bytes: int
) -> Iterator[RawDocument]:
    """Reads a CSV or TSV file; see `dispatch.read_documents`.

    The offset of a document is the number of its row, counted from 0, without
    the header and without blank rows.
    """
    # Of the process; in characters. A quote that is never closed stops there.
    csv.field_size_limit(min(max_document_bytes, sys.maxsize))
    with open_lines(part, max_line_bytes=4 * max_document_bytes) as lines:
        rows = _parse_rows(lines.chunks, part, max_document_bytes)
        has_header = not config.text_key.isdecimal()
        header = next(rows, []) if has_header else None
        text_column = _find_column(header, config.text_key, part.file.path)
        id_column = None
        if config.id_key:
            id_column = _find_column(header, config.id_key, part.file.path)
        for number, row in enumerate(rows):
            document = _make_document(number, row, text_column, id_column)
            yield check_size(document, max_document_bytes)


def _parse_rows(
    chunks: Iterable[tuple[int, bytes]], part: FileRange, max_document_bytes: int
) -> Iterator[list[str] | str]:
    """Yields the rows that are not blank; a problem instead of a bad one."""
    lines = _DecodedLines(chunks)
    if part.file.format == "csv":
        reader = csv.reader(lines, strict=True)
    else:
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    while True:
        first_line = reader.line_num + 1
        lines.characters = 0
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended:
                raise ElectraError(
                    f"{part.file.path} has a quote in the row of line "
                    f"{first_line} that is never closed",
                    expected='quotes in pairs, as in "a ""b"" c"',
                    fix="Mend the row, or read a file without quotes as tsv.",
                ) from error
            too_large = lines.characters > max_document_bytes
            yield TOO_LARGE if too_large else CSV_INVALID
            continue
        if row:
            yield row


def _find_column(header: list[str] | str | None, key: str, path: str) -> int:
    """The number of a column; no header is None, and a bad one its problem."""
    if header is None and key.isdecimal():
        return int(key)
    names = header if isinstance(header, list) else []
    if key in names:
        return names.index(key)
    raise ElectraError(
        f"{path} has no column {key!r} but {', '.join(map(repr, names)) or 'none'}",
        expected="the names of the columns in the first row",
        fix="Set text_key and id_key to columns, or both to numbers from 0 on "
        "for files without a header.",
    )


def _make_document(
    number: int, row: list[str] | str, text_column: int, id_column: int | None
) -> RawDocument:
    if isinstance(row, str):
        return RawDocument(number, b"", row)
    if len(row) <= max(text_column, id_column or 0):
        return RawDocument(number, b"", COLUMN_MISSING)
    text = tidy_lines(encode_text(row[text_column]))
    return RawDocument(number, text, "", "" if id_column is None else row[id_column])
