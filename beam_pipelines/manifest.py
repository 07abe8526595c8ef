"""Rows of counts in, `info.json` and `stats.json` out, and the final audit.

Reads the rows that `shards.py` gave; its checks are made from the data that
travelled through the pipeline, not from a runner's metrics.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apache_beam as beam

from beam_pipelines.options import PreprocessOptions
from beam_pipelines.output_folder import sync
from beam_pipelines.records import COMPRESSIONS
from beam_pipelines.shards import ShardSettings
from beam_pipelines.splitting import TRAIN, VALIDATION
from electra_keras.errors import ElectraError, UsageError

if TYPE_CHECKING:
    from electra_keras.data.info import DatasetInfo

ROWS_FILE = "rows.json"
STATS_FILE = "stats.json"


class _SaveRowsFn(beam.DoFn):
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def process(self, element: list[dict[str, Any]]) -> Iterator[None]:
        (Path(self._folder) / ROWS_FILE).write_text(json.dumps(element), "utf-8")
        yield None


class SaveRows(beam.PTransform):
    """Rows -> one file in the folder, for the driver to read."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, rows: beam.PCollection) -> beam.PCollection:
        """Adds the step to a pipeline."""
        return rows | beam.combiners.ToList() | beam.ParDo(_SaveRowsFn(self._folder))


def take_rows(folder: Path) -> list[dict[str, Any]]:
    """Reads and removes what `SaveRows` wrote."""
    path = folder / ROWS_FILE
    rows = json.loads(path.read_text("utf-8"))
    path.unlink()
    return rows


def check_rows(
    rows: Sequence[dict[str, Any]], folder: Path, *, validation_rate: float
) -> None:
    """Checks that nothing was lost and that no split is empty.

    Args:
        rows: Of all shards, and one with the counts of the readers.
        folder: Where the shards are.
        validation_rate: The fraction that was asked for.

    Raises:
        UsageError: The corpus, or a split of it, holds no example.
        ElectraError: Documents, examples or bytes are missing.
    """
    read = _counts(rows, "")
    kept = _counts(rows, TRAIN) + _counts(rows, VALIDATION)
    _check_equal(
        "documents", read["documents_read"] - read["documents_empty"], kept["documents"]
    )
    _check_equal("bytes of text", read["text_bytes"], kept["text_bytes"])
    _check_equal(
        "examples", kept["examples"], sum(row.get("examples", 0) for row in rows)
    )
    for row in rows:
        if row.get("file"):
            size_bytes = (folder / row["file"]).stat().st_size
            _check_equal(f"bytes in {row['file']}", row["bytes"], size_bytes)
    if not kept["examples"]:
        raise UsageError(
            f"an empty corpus: {read['documents_read']} documents, none with text",
            expected="text, its documents separated by blank lines",
            fix="Check --input.",
        )
    for split in (TRAIN, VALIDATION) if validation_rate else (TRAIN,):
        if not _counts(rows, split)["examples"]:
            raise UsageError(
                f"--validation_rate={validation_rate} leaves the {split} split of "
                f"{kept['documents']} documents empty",
                expected="documents in both splits",
                fix="Pass a lower rate."
                if split == TRAIN
                else "Pass a higher rate, or 0 for no validation split.",
            )


def _check_equal(what: str, expected: int, received: int) -> None:
    if expected != received:
        raise ElectraError(
            f"{received} {what} at the end of the run",
            expected=f"{expected}, as many as were read",
            fix="The runner lost data; run again with --runner=FnApiRunner.",
        )


def _counts(rows: Sequence[dict[str, Any]], split: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in rows:
        if row["split"] == split:
            total.update(row["counts"])
    return total


def make_stats(
    rows: Sequence[dict[str, Any]], *, sequence_length: int
) -> dict[str, Any]:
    """Makes the content of `stats.json`.

    Args:
        rows: Checked by `check_rows`.
        sequence_length: S, to tell the share of padding.

    Returns:
        Counts of the readers under "documents", and of each split under
        "splits"; shares are fractions in [0, 1].
    """
    read = _counts(rows, "")
    splits = {
        split: _split_stats(counts, sequence_length)
        for split in (TRAIN, VALIDATION)
        if (counts := _counts(rows, split))
    }
    dropped = {
        "empty": read["documents_empty"],
        "no_tokens": sum(x["documents_dropped_no_tokens"] for x in splits.values()),
    }
    return {
        "documents": {
            "read": read["documents_read"],
            "kept": read["documents_read"] - sum(dropped.values()),
            "dropped": dropped,
            "malformed_utf8": read["documents_malformed"],
        },
        "text_bytes": read["text_bytes"],
        "truncated_tokens": 0,  # By construction: the tail is carried over.
        "splits": splits,
    }


def _split_stats(counts: Counter[str], sequence_length: int) -> dict[str, Any]:
    examples = counts["examples"]
    slots = max(1, examples * sequence_length)
    return {
        "documents": counts["documents"] - counts["documents_no_tokens"],
        "documents_dropped_no_tokens": counts["documents_no_tokens"],
        "lines": counts["lines"],
        "text_bytes": counts["text_bytes"],
        "examples": examples,
        "single_segment_examples": counts["single_segment_examples"],
        "tokens": counts["tokens"],
        "text_tokens": counts["text_tokens"],
        "mean_tokens_per_example": round(counts["tokens"] / max(1, examples), 3),
        "padding_rate": round(1 - counts["tokens"] / slots, 6),
        "unknown_tokens": counts["unknown_tokens"],
        "unknown_token_rate": round(
            counts["unknown_tokens"] / max(1, counts["text_tokens"]), 6
        ),
    }


def write_manifest(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    stats: dict[str, Any],
    *,
    options: PreprocessOptions,
    settings: ShardSettings,
) -> None:
    """Writes `info.json`, `stats.json` and, last, `COMPLETED`."""
    from electra_keras.data.info import COMPLETED_FILE, INFO_FILE

    info = _make_info(rows, options, settings)
    texts = {
        INFO_FILE: info.to_json(),
        STATS_FILE: json.dumps(stats, indent=2) + "\n",
        COMPLETED_FILE: info.fingerprint + "\n",
    }
    for file in folder.iterdir():
        sync(file)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
        sync(folder / name)


def _make_info(
    rows: Sequence[dict[str, Any]],
    options: PreprocessOptions,
    settings: ShardSettings,
) -> DatasetInfo:
    from electra_keras import __version__
    from electra_keras.data.info import DatasetInfo, ShardInfo
    from electra_keras.data.tokenizer import TokenizerConfig

    fields = ("file", "examples", "tokens", "bytes", "sha256")
    splits: dict[str, list[ShardInfo]] = {TRAIN: []}
    for row in sorted(rows, key=lambda row: row.get("file", "")):
        if row.get("file"):
            shard = ShardInfo(**{field: row[field] for field in fields})
            splits.setdefault(row["split"], []).append(shard)
    return DatasetInfo(
        sequence_length=options.sequence_length,
        vocabulary_size=settings.vocabulary_size,
        vocabulary_sha256=settings.tokenizer.vocabulary_sha256,
        special_token_ids=settings.special_token_ids,
        tokenizer=TokenizerConfig(max_bytes_per_word=options.max_bytes_per_word),
        token_ids_dtype=settings.token_ids_dtype,
        compression=COMPRESSIONS[options.compression],
        splits={split: tuple(shards) for split, shards in splits.items()},
        features=_describe_features(options, settings),
        preprocess=options.recipe(),
        version=__version__,
    )


def _describe_features(
    options: PreprocessOptions, settings: ShardSettings
) -> dict[str, Any]:
    return {
        "token_ids": {
            "type": "bytes",
            "content": f"little-endian {settings.token_ids_dtype}, "
            "[CLS] a [SEP] (b [SEP]), no padding",
            "shape": [f"1..{options.sequence_length}"],
        },
        "first_segment_tokens": {
            "type": "int64",
            "content": "tokens of the first segment, its [CLS] and [SEP] included",
            "shape": [],
        },
    }


def summary_line(stats: dict[str, Any], output: str, elapsed_secs: float) -> str:
    """Returns what a run did, in one line."""
    documents = stats["documents"]
    examples = {split: x["examples"] for split, x in stats["splits"].items()}
    tokens = sum(x["tokens"] for x in stats["splits"].values())
    megabytes = stats["text_bytes"] / 1e6
    by_split = ", ".join(f"{count:,} {split}" for split, count in examples.items())
    malformed = documents["malformed_utf8"]
    note = f" ({malformed:,} had malformed UTF-8, replaced)" if malformed else ""
    return (
        f"{output}: {documents['kept']:,} documents{note}, {tokens:,} tokens, "
        f"{sum(examples.values()):,} examples ({by_split}), "
        f"{sum(documents['dropped'].values()):,} documents dropped, "
        f"{megabytes / elapsed_secs:.1f} MB/s, {tokens / elapsed_secs:,.0f} tokens/s, "
        f"{elapsed_secs:.1f} s"
    )
