"""Examples and rejected documents of a finished folder, read back.

Feeds the command `inspect`. Nothing is read before it is asked for.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from electra_keras.errors import ElectraError, UsageError

if TYPE_CHECKING:
    from electra_keras.data.info import DatasetInfo

REJECTED_FOLDER = "rejected"
_BATCH_EXAMPLES = 128


@dataclasses.dataclass(frozen=True)
class Example:
    """One example, decoded.

    Attributes:
        number: Its place in the split, from 0.
        shard: Name of its file.
        token_ids: Without padding.
        tokens: The vocabulary's entries of these ids.
        segment_ids: 0 or 1 for each token.
        block_ids: Of a dense row: 1, 2, ... for each token; else none.
    """

    number: int
    shard: str
    token_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    segment_ids: tuple[int, ...]
    block_ids: tuple[int, ...] = ()

    def holds(self, text: str) -> bool:
        """Whether a text stands in it, white space aside.

        White space is not compared, since tokens do not hold it.
        """
        pieces = (token.removeprefix("##") for token in self.tokens)
        return _squeeze(text) in "".join(pieces)


def read_examples(
    folder: Path, info: DatasetInfo, split: str, *, skip: int = 0
) -> Iterator[Example]:
    """Reads the examples of a split, in the order of the shards.

    Args:
        folder: Of the data.
        info: Its `info.json`.
        split: Such as "train".
        skip: Examples to pass over; whole shards are not opened for it.

    Raises:
        UsageError: There is no such split.
        ElectraError: A shard is damaged.
    """
    from electra_keras.data.info import load_vocabulary

    if split not in info.splits:
        raise UsageError(
            f"--split={split}",
            expected=f"one of {', '.join(info.splits)}",
            fix="Choose one of these.",
        )
    entries = load_vocabulary(folder, info).entries
    return _read_shards(folder, info, entries, split=split, skip=skip)


def _read_shards(
    folder: Path, info: DatasetInfo, entries: tuple[str, ...], *, split: str, skip: int
) -> Iterator[Example]:
    number = 0
    for shard in info.splits[split]:
        passed = min(max(0, skip - number), shard.examples)
        if passed < shard.examples:
            path, first = folder / shard.file, number + passed
            yield from _read_shard(path, info, entries, skip=passed, first=first)
        number += shard.examples


def _read_shard(
    path: Path, info: DatasetInfo, entries: tuple[str, ...], *, skip: int, first: int
) -> Iterator[Example]:
    import tensorflow as tf

    from electra_keras.data.features import parse_examples

    records = tf.data.TFRecordDataset(str(path), compression_type=info.compression)
    number = first
    try:
        for batch in records.skip(skip).batch(_BATCH_EXAMPLES):
            rows = parse_examples(
                batch, info.sequence_length, info.token_ids_dtype, info.packing
            )
            columns = {name: value.numpy() for name, value in rows.items()}
            for place, size in enumerate(columns.pop("padding_mask").sum(axis=1)):
                row = {n: tuple(x[place, :size].tolist()) for n, x in columns.items()}
                tokens = tuple(entries[token_id] for token_id in row["token_ids"])
                yield Example(number, path.name, tokens=tokens, **row)
                number += 1
    except (tf.errors.OpError, IndexError) as error:
        raise ElectraError(
            f"{path} is damaged ({str(error).splitlines()[0]})",
            expected="a shard as info.json describes it",
            fix="Copy it again, or preprocess again.",
        ) from error


def read_rejected(folder: Path, reason: str = "") -> Iterator[dict[str, Any]]:
    """Reads the documents that were left out.

    Args:
        folder: Of the data.
        reason: Only those of this reason; "" for all.

    Yields:
        Rows with reason, source, offset, id and text.

    Raises:
        UsageError: None was rejected, or none for this reason.
        ElectraError: A file is damaged.
    """
    found: set[str] = set()
    for path in sorted((folder / REJECTED_FOLDER).glob("*.jsonl.gz")):
        for row in _read_lines(path):
            found.add(row["reason"])
            if reason in ("", row["reason"]):
                yield row
    if not found or reason not in ("", *found):
        known = ", ".join(sorted(found))
        raise UsageError(
            f"{folder} has no document rejected as {reason}"
            if reason
            else f"{folder} has no rejected documents",
            expected=f"one of {known}" if known else f"files in {REJECTED_FOLDER}/",
            fix="Choose one of these." if known else "Look at stats.json.",
        )


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    except (EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise ElectraError(
            f"{path} is damaged ({error})",
            expected="gzip of JSON lines",
            fix="Copy it again, or preprocess again.",
        ) from error


def _squeeze(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split())


def holds(row: dict[str, Any], text: str) -> bool:
    """Whether a text stands in a rejected document, white space aside."""
    return _squeeze(text) in _squeeze(row["text"])
