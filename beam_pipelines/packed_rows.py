"""What goes into packing and what comes out: both flat.

Used by `packing.py` and `encoding.py`. A row is a list of spans of one long
array, so that no small array is made per sentence or row.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from beam_pipelines.config import MIN_SEQUENCE_LENGTH, PACKINGS
from electra_keras.errors import UsageError

Span = tuple[int, int]  # Start and stop in the documents' token ids.
SINGLE_SEGMENT_RATE = 0.1
SHORT_EXAMPLE_RATE = 0.05


@dataclasses.dataclass(frozen=True)
class PackingSettings:
    """How documents become rows.

    Attributes:
        sequence_length: S, the most tokens of a row, specials included.
        cls_id: Id of [CLS].
        sep_id: Id of [SEP].
        packing: "reference", "dense" or "short".
        seed: Of the reference packing.
        single_segment_rate: Reference: fraction of rows with one segment only.
        short_example_rate: Reference: fraction of rows with a random target
            length in [5, S]. They end at the first sentence end past it.

    Raises:
        UsageError: No such packing, or rows too short to hold anything.
    """

    sequence_length: int
    cls_id: int
    sep_id: int
    packing: str = "reference"
    seed: int = 1
    single_segment_rate: float = SINGLE_SEGMENT_RATE
    short_example_rate: float = SHORT_EXAMPLE_RATE

    def __post_init__(self) -> None:
        if self.packing not in PACKINGS:
            raise UsageError(
                f"packing {self.packing!r}",
                expected=f"one of {', '.join(PACKINGS)}",
                fix="Correct the name.",
            )
        if self.sequence_length < MIN_SEQUENCE_LENGTH:
            raise UsageError(
                f"sequence_length {self.sequence_length}",
                expected=f"{MIN_SEQUENCE_LENGTH} or more",
                fix="Raise it.",
            )


@dataclasses.dataclass(frozen=True)
class TokenizedDocuments:
    """The token ids of documents, as a ragged tensor holds them.

    Attributes:
        token_ids: integer (N,). Of all lines, one after the other, no specials.
        line_splits: integer (L + 1,). Line i is
            token_ids[line_splits[i] : line_splits[i + 1]]; it may be empty.
        document_splits: integer (D + 1,). Document d has the lines from
            document_splits[d] to before document_splits[d + 1].
        turn_starts: bool (L,). Lines before which the speaker changes; the empty
            line that says so may be marked instead. None: no dialogues.
    """

    token_ids: np.ndarray
    line_splits: np.ndarray
    document_splits: np.ndarray
    turn_starts: np.ndarray | None = None

    @property
    def token_splits(self) -> np.ndarray:
        """int64 (D + 1,): where each document's tokens start."""
        return np.asarray(self.line_splits, np.int64)[self.document_splits]


@dataclasses.dataclass(frozen=True)
class PackedRows:
    """Rows in the order of the documents, flat.

    Attributes:
        token_ids: integer (T,). All rows, one after the other, with specials.
        row_splits: int64 (R + 1,). Row r is
            token_ids[row_splits[r] : row_splits[r + 1]].
        first_segment_tokens: int64 (R,). Tokens of the first segment, specials
            included; of all blocks in dense rows.
        block_tokens: uint16 (K,). Tokens of each block, specials included; a
            row's sum is its tokens. None but in dense rows.
        block_splits: int64 (R + 1,). Where each row's blocks start, or None.
    """

    token_ids: np.ndarray
    row_splits: np.ndarray
    first_segment_tokens: np.ndarray
    block_tokens: np.ndarray | None = None
    block_splits: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.first_segment_tokens)

    @property
    def row_tokens(self) -> np.ndarray:
        """int64 (R,): tokens of each row."""
        return np.diff(self.row_splits)

    @property
    def single_segment_rows(self) -> int:
        """Rows with one segment."""
        return int(np.count_nonzero(self.first_segment_tokens == self.row_tokens))

    @property
    def special_tokens(self) -> int:
        """[CLS] and [SEP] of all rows; the rest are tokens of the text."""
        if self.block_tokens is not None:
            return 2 * len(self.block_tokens)
        return 3 * len(self) - self.single_segment_rows


def make_splits(lengths: np.ndarray) -> np.ndarray:
    """Returns where parts of these lengths start, and their end: int64."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


class RowBuilder:
    """Collects rows as spans and gathers their tokens at the end.

    Args:
        token_ids: integer (N,). The documents' tokens, no specials.
        cls_id: Id of [CLS].
        sep_id: Id of [SEP].
    """

    def __init__(self, token_ids: np.ndarray, cls_id: int, sep_id: int):
        # The specials are spans too, behind the text.
        self._source = np.append(token_ids, np.array([cls_id, sep_id], np.int32))
        end = len(token_ids)
        self._cls, self._sep = (end, end + 1), (end + 1, end + 2)
        self._spans: list[Span] = []
        self._first_ends: list[int] = []
        self._row_ends: list[int] = []

    def add(self, first: Sequence[Span], second: Sequence[Span] = ()) -> None:
        """Adds the row [CLS] first [SEP] (second [SEP])."""
        spans = self._spans
        spans += (self._cls, *first, self._sep)
        self._first_ends.append(len(spans))
        if second:
            spans += (*second, self._sep)
        self._row_ends.append(len(spans))

    def build(self) -> PackedRows:
        """Gathers the tokens of all rows."""
        offsets = itertools.chain.from_iterable(self._spans)
        spans = np.fromiter(offsets, np.int64, 2 * len(self._spans)).reshape(-1, 2)
        starts, lengths = spans[:, 0], spans[:, 1] - spans[:, 0]
        span_splits = make_splits(lengths)
        row_splits = span_splits[np.array([0, *self._row_ends])]
        return PackedRows(
            gather_spans(self._source, starts, lengths),
            row_splits,
            span_splits[np.array(self._first_ends, np.int64)] - row_splits[:-1],
        )


def gather_spans(
    source: np.ndarray, starts: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """Concatenates spans of `source`, given as int64 starts and lengths."""
    before = np.cumsum(lengths) - lengths
    # Half the memory to walk through, where the offsets fit.
    dtype = np.int32 if len(source) < 2**31 else np.int64
    index = np.repeat((starts - before).astype(dtype), lengths)
    index += np.arange(len(index), dtype=dtype)
    return source.take(index)
