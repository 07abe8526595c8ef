"""A plan in, shards and the rows of all units out: the pipelines of a job.

    files:  ranges -> ReadToFiles | rows | shards -> WriteShardFromFiles | rows
    beam:   ranges -> ReadToShuffle -> group by shard -> WriteShards | rows

Both write the same bytes. The first needs little memory, whatever the size, and
is for one machine or a shared folder; the second leaves the shuffle to a runner
of many machines. Near-duplicates are found before the shards are written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam

from beam_pipelines import storage
from beam_pipelines.block_files import BlockFile
from beam_pipelines.config import DataConfig
from beam_pipelines.evaluation_files import report_overlaps, write_evaluation_index
from beam_pipelines.jobs import Row, RowStore, Unit, run_units
from beam_pipelines.near_duplicates.job import NearDuplicates, find_near_duplicates
from beam_pipelines.planning import JobPlan
from beam_pipelines.reading import ReadSettings, ReadToFiles, ReadToShuffle
from beam_pipelines.runners import Runner
from beam_pipelines.shards import (
    ShardSettings,
    WriteShardFromFiles,
    WriteShards,
    shard_name,
)
from beam_pipelines.tokenization import TokenizerSpec
from electra_keras.data.vocabulary import Vocabulary, token_ids_dtype

READ, SIGN, SEND, WRITE = "read", "sign", "send", "write"
VOCABULARY_FILE = "vocab.txt"


@dataclasses.dataclass(frozen=True)
class JobResult:
    """What a job wrote.

    Attributes:
        read: Rows of all ranges, in order.
        written: Rows of all shards, in order.
        settings: Of all shards.
        near: What the search for near-duplicates found, or None.
        overlaps: By evaluation file, what was found of it.
    """

    read: Sequence[Row]
    written: Sequence[Row]
    settings: ShardSettings
    near: Mapping[str, Any] | None
    overlaps: Sequence[Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class PreprocessJob:
    """One job.

    Attributes:
        folder: Where the outputs are made.
        config: Of the job.
        plan: Of the job.
        vocabulary: What ids are made with; a copy goes into the folder.
        runner: Runs the pipelines.
        shuffle: "files" or "beam".
    """

    folder: str
    config: DataConfig
    plan: JobPlan
    vocabulary: Vocabulary
    runner: Runner
    shuffle: str

    def run(self) -> JobResult:
        """Writes all shards that are not written yet.

        Raises:
            ElectraError: A step failed, or the runner lost a unit.
        """
        index = write_evaluation_index(
            self.config.decontamination, self.config.clean, self.folder
        )
        reading = ReadSettings(self.folder, self.config, self.plan.shards, index)
        settings = self._shard_settings()
        wants_near = self.config.deduplication.near
        near: NearDuplicates | None = None
        if self.shuffle == "files":
            read = self._read(READ, ReadToFiles(reading, near=wants_near))
            if wants_near:
                near = self._find_near(read)
                settings = dataclasses.replace(settings, near_duplicates=near.path)
            written = self._write_from_files(read, settings)
        else:
            if wants_near:
                task = ReadToFiles(reading, near=True, keep_documents=False)
                near = self._find_near(self._read(SIGN, task))
                settings = dataclasses.replace(settings, near_duplicates=near.path)
            read, written = self._read_and_write(reading, settings)
        rows = list(read.values())
        return JobResult(
            rows,
            list(written.values()),
            settings,
            near.summary if near else None,
            report_overlaps(index, rows),
        )

    def _shard_settings(self) -> ShardSettings:
        """Puts the vocabulary into the folder and settles the rest."""
        path = storage.join(self.folder, VOCABULARY_FILE)
        storage.write_file(path, [self.vocabulary.text().encode("utf-8")])
        max_bytes = self.config.packing.max_bytes_per_word
        return ShardSettings(
            folder=self.folder,
            config=self.config,
            plan=self.plan.shards,
            sources=self.plan.sources,
            tokenizer=TokenizerSpec(path, self.vocabulary.sha256, max_bytes),
            special_token_ids=self.vocabulary.special_token_ids,
            vocabulary_size=len(self.vocabulary),
            token_ids_dtype=token_ids_dtype(len(self.vocabulary)),
        )

    def _units(self) -> list[Unit]:
        return [Unit(part.name, part) for part in self.plan.ranges]

    def _read(self, job: str, task: ReadToFiles) -> dict[str, Row]:
        return run_units(
            job,
            self._units(),
            task,
            folder=self.folder,
            runner=self.runner,
            total_bytes=self.plan.text_bytes,
        )

    def _find_near(self, read: Mapping[str, Row]) -> NearDuplicates:
        threshold = self.config.deduplication.near_threshold
        return find_near_duplicates(
            list(read.values()),
            folder=self.folder,
            runner=self.runner,
            threshold=threshold,
        )

    def _write_from_files(
        self, read: dict[str, Row], settings: ShardSettings
    ) -> dict[str, Row]:
        files = tuple(BlockFile(**row["blocks"]) for row in read.values())
        units = [
            Unit(shard_name(key), number)
            for number, key in enumerate(self.plan.shards.keys())
        ]
        return run_units(
            WRITE,
            units,
            WriteShardFromFiles(settings, files),
            folder=self.folder,
            runner=self.runner,
            total_bytes=sum(row["text_bytes"] for row in read.values()),
        )

    def _read_and_write(
        self, reading: ReadSettings, settings: ShardSettings
    ) -> tuple[dict[str, Row], dict[str, Row]]:
        """Reads and writes in one pipeline, joined by Beam's shuffle."""
        read_rows, write_rows = (
            RowStore(self.folder, SEND),
            RowStore(self.folder, WRITE),
        )
        read_rows.prepare()
        write_rows.prepare()
        keys = self.plan.shards.keys()
        names = [shard_name(key) for key in keys]
        finished = write_rows.load_finished(names)
        if len(finished) < len(names):
            is_finished = frozenset(
                number for number, name in enumerate(names) if name in finished
            )
            reading = dataclasses.replace(reading, finished_shards=is_finished)
            pipeline = self.runner.pipeline()
            build_pipeline(
                pipeline, self._units(), reading, settings, read_rows, write_rows
            )
            totals = {READ: self.plan.text_bytes, WRITE: self.plan.text_bytes}
            asks = {READ: read_rows.done_bytes, WRITE: write_rows.done_bytes}
            self.runner.run(pipeline, totals, asks)
            finished = write_rows.load(names)
        empty = {"split": "", "file": "", "counts": {}, "rejected": {}}
        units = [unit.name for unit in self._units()]
        read = read_rows.load(units)
        return (
            {name: read[name] for name in units if name in read},
            {name: finished.get(name, empty) for name in names},
        )


def build_pipeline(
    pipeline: beam.Pipeline,
    units: Sequence[Unit],
    reading: ReadSettings,
    settings: ShardSettings,
    read_rows: RowStore,
    write_rows: RowStore,
) -> Any:
    """Adds the steps of a whole job to a pipeline; one grouping, one leaf."""
    return (
        pipeline
        | "CreateRanges" >> beam.Create(list(units))
        | "ReadDocuments" >> ReadToShuffle(reading, read_rows)
        | "GroupByShard" >> beam.GroupByKey()
        | "WriteShards" >> WriteShards(settings, write_rows)
    )
