"""Ranges of files in, blocks of clean documents out, by shard.

Runs `documents.py` over a range, hashes what is left and places it. The blocks
go to the shards through files or through Beam's shuffle; `preprocess.py`
chooses. Beside them go the signatures that near-duplicates are found by.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator

import apache_beam as beam
import numpy as np

from beam_pipelines import storage
from beam_pipelines.block_files import write_blocks
from beam_pipelines.config import DataConfig
from beam_pipelines.document_blocks import DocumentBlock, hashes_to_columns
from beam_pipelines.documents import DocumentPreparation
from beam_pipelines.jobs import Row, RowStore, Unit
from beam_pipelines.near_duplicates.signature_files import SignatureWriter
from beam_pipelines.progress import advance
from beam_pipelines.sources import FileRange
from beam_pipelines.splitting import ShardPlan, copies_of, hash_document

FLUSH_BYTES = 32 * 2**20
DOCUMENTS_FOLDER = "work/documents"


@dataclasses.dataclass(frozen=True)
class RangeToRead:
    """A unit of reading.

    Attributes:
        part: The range.
        name: Of the unit.
        limit: Most documents to read; None: all.
    """

    part: FileRange
    name: str
    limit: int | None = None


@dataclasses.dataclass(frozen=True)
class ReadSettings:
    """What every range is read with.

    Attributes:
        folder: Where the outputs are made.
        config: Of the job.
        plan: Who belongs where.
        decontamination_index: Path of the index, or "".
        finished_shards: Indices of shards that are written already; their
            documents are counted and not sent.
    """

    folder: str
    config: DataConfig
    plan: ShardPlan
    decontamination_index: str = ""
    finished_shards: frozenset[int] = frozenset()


class RangeReader:
    """Reads one range; afterwards `row` tells what happened.

    Args:
        unit: The range.
        settings: Of all ranges.
        signatures: Gets the documents too, for near-duplicates; or None.
    """

    def __init__(
        self,
        unit: RangeToRead,
        settings: ReadSettings,
        signatures: SignatureWriter | None = None,
    ) -> None:
        self._unit = unit
        self._settings = settings
        self._signatures = signatures
        config = settings.config
        self._preparation = DocumentPreparation(
            unit.part,
            config,
            decontamination_index=settings.decontamination_index,
            limit=unit.limit,
        )
        weight = config.inputs[unit.part.file.input_index].weight
        self._weight = weight * config.read.sample_rate
        self._counts: Counter[str] = Counter()

    def blocks(self, flush_bytes: int) -> Iterator[tuple[int, DocumentBlock]]:
        """Reads.

        Args:
            flush_bytes: Text to hold before it is handed on.

        Yields:
            Shard index and some of its documents.
        """
        texts: list[bytes] = []
        offsets: list[int] = []
        size_bytes = 0
        for batch in self._preparation.batches():
            texts += batch.texts
            offsets += batch.offsets
            batch_bytes = sum(map(len, batch.texts))
            size_bytes += batch_bytes
            advance("read", batch_bytes)
            if size_bytes >= flush_bytes:
                yield from self._place(texts, offsets)
                texts, offsets, size_bytes = [], [], 0
        if texts:
            yield from self._place(texts, offsets)

    def _place(
        self, texts: list[bytes], offset_list: list[int]
    ) -> Iterator[tuple[int, DocumentBlock]]:
        hashes = hashes_to_columns([hash_document(text) for text in texts])
        offsets = np.array(offset_list, np.uint64)
        if self._weight != 1:
            texts, hashes, offsets = self._sample(texts, hashes, offsets)
        if self._signatures is not None and texts:
            self._signatures.add(texts, self._unit.part.source_index, offsets)
        places = self._settings.plan.place(hashes)
        order = np.argsort(places, kind="stable")
        places = places[order]
        bounds = [*np.flatnonzero(np.diff(places, prepend=-1)).tolist(), len(order)]
        for start, stop in itertools.pairwise(bounds):
            shard = int(places[start])
            chosen = order[start:stop]
            picked = [texts[i] for i in chosen.tolist()]
            self._counts["documents_sent"] += len(picked)
            if shard in self._settings.finished_shards:
                continue
            source_indices = np.full(
                len(picked), self._unit.part.source_index, np.uint32
            )
            yield (
                shard,
                DocumentBlock.make(
                    hashes[chosen], source_indices, offsets[chosen], picked
                ),
            )

    def _sample(
        self, texts: list[bytes], hashes: np.ndarray, offsets: np.ndarray
    ) -> tuple[list[bytes], np.ndarray, np.ndarray]:
        """Leaves out what weight and sample rate do not want, by hash."""
        is_used = copies_of(hashes, np.full(len(texts), self._weight)) > 0
        self._counts["documents_sampled_out"] += int((~is_used).sum())
        texts = [t for t, used in zip(texts, is_used.tolist(), strict=True) if used]
        return texts, hashes[is_used], offsets[is_used]

    def row(self) -> Row:
        """Returns counts and measures; writes rejected documents and ids."""
        done = self._preparation
        folder = self._settings.folder
        files = done.rejected.write(folder, f"range-{self._unit.name}")
        ids = done.ids.write(folder, self._unit.name)
        return {
            "input_index": self._unit.part.file.input_index,
            "files": [*files, *ids],
            "ids": ids,
            "text_bytes": done.counts["text_bytes"],
            "counts": dict(done.counts + self._counts),
            "rejected": dict(done.rejected.counts),
            "rejected_samples": done.rejected.samples,
            "personal_data": dict(done.personal_data),
            "overlap_rows": sorted(done.overlap_rows),
            "overlap_documents": [
                done.overlap_documents[i] for i in sorted(done.overlap_documents)
            ],
            **done.profile.row(),
        }


@dataclasses.dataclass(frozen=True)
class ReadToFiles:
    """Task: reads a range into a file of blocks.

    Attributes:
        settings: Of all ranges.
        near: Whether to write signatures too.
        keep_documents: Whether to write the documents; else signatures only.
    """

    settings: ReadSettings
    near: bool
    keep_documents: bool = True

    def run(self, payload: RangeToRead) -> Row:
        """Reads one range."""
        folder = self.settings.folder
        signatures = SignatureWriter(folder, payload.name) if self.near else None
        reader = RangeReader(payload, self.settings, signatures)
        if self.keep_documents:
            path = f"{DOCUMENTS_FOLDER}/{payload.name}.blocks"
            blocks = ((s, block.to_bytes()) for s, block in reader.blocks(FLUSH_BYTES))
            shards = len(self.settings.plan.keys())
            storage.make_folder(storage.join(folder, DOCUMENTS_FOLDER))
            block_file, written = write_blocks(folder, path, blocks, shards)
            row = reader.row()
            row["files"].append([path, *written])
            row["blocks"] = dataclasses.asdict(block_file)
        else:
            for _ in reader.blocks(FLUSH_BYTES):
                pass
            row = reader.row()
        if signatures is not None:
            files = signatures.close()
            row["files"] += [file[:3] for file in files]
            row["signatures"] = files
        return row


class _ReadToShuffleFn(beam.DoFn):
    """Unit -> (shard index, packed block), and the row on disk."""

    def __init__(self, settings: ReadSettings, rows: RowStore) -> None:
        self._settings = settings
        self._rows = rows

    def process(self, element: Unit) -> Iterator[tuple[int, bytes]]:
        reader = RangeReader(element.payload, self._settings)
        for shard, block in reader.blocks(FLUSH_BYTES // 4):
            yield shard, block.to_bytes()
        self._rows.save(element.name, reader.row())


class ReadToShuffle(beam.PTransform):
    """Unit of reading -> (shard index, packed block)."""

    def __init__(self, settings: ReadSettings, rows: RowStore) -> None:
        super().__init__()
        self._settings = settings
        self._rows = rows

    def expand(self, units: beam.PCollection) -> beam.PCollection:
        """Adds the step to a pipeline."""
        read = beam.ParDo(_ReadToShuffleFn(self._settings, self._rows))
        # Beam does not see annotations that are strings; it would pickle keys.
        return units | read.with_output_types(tuple[int, bytes])
