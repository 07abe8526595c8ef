"""Rows of counts in, the audit and the files that describe the folder out.

Reads the rows of both jobs; its checks are made from what travelled with the
data, not from a runner's metrics.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import yaml

from beam_pipelines import storage
from beam_pipelines.jobs import Row
from beam_pipelines.records import COMPRESSIONS
from beam_pipelines.rejected import check_readable
from beam_pipelines.shard_counts import rejected_counts, total_counts
from beam_pipelines.shards import ShardSettings
from beam_pipelines.splitting import SPLITS, TRAIN
from electra_keras.errors import ElectraError, UsageError

if TYPE_CHECKING:
    from electra_keras.data.info import DatasetInfo

_FEW_DOCUMENTS = 3
STATS_FILE = "stats.json"
MANIFEST_FILE = "manifest.json"
CONFIG_FILE = "config.yaml"
_YAML_STYLE: dict[str, Any] = {"sort_keys": False, "allow_unicode": True}


def check_rows(
    read: Sequence[Row], written: Sequence[Row], settings: ShardSettings
) -> None:
    """Checks that nothing was lost and that no split is empty.

    Args:
        read: Rows of all ranges.
        written: Rows of all shards.
        settings: Of all shards.

    Raises:
        UsageError: The corpus, or a split of it, holds no example, or too
            many documents cannot be read.
        ElectraError: Documents, examples or bytes are missing.
    """
    readers, writers = total_counts(read), total_counts(written)
    rejected = rejected_counts([*read, *written])
    _check_equal("documents", readers["documents_sent"], writers["documents_in"])
    _check_equal(
        "documents",
        readers["documents_read"],
        writers["documents"] + rejected.total() + readers["documents_sampled_out"],
    )
    _check_equal(
        "examples", writers["examples"], sum(row.get("examples", 0) for row in written)
    )
    for row in written:
        if row["file"]:
            path = storage.join(settings.folder, row["file"])
            if not storage.exists(path):
                _check_equal(f"files {row['file']}", 1, 0)
    check_readable(readers, rejected, settings.config.read)
    _check_splits(readers, written, settings)


def _check_equal(what: str, expected: int, received: int) -> None:
    if expected != received:
        raise ElectraError(
            f"{received} {what} at the end of the run",
            expected=f"{expected}, as many as were read",
            fix="The runner lost data; run again with --runner=FnApiRunner.",
        )


def _check_splits(
    readers: Counter[str], written: Sequence[Row], settings: ShardSettings
) -> None:
    counts = {split: _split_counts(written, split) for split in SPLITS}
    kept = sum(count["documents"] for count in counts.values())
    if not kept:
        raise UsageError(
            f"an empty corpus: {readers['documents_read']} documents, none left",
            expected="text, its documents separated by blank lines",
            fix="Check --input and the filters.",
        )
    shards = settings.config.shards
    rates = {"validation": shards.validation_rate, "test": shards.test_rate}
    wanted = [TRAIN, *(split for split, rate in rates.items() if rate)]
    for split in wanted:
        if not counts[split]["examples"]:
            flag = "validation_rate" if split == TRAIN else f"{split}_rate"
            fix = (
                "Pass a lower rate."
                if split == TRAIN
                else "Pass a higher rate, or 0 for no such split."
            )
            if kept <= _FEW_DOCUMENTS:
                fix += " If each line is a document, pass --format=lines."
            raise UsageError(
                f"--{flag}={getattr(shards, flag)} leaves the {split} split of "
                f"{kept} documents empty",
                expected="documents in every split",
                fix=fix,
            )


def _split_counts(rows: Sequence[Row], split: str) -> Counter[str]:
    return total_counts(row for row in rows if row["split"] == split)


def split_stats(rows: Sequence[Row], sequence_length: int) -> dict[str, Any]:
    """Makes the part of `stats.json` that is about the splits."""
    found = {}
    for split in SPLITS:
        counts = _split_counts(rows, split)
        if counts["examples"]:
            found[split] = _describe_split(counts, sequence_length)
    return found


def _describe_split(counts: Counter[str], sequence_length: int) -> dict[str, Any]:
    examples = counts["examples"]
    names = (
        *("documents", "copies", "lines", "text_bytes", "examples"),
        *("single_segment_examples", "blocks", "tokens", "text_tokens"),
        "unknown_tokens",
    )
    return {name: counts[name] for name in names} | {
        "mean_tokens_per_example": round(counts["tokens"] / examples, 3),
        "padding_rate": round(1 - counts["tokens"] / (examples * sequence_length), 6),
        "unknown_token_rate": round(
            counts["unknown_tokens"] / max(1, counts["text_tokens"]), 6
        ),
        "pieces_per_word": round(counts["text_tokens"] / max(1, counts["words"]), 3),
    }


def write_manifest(
    rows: Sequence[Row],
    stats: dict[str, Any],
    settings: ShardSettings,
    description: dict[str, Any],
) -> DatasetInfo:
    """Writes `info.json`, `stats.json`, `manifest.json` and `config.yaml`.

    Args:
        rows: Of all shards.
        stats: The content of `stats.json`.
        settings: Of all shards.
        description: Of the job: inputs, settings, version.

    Returns:
        The content of `info.json`.
    """
    from electra_keras.data.info import INFO_FILE

    info = _make_info(rows, settings)
    shards = [
        {name: row[name] for name in ("split", "file", "examples", "tokens", "bytes")}
        | {"sha256": row["sha256"]}
        for row in rows
        if row["file"]
    ]
    manifest = {k: v for k, v in description.items() if k != "settings"}
    manifest |= {"fingerprint": info.fingerprint, "shards": shards}
    texts = {
        INFO_FILE: info.to_json(),
        STATS_FILE: json.dumps(stats, indent=2, ensure_ascii=False) + "\n",
        MANIFEST_FILE: json.dumps(manifest, indent=2, ensure_ascii=False) + "\n",
        CONFIG_FILE: yaml.safe_dump(settings.config.recipe(), **_YAML_STYLE),
    }
    for name, text in texts.items():
        data = text.encode("utf-8", "replace")
        storage.write_file(storage.join(settings.folder, name), [data])
    return info


def _make_info(rows: Sequence[Row], settings: ShardSettings) -> DatasetInfo:
    from electra_keras import __version__
    from electra_keras.data.info import DatasetInfo, ShardInfo
    from electra_keras.data.vocabulary import TokenizerConfig

    config = settings.config
    splits: dict[str, list[ShardInfo]] = {TRAIN: []}
    for row in rows:
        if row["file"]:
            fields = ("file", "examples", "tokens", "bytes", "sha256")
            shard = ShardInfo(**{field: row[field] for field in fields})
            splits.setdefault(row["split"], []).append(shard)
    return DatasetInfo(
        sequence_length=config.packing.sequence_length,
        vocabulary_size=settings.vocabulary_size,
        vocabulary_sha256=settings.tokenizer.vocabulary_sha256,
        special_token_ids=settings.special_token_ids,
        tokenizer=TokenizerConfig(max_bytes_per_word=config.packing.max_bytes_per_word),
        token_ids_dtype=settings.token_ids_dtype,
        compression=COMPRESSIONS[config.shards.compression],
        packing=config.packing.kind,
        splits={split: tuple(shards) for split, shards in splits.items()},
        features=_describe_features(settings),
        preprocess=config.recipe(),
        version=__version__,
    )


def _describe_features(settings: ShardSettings) -> dict[str, Any]:
    packing = settings.config.packing
    is_dense = packing.kind == "dense"
    content = "[CLS] text [SEP], repeated" if is_dense else "[CLS] a [SEP] (b [SEP])"
    features: dict[str, Any] = {
        "token_ids": {
            "type": "bytes",
            "content": f"little-endian {settings.token_ids_dtype}, {content}, "
            "no padding",
            "shape": [f"1..{packing.sequence_length}"],
        },
        "first_segment_tokens": {
            "type": "int64",
            "content": "tokens of the first segment, its [CLS] and [SEP] included",
            "shape": [],
        },
    }
    if is_dense:
        features["block_tokens"] = {
            "type": "bytes",
            "content": "little-endian uint16, tokens of each block",
            "shape": ["1.."],
        }
    return features


def summary_line(stats: dict[str, Any], output: str, elapsed_secs: float) -> str:
    """Returns what a run did, in one line."""
    documents = stats["documents"]
    examples = {split: x["examples"] for split, x in stats["splits"].items()}
    tokens = sum(x["tokens"] for x in stats["splits"].values())
    read_bytes = stats["funnel"][0]["text_bytes"]
    by_split = ", ".join(f"{count:,} {split}" for split, count in examples.items())
    reasons = documents["rejected"]
    malformed = documents["malformed_utf8"] - reasons.get("malformed_utf8", 0)
    note = f" ({malformed:,} had malformed UTF-8, replaced)" if malformed else ""
    listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
    return (
        f"{output}: {documents['kept']:,} documents{note}, {tokens:,} tokens, "
        f"{sum(examples.values()):,} examples ({by_split}), "
        f"{sum(reasons.values()):,} documents dropped"
        f"{f' ({listed})' if listed else ''}, "
        f"{read_bytes / 1e6 / elapsed_secs:.1f} MB/s, "
        f"{tokens / elapsed_secs:,.0f} tokens/s, {elapsed_secs:.1f} s"
    )
