"""Lines of JSON in, documents out: one object a line.

Reads what `lines.py` gives; `fields.py` finds the text in an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.fields import make_document
from beam_pipelines.readers.lines import (
    TOO_LARGE,
    get_stop,
    open_lines,
    split_lines,
)
from beam_pipelines.sources import FileRange

JSON_INVALID = "json_invalid"
# A line also holds other fields, and "\\ud55c" takes six bytes for three.
_LINE_BYTES_PER_DOCUMENT_BYTE = 4


def read_jsonl(
    part: FileRange, config: InputConfig, *, max_document_bytes: int
) -> Iterator[RawDocument]:
    """Reads a file of JSON objects, one a line; see `dispatch.read_documents`."""
    max_line_bytes = _LINE_BYTES_PER_DOCUMENT_BYTE * max_document_bytes
    with open_lines(part, max_line_bytes=max_line_bytes) as lines:
        for offset, line in split_lines(lines.chunks, get_stop(part), part.file):
            if len(line) > max_line_bytes:
                yield RawDocument(offset, b"", TOO_LARGE)
                continue
            row = _parse(line)
            if row is None:
                yield RawDocument(offset, b"", JSON_INVALID)
                continue
            yield make_document(
                offset, row, config, max_document_bytes=max_document_bytes
            )


def _parse(line: bytes) -> dict[str, object] | None:
    try:
        row = json.loads(line.decode(errors="surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
