r"""Which lines of the corpus stand in evaluation files.

After `filters.py`, before documents are hashed. Only letters and digits
count, capitals as small letters: spacing differs between copies of a Korean
sentence. A run of `ngram_characters` of them that also stands in a row of an
evaluation file is a hit, also across the lines of a document. A row that is
shorter than such a run counts where a line equals it, or up to four lines in a
row, since the row may have been cut into sentences; it needs 12 letters or
digits at least. Still shorter rows, and runs and lines of fewer than 6 different
letters ("ㅋㅋㅋㅋ"), are found everywhere and so ignored; a row of which nothing is
left to find counts as ignored.

What is cut is the line. Each hit cuts at least one: a line is cut if hits cover
half of its letters, or half of a run.

    index = build_index({"test.tsv": rows})
    found = find_overlaps("\x00".join(documents), index)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.characters import running_count, window_starts
from beam_pipelines.evaluation_index import (
    MIN_ROW_LETTERS,
    EvaluationIndex,
    Letters,
    build_index,
    read_index,
    write_index,
)

__all__ = [
    "EvaluationIndex",
    "FileReport",
    "Overlaps",
    "build_index",
    "find_overlaps",
    "make_reports",
    "read_index",
    "write_index",
]

MAX_ROW_LINES = 4  # Lines that together may equal a row shorter than a run.


@dataclasses.dataclass(frozen=True)
class Overlaps:
    r"""What a joined text shares with evaluation files.

    Attributes:
        files: (documents,), the first file each shares something with, or -1.
        hits: (documents,), how many runs and whole lines each shares; lines
            that equal a row together count once.
        lines: (lines,), whether to cut each line of the text; lines end with
            "\n" or "\x00".
        rows: The rows of the index that were found, ascending.
        file_documents: (files,), documents that share something with each.
    """

    files: NDArray[np.int32]
    hits: NDArray[np.int64]
    lines: NDArray[np.bool_]
    rows: NDArray[np.int64]
    file_documents: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class FileReport:
    """What was found of one evaluation file.

    Attributes:
        file: Its name.
        rows: All rows.
        rows_ignored: Rows of which nothing can be found, being too short.
        rows_found: Rows that share something with the corpus.
        documents: Documents of the corpus that share something with it.
    """

    file: str
    rows: int
    rows_ignored: int
    rows_found: int
    documents: int


def find_overlaps(text: str, index: EvaluationIndex) -> Overlaps:
    r"""Searches documents for what they share with evaluation files.

    Args:
        text: Documents joined with "\x00", NFC.
        index: From `build_index`.
    """
    letters = Letters(text)
    length = index.ngram_characters
    runs = index.find_runs(letters)
    documents = np.searchsorted(letters.document_stops, runs, side="right")
    inside = runs + length <= letters.document_stops[documents]
    runs, documents = runs[inside], documents[inside]
    hit_runs, run_rows = _look_up(
        letters.hasher.spans(runs, runs + length), index.run_hashes, index.run_rows
    )

    lines, widths, hit_lines, line_rows = _find_short_rows(letters, index)
    cut = _cover_lines(letters, runs[hit_runs], length)
    for line, width in zip(lines[hit_lines], widths[hit_lines], strict=True):
        cut[line : line + width] = True
    return _sum_up(
        index,
        lines=cut,
        documents=np.append(
            documents[hit_runs], letters.line_documents[lines[hit_lines]]
        ),
        places=np.append(hit_runs, hit_lines + runs.size),
        rows=np.append(run_rows, line_rows).astype(np.int64),
        document_count=letters.document_starts.size,
    )


def _find_short_rows(
    letters: Letters, index: EvaluationIndex
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Finds rows that equal a line, or several lines together.

    Returns:
        First line and number of lines of each likely span; and pairs: position
        among these, row that equals it.
    """
    firsts, widths, hashes = [], [], []
    # A line without letters belongs to no row; as first or last line of a span
    # it would be cut with it, the empty line between two speakers too.
    has_letters = letters.line_stops > letters.line_starts
    first = np.flatnonzero(has_letters)
    for width in range(1, MAX_ROW_LINES + 1):
        first = first[first <= has_letters.size - width]
        last = first + width - 1
        sizes = letters.line_stops[last] - letters.line_starts[first]
        # What is too long stays so with a line more.
        is_short = sizes < index.ngram_characters
        is_short &= letters.line_documents[first] == letters.line_documents[last]
        first, last, sizes = first[is_short], last[is_short], sizes[is_short]
        is_row = (sizes >= MIN_ROW_LETTERS) & has_letters[last]
        rows = first[is_row]
        spans = letters.hasher.spans(
            letters.line_starts[rows], letters.line_stops[last[is_row]]
        )
        likely = index.find_lines(spans)
        firsts.append(rows[likely])
        widths.append(np.full(likely.size, width))
        hashes.append(spans[likely])
    hits, equal = _look_up(np.concatenate(hashes), index.line_hashes, index.line_rows)
    return np.concatenate(firsts), np.concatenate(widths), hits, equal


def _look_up(
    values: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
    rows: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Returns pairs: position among the values, row that holds this value."""
    first = np.searchsorted(hashes, values, side="left")
    stop = np.searchsorted(hashes, values, side="right")
    positions, counts = window_starts(first, stop, 1)
    return np.repeat(np.arange(values.size), counts), rows[positions]


def _cover_lines(
    letters: Letters, runs: NDArray[np.int64], length: int
) -> NDArray[np.bool_]:
    """Tells which lines the runs cover far enough to cut them."""
    if not runs.size:
        return np.zeros(letters.line_starts.size, np.bool_)
    change = np.zeros(letters.points.size + 1, np.int32)
    np.add.at(change, runs, 1)
    np.add.at(change, runs + length, -1)
    before = running_count(np.cumsum(change[:-1]) > 0)
    covered = before[letters.line_stops] - before[letters.line_starts]
    half = (letters.line_stops - letters.line_starts + 1) // 2
    return (covered > 0) & (covered >= np.minimum(half, length // 2))


def _sum_up(
    index: EvaluationIndex,
    *,
    lines: NDArray[np.bool_],
    documents: NDArray[np.int64],
    places: NDArray[np.int64],
    rows: NDArray[np.int64],
    document_count: int,
) -> Overlaps:
    """Sums up hits, given as triples of document, place in the text and row."""
    files = np.full(document_count, -1, np.int32)
    pairs = np.unique(np.stack([documents, index.row_files[rows]]), axis=1)
    files[pairs[0, ::-1]] = pairs[1, ::-1]  # The smallest file is written last.
    _, first = np.unique(places, return_index=True)
    return Overlaps(
        files=files,
        hits=np.bincount(documents[first], minlength=document_count),
        lines=lines,
        rows=np.unique(rows),
        file_documents=np.bincount(pairs[1], minlength=len(index.files)),
    )


def make_reports(
    index: EvaluationIndex, rows: Iterable[int], file_documents: Sequence[int]
) -> list[FileReport]:
    """Reports by evaluation file, over all texts searched.

    Args:
        index: From `build_index`.
        rows: All `Overlaps.rows`; the same row may come more than once.
        file_documents: The sum of all `Overlaps.file_documents`.
    """
    count = len(index.files)
    found = np.unique(np.fromiter(rows, np.int64))
    totals = np.bincount(index.row_files, minlength=count)
    ignored = np.bincount(index.row_files[index.row_ignored], minlength=count)
    hit = np.bincount(index.row_files[found], minlength=count)
    return [
        FileReport(*values)
        for values in zip(
            index.files,
            totals.tolist(),
            ignored.tolist(),
            hit.tolist(),
            map(int, file_documents),
            strict=True,
        )
    ]
