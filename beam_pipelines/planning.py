"""Settings in, the plan of a job out: files, ranges, shards, and an estimate.

Used by the drivers before anything is written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from typing import Any

from beam_pipelines import storage
from beam_pipelines.config import DataConfig, InputConfig
from beam_pipelines.readers.dispatch import read_documents
from beam_pipelines.reading import RangeToRead
from beam_pipelines.runners import (
    SHUFFLE_FACTOR,
    WORKER_BYTES,
    Runner,
    memory_bytes,
)
from beam_pipelines.sources import FileRange, SourceFile, find_files, plan_ranges
from beam_pipelines.splitting import ShardPlan, plan_shards
from electra_keras.errors import UsageError

MIN_RANGE_BYTES, MAX_RANGE_BYTES = 4 * 2**20, 64 * 2**20
_RANGES = 1000  # About so many, where their size allows.
_EDGE_BYTES = 2**16
# For the estimate; measured on one core of a small machine.
_BYTES_PER_SEC = 6e6
_NEAR_BYTES_PER_SEC = 15e6
_START_SECS, _START_WORKERS_SECS = 7, 6


@dataclasses.dataclass(frozen=True)
class JobPlan:
    """What a job will read and write.

    Attributes:
        files: The inputs.
        ranges: Units of reading.
        shards: How many shards, and who belongs where.
        text_bytes: Of the inputs; an estimate where they are compressed.
    """

    files: tuple[SourceFile, ...]
    ranges: tuple[RangeToRead, ...]
    shards: ShardPlan
    text_bytes: int

    @property
    def sources(self) -> tuple[tuple[str, int], ...]:
        """Path and input index of each file."""
        return tuple((file.path, file.input_index) for file in self.files)


def plan_job(config: DataConfig) -> JobPlan:
    """Finds the files and cuts them into units of work.

    Raises:
        UsageError: An input is wrong.
        ElectraError: A file is damaged.
    """
    files = find_files(config.inputs)
    text_bytes = sum(file.text_bytes for file in files)
    range_bytes = min(max(MIN_RANGE_BYTES, text_bytes // _RANGES), MAX_RANGE_BYTES)
    ranges = [
        RangeToRead(part, f"{number:06d}")
        for number, part in enumerate(plan_ranges(files, range_bytes))
    ]
    if config.read.limit:
        ranges = _limit(ranges, config)
        text_bytes = min(text_bytes, len(ranges) * range_bytes)
    shards = config.shards
    return JobPlan(
        tuple(files),
        tuple(ranges),
        plan_shards(
            text_bytes,
            validation_rate=shards.validation_rate,
            test_rate=shards.test_rate,
            shard_bytes=shards.shard_bytes,
        ),
        text_bytes,
    )


def _limit(ranges: Sequence[RangeToRead], config: DataConfig) -> list[RangeToRead]:
    """Keeps the ranges that hold the first documents, by counting them."""
    left = config.read.limit
    kept = []
    for unit in ranges:
        documents = 0
        for documents, _ in enumerate(_read(unit.part, config), 1):
            if documents == left:
                break
        kept.append(dataclasses.replace(unit, limit=min(left, documents)))
        left -= documents
        if left <= 0:
            break
    return kept


def _read(part: FileRange, config: DataConfig) -> Any:
    return read_documents(
        part,
        config.inputs[part.file.input_index],
        max_document_bytes=config.read.max_document_bytes,
    )


def describe_job(
    config: DataConfig, plan: JobPlan, vocabulary_sha256: str
) -> dict[str, Any]:
    """Describes all that decides the output; a job resumes only the same one.

    Args:
        config: Of the job.
        plan: Of the job.
        vocabulary_sha256: Of the vocabulary, "" for a job that makes one.
    """
    from electra_keras import __version__

    return {
        "version": __version__,
        "vocabulary_sha256": vocabulary_sha256,
        "files": [
            {
                "path": file.path,
                "bytes": file.size_bytes,
                "edges": _hash_edges(file),
            }
            for file in plan.files
        ],
        "other_files": _describe_other_files(config),
        "settings": config.recipe(),
    }


def _describe_other_files(config: DataConfig) -> list[dict[str, Any]]:
    """Files that settings name and that decide the output too."""
    filters, evaluation = config.filters, config.decontamination
    paths = [filters.blocked_words_file, filters.required_words_file]
    if evaluation.path:
        source = InputConfig(evaluation.path, format=evaluation.format)
        paths += [file.path for file in find_files([source])]
    found = []
    for path in filter(None, paths):
        try:
            size_bytes, sha256 = storage.hash_file(path)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read ({error})",
                expected="a file that can be read",
                fix="Check the path.",
            ) from error
        found.append({"path": path, "bytes": size_bytes, "sha256": sha256})
    return found


def find_file_times(plan: JobPlan) -> list[int | None]:
    """When the inputs were last written, in ns; None where that costs a call.

    Their edges do not show a change in the middle.
    """
    return [
        None if storage.is_remote(file.path) else os.stat(file.path).st_mtime_ns
        for file in plan.files
    ]


def _hash_edges(file: SourceFile) -> str:
    """Tells files apart by their first and last 64 KiB."""
    digest = hashlib.blake2b(digest_size=16)
    with storage.open_file(file.path) as stream:
        digest.update(stream.read(_EDGE_BYTES))
        if file.size_bytes > _EDGE_BYTES:
            stream.seek(max(_EDGE_BYTES, file.size_bytes - _EDGE_BYTES))
            digest.update(stream.read(_EDGE_BYTES))
    return digest.hexdigest()


def describe_plan(
    plan: JobPlan, config: DataConfig, runner: Runner, shuffle: str
) -> str:
    """Says what a job would do, in some lines."""
    gigabytes = plan.text_bytes / 1e9
    shards = plan.shards
    largest = sorted(plan.files, key=lambda file: -file.size_bytes)[:5]
    memory = WORKER_BYTES * runner.workers
    if shuffle == "beam" and runner.is_local:
        memory += SHUFFLE_FACTOR * plan.text_bytes
    secs = plan.text_bytes / _BYTES_PER_SEC
    if config.deduplication.near:
        secs += plan.text_bytes / _NEAR_BYTES_PER_SEC
    secs = secs / runner.workers + _START_SECS
    secs += _START_WORKERS_SECS * (runner.workers > 1)
    where = f"{runner.workers} process(es) here" if runner.is_local else "its workers"
    lines = [
        f"files: {len(plan.files):,}, about {gigabytes:.3f} GB of text",
        *(
            f"  {file.path}: {file.size_bytes:,} bytes, {file.format}"
            f"{f' in {file.compression}' if file.compression else ''}"
            for file in largest
        ),
        *([f"  and {len(plan.files) - 5:,} more"] if len(plan.files) > 5 else []),
        f"ranges: {len(plan.ranges):,}",
        f"shards: {shards.train_shards:,} train, {shards.validation_shards:,} "
        f"validation, {shards.test_shards:,} test",
        f"runner: {runner.name}, {where}, documents shuffled through {shuffle}",
    ]
    if runner.is_local:
        lines += [
            f"memory: about {memory / 1e9:.1f} GB of {memory_bytes() / 1e9:.1f} GB",
            f"time: about {_duration(secs)}",
        ]
        if shuffle == "files":
            lines.append(
                f"disk: about {0.5 * gigabytes:.3f} GB while it runs, "
                f"{0.35 * gigabytes:.3f} GB at the end"
            )
    stages = [
        config.clean.preset,
        *(["personal data"] if config.clean.personal_data == "scrub" else []),
        *(["decontamination"] if config.decontamination.path else []),
        *(["exact duplicates"] if config.deduplication.exact else []),
        *(["near-duplicates"] if config.deduplication.near else []),
        f"packing {config.packing.kind}",
    ]
    return "\n".join([*lines, f"stages: {', '.join(stages)}", "nothing written"])


def _duration(secs: float) -> str:
    if secs < 90:
        return f"{secs:.0f} s"
    return f"{secs / 60:.0f} min" if secs < 5400 else f"{secs / 3600:.1f} h"


def default_shuffle(runner: Runner, asked: str) -> str:
    """Through files on this machine, which needs little memory; else Beam's."""
    if asked != "auto":
        return asked
    return "files" if runner.is_local else "beam"
