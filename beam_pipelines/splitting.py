"""Documents in, keyed chunks of documents out: which shard holds what.

Reads ranges through `documents.py`, feeds the grouping that `shards.py`
writes. Split and shard follow from the hash of the text alone, so they do not
depend on seed, order, runner or number of workers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam

from beam_pipelines.documents import FileRange, read_documents
from beam_pipelines.progress import advance

TRAIN, VALIDATION = "train", "validation"
# The counts of the readers travel as data, beside the documents, since not
# every runner has metrics.
READ_COUNTS_KEY = ("read", 0)
CHUNK_BYTES = 4 * 2**20
SHARD_BYTES = 16 * 2**20

ShardKey = tuple[str, int]


class HashedDocument(NamedTuple):
    """A document on its way to a shard; sorts in the order within it.

    Attributes:
        document_hash: blake2b of the text, 16 bytes.
        source_index: Index of its file.
        offset: Byte of the file at which it starts.
        text: UTF-8.
    """

    document_hash: bytes
    source_index: int
    offset: int
    text: bytes


def hash_document(text: bytes) -> bytes:
    """Returns the identity of a document: 16 bytes of blake2b."""
    return hashlib.blake2b(text, digest_size=16).digest()


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """How many shards each split has, and who belongs where.

    Attributes:
        train_shards: Number of them.
        validation_shards: Number of them.
        validation_rate: Fraction of documents in the validation split.
    """

    train_shards: int
    validation_shards: int
    validation_rate: float

    def place(self, document_hash: bytes) -> ShardKey:
        """Returns split and shard index of a document."""
        draw = int.from_bytes(document_hash[:8], "little")
        shard = int.from_bytes(document_hash[8:], "little")
        if draw < self.validation_rate * 2**64:
            return VALIDATION, shard % self.validation_shards
        return TRAIN, shard % self.train_shards


def plan_shards(
    text_bytes: int, validation_rate: float, shard_bytes: int = SHARD_BYTES
) -> ShardPlan:
    """Fixes the number of shards from the size of the input."""
    train_shards = max(1, math.ceil(text_bytes / shard_bytes))
    validation_shards = max(1, round(train_shards * validation_rate))
    return ShardPlan(
        train_shards, validation_shards if validation_rate else 0, validation_rate
    )


class _ReadRangeFn(beam.DoFn):
    """FileRange -> (shard key, chunk of documents), and (…, [counts])."""

    def __init__(self, plan: ShardPlan) -> None:
        self._plan = plan

    def process(self, element: FileRange) -> Iterator[tuple[ShardKey, list[Any]]]:
        counts: Counter[str] = Counter()
        chunks: dict[ShardKey, list[tuple[bytes, int, int, bytes]]] = defaultdict(list)
        buffered_bytes = 0
        for document in read_documents(element.path, element.start, element.stop):
            counts["documents_read"] += 1
            counts["documents_malformed"] += document.malformed
            if not document.text:
                counts["documents_empty"] += 1
                continue
            text = document.text.encode("utf-8")
            counts["text_bytes"] += len(text)
            document_hash = hash_document(text)
            # A plain tuple: Beam's coder has a fast path for it.
            chunks[self._plan.place(document_hash)].append(
                (document_hash, element.source_index, document.offset, text)
            )
            buffered_bytes += len(text)
            if buffered_bytes >= CHUNK_BYTES:
                yield from chunks.items()
                advance("read", buffered_bytes)
                chunks, buffered_bytes = defaultdict(list), 0
        yield from chunks.items()
        advance("read", buffered_bytes)
        yield READ_COUNTS_KEY, [dict(counts)]


class ReadDocuments(beam.PTransform):
    """FileRange -> (shard key, list of `HashedDocument` fields).

    Elements are chunks of up to some MB, since every element costs. Beside
    them goes one (READ_COUNTS_KEY, [counts]) per range.
    """

    def __init__(self, plan: ShardPlan) -> None:
        super().__init__()
        self._plan = plan

    def expand(self, ranges: beam.PCollection) -> beam.PCollection:
        """Adds the step to a pipeline."""
        return ranges | beam.ParDo(_ReadRangeFn(self._plan))
