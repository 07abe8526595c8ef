"""The rows of evaluation files, made ready for a fast search.

Below `decontamination.py`, which says what counts as an overlap.
"""

from __future__ import annotations

import dataclasses
import functools
import unicodedata
from collections.abc import Mapping, Sequence
from typing import IO

import numpy as np
from numpy.typing import NDArray

from beam_pipelines.characters import (
    DIGIT,
    HANGUL,
    classify,
    code_points,
    document_spans,
    line_spans,
    lowercase,
    running_count,
    window_starts,
)
from beam_pipelines.text_hashes import SpanHasher
from electra_keras.errors import UsageError

MIN_ROW_LETTERS = 12
MIN_DIFFERENT_LETTERS = 6  # Fewer are laughter or a rule, found everywhere.
_RUNS_AT_ONCE = 2**16
_SLOT_BITS = 24
_SLOT_SHIFT = np.uint64(64 - _SLOT_BITS)


def _take_second_slot(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (hashes << np.uint64(_SLOT_BITS)) >> _SLOT_SHIFT


class Letters:
    r"""The letters and digits of a joined text, and where its spans lie in them.

    Args:
        text: Documents joined with "\x00".
    """

    def __init__(self, text: str):
        points = code_points(text)
        classes = classify(points)
        is_letter = (classes >= HANGUL) & (classes <= DIGIT)
        before = running_count(is_letter).astype(np.int64)
        self.points = lowercase(points.take(np.flatnonzero(is_letter)))
        self.hasher = SpanHasher(self.points)
        starts, document_stops = document_spans(points)
        self.document_starts = before[starts]
        self.document_stops = before[document_stops]
        starts, line_stops = line_spans(points)
        self.line_starts = before[starts]
        self.line_stops = before[line_stops]
        self.line_documents = np.searchsorted(document_stops, line_stops)


@dataclasses.dataclass(frozen=True)
class EvaluationIndex:
    """The rows of evaluation files, as hashes.

    Attributes:
        files: Names, in the order of their numbers.
        ngram_characters: Letters and digits of a run.
        row_files: (rows,), the file of each row.
        row_ignored: (rows,), whether nothing of it can be found.
        run_hashes: Of all runs, ascending.
        run_rows: The row of each of them.
        line_hashes: Of the rows that count as a whole line, ascending.
        line_rows: The row of each of them.
    """

    files: tuple[str, ...]
    ngram_characters: int
    row_files: NDArray[np.int32]
    row_ignored: NDArray[np.bool_]
    run_hashes: NDArray[np.uint64]
    run_rows: NDArray[np.int32]
    line_hashes: NDArray[np.uint64]
    line_rows: NDArray[np.int32]

    @functools.cached_property
    def _slots(self) -> NDArray[np.bool_]:
        slots = np.zeros(2**_SLOT_BITS, np.bool_)
        for hashes in (self.run_hashes, self.line_hashes):
            slots[hashes >> _SLOT_SHIFT] = True
            slots[_take_second_slot(hashes)] = True
        return slots

    def may_hold(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Returns the positions of the few hashes that are worth a search."""
        positions = np.flatnonzero(self._slots.take(hashes >> _SLOT_SHIFT))
        return positions[self._slots.take(_take_second_slot(hashes[positions]))]


def build_index(
    rows_by_file: Mapping[str, Sequence[str]], ngram_characters: int = 32
) -> EvaluationIndex:
    """Makes an index to search for rows of evaluation files.

    Args:
        rows_by_file: The texts of each file, in any normal form.
        ngram_characters: Letters and digits of a run.

    Raises:
        UsageError: Runs are shorter than rows that are ignored.
    """
    if ngram_characters < MIN_ROW_LETTERS:
        raise UsageError(
            f"ngram_characters={ngram_characters}",
            expected=f"{MIN_ROW_LETTERS} letters or more, fewer are found by chance",
            fix="Leave it at 32.",
        )
    rows = [row for rows in rows_by_file.values() for row in rows]
    row_files = np.repeat(
        np.arange(len(rows_by_file), dtype=np.int32),
        [len(rows) for rows in rows_by_file.values()],
    )
    text = "\0".join(row.replace("\0", " ") for row in rows)
    letters = Letters(unicodedata.normalize("NFC", text))
    starts = letters.document_starts[: len(rows)]  # No row at all is no document.
    stops = letters.document_stops[: len(rows)]
    runs, run_rows = _choose_runs(letters.points, starts, stops, ngram_characters)
    lines = _choose_lines(letters.points, starts, stops, ngram_characters)
    row_ignored = np.ones(len(rows), np.bool_)
    row_ignored[run_rows] = False
    row_ignored[lines] = False
    run_hashes, run_rows = _order(
        letters.hasher.windows(ngram_characters)[runs], run_rows
    )
    line_hashes, line_rows = _order(
        letters.hasher.spans(starts[lines], stops[lines]), lines
    )
    return EvaluationIndex(
        files=tuple(rows_by_file),
        ngram_characters=ngram_characters,
        row_files=row_files,
        row_ignored=row_ignored,
        run_hashes=run_hashes,
        run_rows=run_rows.astype(np.int32),
        line_hashes=line_hashes,
        line_rows=line_rows.astype(np.int32),
    )


def _choose_runs(
    points: NDArray[np.uint32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    length: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the starts of the runs to search for, and the row of each."""
    runs, counts = window_starts(starts, stops, length)
    rows = np.repeat(np.arange(starts.size), counts)
    is_varied = np.zeros(runs.size, np.bool_)
    for begin in range(0, runs.size, _RUNS_AT_ONCE):
        part = slice(begin, begin + _RUNS_AT_ONCE)
        windows = np.sort(points[runs[part, np.newaxis] + np.arange(length)])
        different = (windows[:, 1:] != windows[:, :-1]).sum(axis=1) + 1
        is_varied[part] = different >= MIN_DIFFERENT_LETTERS
    return runs[is_varied], rows[is_varied]


def _choose_lines(
    points: NDArray[np.uint32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    length: int,
) -> NDArray[np.int64]:
    """Returns the rows without runs that count as a whole line."""
    sizes = stops - starts
    rows = np.flatnonzero((sizes >= MIN_ROW_LETTERS) & (sizes < length))
    different = [len(set(points[starts[row] : stops[row]].tolist())) for row in rows]
    return rows[np.array(different, np.int64) >= MIN_DIFFERENT_LETTERS]


def _order(
    hashes: NDArray[np.uint64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Orders pairs of hash and row, each once."""
    order = np.lexsort((rows, hashes))
    hashes, rows = hashes[order], rows[order]
    is_new = np.ones(hashes.size, np.bool_)
    is_new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    return hashes[is_new], rows[is_new]


def write_index(index: EvaluationIndex, stream: IO[bytes]) -> None:
    """Writes an index as an .npz file."""
    np.savez(stream, **dataclasses.asdict(index))


def read_index(stream: IO[bytes]) -> EvaluationIndex:
    """Reads what `write_index` wrote."""
    with np.load(stream) as arrays:
        values = {name: arrays[name] for name in arrays.files}
    values["files"] = tuple(values["files"].tolist())
    values["ngram_characters"] = int(values["ngram_characters"])
    return EvaluationIndex(**values)
