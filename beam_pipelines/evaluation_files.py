"""Evaluation files in, an index of their rows out; lines that stand there, cut.

Before the job `write_evaluation_index` reads the files and cleans their rows as
the corpus is cleaned; in it `documents.py` cuts with `cut_lines`; after it
`report_overlaps` sums up.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from beam_pipelines import storage
from beam_pipelines.cleaning.normalization import (
    join_documents,
    normalize_text,
    split_documents,
    tidy_lines,
)
from beam_pipelines.cleaning.personal_data import scrub
from beam_pipelines.cleaning.presets import PRESETS
from beam_pipelines.config import CleanConfig, DecontaminationConfig, InputConfig
from beam_pipelines.decontamination import (
    EvaluationIndex,
    build_index,
    find_overlaps,
    make_reports,
    read_index,
    write_index,
)
from beam_pipelines.readers.dispatch import read_documents
from beam_pipelines.sources import find_files, plan_ranges
from electra_keras.errors import UsageError

INDEX_FILE = "work/evaluation_index.npz"
_MAX_ROW_BYTES = 2**20
_EMPTY_LINES = re.compile("\n{3,}")


class CutText(NamedTuple):
    """What is left of joined documents.

    Attributes:
        text: The documents; one of which nothing is left is empty.
        lines: Lines cut.
        rows: Numbers of the rows found.
        file_documents: By evaluation file, documents that share something.
    """

    text: str
    lines: int
    rows: list[int]
    file_documents: list[int]


def write_evaluation_index(
    config: DecontaminationConfig, clean: CleanConfig, folder: str
) -> str:
    """Reads the evaluation files and writes their index.

    Args:
        config: Names the files.
        clean: How the corpus is cleaned; "!!!!!!" in a row would else not be
            found where the corpus has "!!".
        folder: Where the outputs are made.

    Returns:
        The path of the index; "" if there are no such files.

    Raises:
        UsageError: No such file, or a file without a row.
    """
    if not config.path:
        return ""
    rows = _read_rows(config)
    for path, texts in rows.items():
        if not texts:
            raise UsageError(
                f"no row of text in the evaluation file {path}",
                expected=f"rows with text in {config.text_key!r}",
                fix="Check decontamination.format and decontamination.text_key.",
            )
    rows = {path: _clean_rows(texts, clean) for path, texts in rows.items()}
    stream = io.BytesIO()
    write_index(build_index(rows, config.ngram_characters), stream)
    return storage.write_by_content(folder, INDEX_FILE, stream.getvalue())


def _read_rows(config: DecontaminationConfig) -> dict[str, list[str]]:
    """Reads the texts of each file."""
    rows: dict[str, list[str]] = {}
    # Plain text is a row a line here, whatever it is in the corpus.
    for key in config.text_key.split(","):
        source = InputConfig(config.path, format=config.format, text_key=key.strip())
        for file in find_files([source]):
            if config.format == "auto" and file.format == "text":
                file = dataclasses.replace(file, format="lines")
            found = rows.setdefault(file.path, [])
            for part in plan_ranges([file]):
                for document in read_documents(
                    part, source, max_document_bytes=_MAX_ROW_BYTES
                ):
                    if not document.problem:
                        found.append(document.text.decode("utf-8", "replace"))
    return rows


def _clean_rows(texts: list[str], clean: CleanConfig) -> list[str]:
    text = PRESETS[clean.preset].clean(normalize_text(join_documents(texts)))
    if clean.personal_data == "scrub":
        text, _ = scrub(text)
    return split_documents(tidy_lines(text), len(texts), "cleaning")


@functools.lru_cache(maxsize=2)
def load_index(path: str) -> EvaluationIndex:
    """Reads an index, once per process."""
    return read_index(io.BytesIO(storage.read_file(path)))


def cut_lines(text: str, index: EvaluationIndex) -> CutText:
    """Cuts the lines that stand in evaluation files.

    Args:
        text: Clean documents joined by NUL.
        index: From `load_index`.
    """
    found = find_overlaps(text, index)
    if not found.rows.size:
        return CutText(text, 0, [], found.file_documents.tolist())
    documents = text.split("\0")
    stops = np.cumsum([document.count("\n") + 1 for document in documents])
    for number in np.flatnonzero(found.files >= 0).tolist():
        start = int(stops[number - 1]) if number else 0
        is_cut = found.lines[start : stops[number]].tolist()
        lines = zip(documents[number].split("\n"), is_cut, strict=True)
        kept = "\n".join(line for line, cut in lines if not cut)
        # A turn that is gone must not leave two changes of speaker.
        documents[number] = _EMPTY_LINES.sub("\n\n", kept).strip("\n")
    return CutText(
        "\0".join(documents),
        int(found.lines.sum()),
        found.rows.tolist(),
        found.file_documents.tolist(),
    )


def report_overlaps(path: str, rows: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Sums up by evaluation file.

    Args:
        path: Of the index, or "".
        rows: Of all ranges: "overlap_rows" and "overlap_documents".
    """
    if not path:
        return []
    index = load_index(path)
    found: list[int] = []
    documents = np.zeros(len(index.files), np.int64)
    for row in rows:
        found += row.get("overlap_rows", [])
        documents += np.array(row.get("overlap_documents") or 0, np.int64)
    return [
        {
            "file": report.file,
            "rows": report.rows,
            "rows_ignored": report.rows_ignored,
            "rows_hit": report.rows_found,
            "documents_hit": report.documents,
        }
        for report in make_reports(index, found, documents.tolist())
    ]
