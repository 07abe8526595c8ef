"""Rows of all stations in, the content of `stats.json` out.

Reads the rows of ranges, shards and near-duplicates, feeds `manifest.py` and
the report. Everything in it follows from the data: no time, no runner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from beam_pipelines.config import DataConfig
from beam_pipelines.copies import describe_id
from beam_pipelines.document_ids import count_duplicate_ids
from beam_pipelines.document_profile import add_histograms
from beam_pipelines.documents import STAGES
from beam_pipelines.jobs import Row
from beam_pipelines.manifest import split_stats
from beam_pipelines.shard_counts import (
    rejected_counts,
    total_counts,
    used_entries,
)
from beam_pipelines.shards import ShardSettings

_TOP = 20
_SAMPLES = 3


def make_stats(
    read: Sequence[Row],
    written: Sequence[Row],
    settings: ShardSettings,
    *,
    near: Mapping[str, Any] | None = None,
    overlaps: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Makes the content of `stats.json`.

    Args:
        read: Rows of all ranges, in their order.
        written: Rows of all shards, in their order.
        settings: Of all shards.
        near: What the search for near-duplicates found, if there was one.
        overlaps: By evaluation file, from `report_overlaps`.
    """
    readers, writers = total_counts(read), total_counts(written)
    rejected = rejected_counts([*read, *written])
    if readers["documents_sampled_out"]:
        rejected["sampled_out"] = readers["documents_sampled_out"]
    splits = split_stats(written, settings.config.packing.sequence_length)
    return {
        "documents": {
            "read": readers["documents_read"],
            "kept": writers["documents"],
            "measured": readers["documents_measured"],
            "rejected": dict(sorted(rejected.items())),
            "malformed_utf8": readers["documents_malformed"],
            "copies": writers["copies"],
            **_duplicate_ids(read, settings),
        },
        "funnel": _funnel(readers, writers),
        "inputs": _inputs(read, written, settings),
        "text_bytes": writers["text_bytes"],
        "truncated_tokens": 0,  # By construction: the tail is carried over.
        **_personal_data(read, settings),
        "decontamination": list(overlaps),
        "lines_cut": readers["lines_cut"],
        "duplicates": {
            "exact": _copies(writers, rejected, written),
            **_near_duplicates(rejected, written, near, settings),
        },
        "histograms": add_histograms(
            [row.get("histograms", {}) for row in (*read, *written)]
        ),
        "languages": dict(_add(row["languages"] for row in read)),
        "samples": _first_of_each(read, "samples", "stage"),
        "rejected_samples": _first_of_each(
            [*read, *written], "rejected_samples", "reason"
        ),
        "splits": splits,
        "vocabulary": {
            "entries": settings.vocabulary_size,
            "used": used_entries(written, settings.vocabulary_size),
            "words": writers["words"],
            "unknown_token_rate": round(
                writers["unknown_tokens"] / max(1, writers["text_tokens"]), 6
            ),
            "pieces_per_word": round(
                writers["text_tokens"] / max(1, writers["words"]), 3
            ),
        },
    }


def _add(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return total


def _duplicate_ids(read: Sequence[Row], settings: ShardSettings) -> dict[str, int]:
    if not any(source.id_key for source in settings.config.inputs):
        return {}  # Documents have no names.
    return {"duplicate_ids": count_duplicate_ids(read, settings.folder)}


def _personal_data(read: Sequence[Row], settings: ShardSettings) -> dict[str, Any]:
    if settings.config.clean.personal_data == "keep":
        return {}  # Nothing was looked for.
    found = _add(row["personal_data"] for row in read)
    return {"personal_data": dict(sorted(found.items()))}


def _funnel(readers: Counter[str], writers: Counter[str]) -> list[dict[str, Any]]:
    stages = [
        {"stage": stage, "documents": readers[documents], "text_bytes": readers[size]}
        for stage, documents, size in STAGES
    ]
    kept = {
        "stage": "deduplicate and pack",
        "documents": writers["documents"],
        "text_bytes": writers["text_bytes"],
    }
    return [*stages, kept]


def _inputs(
    read: Sequence[Row], written: Sequence[Row], settings: ShardSettings
) -> dict[str, Any]:
    config: DataConfig = settings.config
    files = Counter(index for _, index in settings.sources)
    kept = _add(row.get("kept_by_input", {}) for row in written)
    found = {}
    for index, source in enumerate(config.inputs):
        counts = total_counts(row for row in read if row["input_index"] == index)
        found[source.name or source.path] = {
            "files": files[index],
            "documents": counts["documents_read"],
            "kept": kept[str(index)],
            "text_bytes": counts["read_bytes"],
            "weight": source.weight,
        }
    return found


def _copies(
    writers: Counter[str], rejected: Counter[str], written: Sequence[Row]
) -> dict[str, Any]:
    top = [group for row in written for group in row.get("top_copies", [])]
    top.sort(key=lambda group: (-group["copies"], group["source"], group["offset"]))
    return {
        "groups": writers["copy_groups"],
        "dropped": rejected["duplicate"],
        "top": top[:_TOP],
    }


def _near_duplicates(
    rejected: Counter[str],
    written: Sequence[Row],
    near: Mapping[str, Any] | None,
    settings: ShardSettings,
) -> dict[str, Any]:
    if near is None:
        return {}
    shown = {k: v for row in written for k, v in row.get("shown", {}).items()}

    def describe(member: int) -> dict[str, Any]:
        text = shown.get(str(member), "")
        return {**describe_id(member, settings.sources), "text": text}

    found = {
        "clusters": near["clusters"],
        "dropped": rejected["near_duplicate"],
        "sizes": near["sizes"],
        "top": [
            {"size": size, "members": [describe(member) for member in members]}
            for size, members in near["top"]
        ],
    }
    return {"near": found}


def _first_of_each(rows: Sequence[Row], name: str, kind: str) -> list[dict[str, Any]]:
    """The first samples of each kind, in the order of the files."""
    seen: Counter[str] = Counter()
    found = []
    for row in rows:
        for sample in row.get(name, []):
            seen[sample[kind]] += 1
            if seen[sample[kind]] <= _SAMPLES:
                found.append(sample)
    return found
