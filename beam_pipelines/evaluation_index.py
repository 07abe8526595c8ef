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
    letters_of,
    look_at,
    window_starts,
)
from beam_pipelines.text_hashes import HashFilter, SpanHasher
from electra_keras.errors import UsageError

MIN_ROW_LETTERS = 12
MIN_DIFFERENT_LETTERS = 6  # Fewer are laughter or a rule, found everywhere.
_RUNS_AT_ONCE = 2**16


class Letters:
    r"""The letters and digits of a joined text, and where its spans lie in them.

    Args:
        text: Documents joined with "\x00".
    """

    def __init__(self, text: str):
        joined = look_at(text)
        letters = letters_of(joined.points)
        is_letter = letters != 0
        self.points = letters.take(np.flatnonzero(is_letter))
        self.hasher = SpanHasher(self.points)
        self.line_stops = _count_before(is_letter, joined.lines[1])
        self.line_starts = np.append(0, self.line_stops[:-1])
        is_last = joined.is_last_line
        self.document_stops = self.line_stops[is_last]
        self.document_starts = np.append(0, self.document_stops[:-1])
        self.line_documents: NDArray[np.int64] = np.cumsum(is_last) - is_last


def _count_before(
    mask: NDArray[np.bool_], stops: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Returns how many are true before each stop, where none is true itself.

    Args:
        mask: Of the text.
        stops: Of its lines, the last at its end.
    """
    if not mask.size:
        return np.zeros(stops.size, np.int64)
    starts = np.append(0, stops[:-1])
    return np.cumsum(np.add.reduceat(mask, starts, dtype=np.int64))


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
        probe_hashes: Of all probes within the runs.
    """

    files: tuple[str, ...]
    ngram_characters: int
    row_files: NDArray[np.int32]
    row_ignored: NDArray[np.bool_]
    run_hashes: NDArray[np.uint64]
    run_rows: NDArray[np.int32]
    line_hashes: NDArray[np.uint64]
    line_rows: NDArray[np.int32]
    probe_hashes: NDArray[np.uint64]

    @functools.cached_property
    def _line_filter(self) -> HashFilter:
        return HashFilter(self.line_hashes)

    @functools.cached_property
    def _probe_filter(self) -> HashFilter:
        return HashFilter(self.probe_hashes)

    def find_lines(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Returns which hashes of lines are worth a search."""
        return self._line_filter.find(hashes)

    def find_runs(self, letters: Letters) -> NDArray[np.int64]:
        """Returns the places of a text that are worth a search for runs.

        Every run holds a probe that begins at a multiple of the stride, so only
        these places are looked at.
        """
        if not self.probe_hashes.size:
            return np.zeros(0, np.int64)
        stride, probe = probe_sizes(self.ngram_characters)
        hashes = letters.hasher.windows(probe, stride)
        found = self._probe_filter.find(hashes)
        place = np.searchsorted(self.probe_hashes[:-1], hashes[found])
        found = found[self.probe_hashes[place] == hashes[found]]
        runs = np.unique(found[:, np.newaxis] * stride - np.arange(stride))
        last = letters.points.size - self.ngram_characters
        return runs[(runs >= 0) & (runs <= last)]


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
        probe_hashes=_hash_probes(letters, runs, ngram_characters),
    )


def probe_sizes(ngram_characters: int) -> tuple[int, int]:
    """How far apart probes of a text begin, and how many letters each has."""
    stride = max(1, ngram_characters // 4)
    return stride, ngram_characters - stride + 1


def _hash_probes(
    letters: Letters, runs: NDArray[np.int64], ngram_characters: int
) -> NDArray[np.uint64]:
    stride, probe = probe_sizes(ngram_characters)
    starts = np.unique(runs[:, np.newaxis] + np.arange(stride))
    return np.unique(letters.hasher.spans(starts, starts + probe))


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
