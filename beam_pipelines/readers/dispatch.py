"""The door of the readers: picks one by the format of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.jsonl import read_jsonl
from beam_pipelines.readers.lines import read_lines
from beam_pipelines.readers.parquet import read_parquet
from beam_pipelines.readers.tables import read_table
from beam_pipelines.readers.text import read_text
from beam_pipelines.sources import FileRange


class _Reader(Protocol):
    def __call__(
        self, part: FileRange, config: InputConfig, *, max_document_bytes: int
    ) -> Iterator[RawDocument]: ...


_READERS: dict[str, _Reader] = {
    "text": read_text,
    "lines": read_lines,
    "jsonl": read_jsonl,
    "csv": read_table,
    "tsv": read_table,
    "parquet": read_parquet,
}


def read_documents(
    part: FileRange, config: InputConfig, *, max_document_bytes: int
) -> Iterator[RawDocument]:
    """Reads the documents that start in a range.

    Args:
        part: As `sources.plan_ranges` made it.
        config: Of the input that the file belongs to.
        max_document_bytes: A longer document becomes one without text and with
            the problem "too_large"; it is never held whole.

    Returns:
        The documents in the order of the file, also those without text and
        those that cannot be read, which have a `problem`.

    Raises:
        ElectraError: While iterating: the file is truncated or damaged, has
            other columns than `config` names, or an unclosed quote.
    """
    read = _READERS[part.file.format]
    return read(part, config, max_document_bytes=max_document_bytes)
