"""Blocks of documents in, one TFRecord file and a row of counts out.

Reads what `reading.py` placed, feeds `manifest.py`. Within a shard documents
are sorted by hash, so the bytes do not depend on the order of arrival, and
equal ones stand side by side: that is where copies are dropped.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np

from beam_pipelines import storage
from beam_pipelines.block_files import BlockFile
from beam_pipelines.config import DataConfig
from beam_pipelines.copies import choose_documents
from beam_pipelines.document_blocks import DocumentBlock, concatenate
from beam_pipelines.document_profile import histogram
from beam_pipelines.encoding import encode_rows
from beam_pipelines.jobs import Row, RowStore
from beam_pipelines.packed_rows import (
    PackedRows,
    PackingSettings,
    TokenizedDocuments,
)
from beam_pipelines.packing import pack_documents
from beam_pipelines.progress import advance
from beam_pipelines.records import record_blocks
from beam_pipelines.rejected import RejectedDocuments
from beam_pipelines.shard_counts import count_shard, kept_by_input, used_ids
from beam_pipelines.splitting import ShardKey, ShardPlan
from beam_pipelines.tokenization import (
    TokenizerSpec,
    load_tokenizer,
    tokenize_documents,
)
from electra_keras.errors import ElectraError


@dataclasses.dataclass(frozen=True)
class ShardSettings:
    """What every shard is written with.

    Attributes:
        folder: Where the outputs are made.
        config: Of the job.
        plan: Who belongs where.
        sources: Path and input index of each file.
        tokenizer: What text becomes ids with.
        special_token_ids: Id by name: [PAD] [UNK] [CLS] [SEP] [MASK].
        vocabulary_size: V.
        token_ids_dtype: "uint16" or "int32".
        near_duplicates: Path of the list of them, or "".
    """

    folder: str
    config: DataConfig
    plan: ShardPlan
    sources: tuple[tuple[str, int], ...]
    tokenizer: TokenizerSpec
    special_token_ids: dict[str, int]
    vocabulary_size: int
    token_ids_dtype: str
    near_duplicates: str = ""

    @property
    def packing(self) -> PackingSettings:
        """Settings of the packing."""
        packing = self.config.packing
        return PackingSettings(
            sequence_length=packing.sequence_length,
            cls_id=self.special_token_ids["[CLS]"],
            sep_id=self.special_token_ids["[SEP]"],
            packing=packing.kind,
            seed=packing.seed,
            single_segment_rate=packing.single_segment_rate,
            short_example_rate=packing.short_example_rate,
        )

    def file_name(self, key: ShardKey) -> str:
        """Returns the name of a shard's file."""
        suffix = ".gz" if self.config.shards.compression == "gzip" else ""
        return f"{shard_name(key)}.tfrecord{suffix}"


def shard_name(key: ShardKey) -> str:
    """Returns the name of a shard, as its unit of work and its file have it."""
    return f"{key[0]}-{key[1]:05d}"


def write_shard(
    key: ShardKey, blocks: Sequence[DocumentBlock], settings: ShardSettings
) -> Row:
    """Writes one shard.

    Args:
        key: Split and index.
        blocks: Its documents, in any order.
        settings: Of all shards.

    Returns:
        A row for `manifest.py`. "file" is "" if the shard would have been
        empty, then it is not written.

    Raises:
        ElectraError: Tokens in and tokens out differ.
        OSError: A file cannot be written.
    """
    rejected = RejectedDocuments()
    row: Row = {"split": key[0], "file": "", "files": [], "text_bytes": 0}
    if not blocks:
        return row | {"counts": {}, "rejected": {}}
    block = concatenate(blocks)
    chosen = choose_documents(key, block, settings, rejected)
    tokenizer = load_tokenizer(settings.tokenizer)
    documents = tokenize_documents(chosen.texts, tokenizer)
    advance("write", len(block.text))
    packed = pack_documents(documents, chosen.hashes, settings.packing)
    _check_tokens(documents, packed)
    document_tokens = np.diff(documents.line_splits[documents.document_splits])
    kept = np.flatnonzero(document_tokens[: chosen.unique] > 0)
    for number in np.flatnonzero(document_tokens[: chosen.unique] == 0).tolist():
        rejected.add("no_tokens", **chosen.describe(number, settings.sources))
    row |= {
        "text_bytes": len(block.text),
        "counts": count_shard(documents, packed, chosen, document_tokens, tokenizer),
        "kept_by_input": kept_by_input(chosen, kept, settings.sources),
        "rejected": dict(rejected.counts),
        "rejected_samples": rejected.samples,
        "used_ids": used_ids(documents, settings.vocabulary_size),
        "histograms": {
            "tokens_per_document": histogram(
                "tokens_per_document", document_tokens[kept]
            ),
            "tokens_per_example": histogram("tokens_per_example", packed.row_tokens),
        },
        "top_copies": chosen.top_copies,
        "shown": chosen.shown,
        "files": rejected.write(settings.folder, shard_name(key)),
    }
    row["counts"]["documents_in"] = len(block)
    if len(packed):
        _write_records(key, packed, settings, row)
    return row


def _write_records(
    key: ShardKey, packed: PackedRows, settings: ShardSettings, row: Row
) -> None:
    order = _shuffled(len(packed), key, settings.config.packing.seed)
    records = encode_rows(packed, settings.token_ids_dtype, order)
    name = settings.file_name(key)
    blocks = record_blocks(records, settings.config.shards.compression)
    size_bytes, sha256 = storage.write_file(storage.join(settings.folder, name), blocks)
    row |= {"file": name, "bytes": size_bytes, "sha256": sha256}
    row |= {"examples": len(packed), "tokens": len(packed.token_ids)}
    row["files"].append([name, size_bytes, sha256])


def _check_tokens(documents: TokenizedDocuments, packed: PackedRows) -> None:
    received = len(packed.token_ids) - packed.special_tokens
    if received != len(documents.token_ids):
        raise ElectraError(
            f"{received} tokens came out of packing",
            expected=f"the {len(documents.token_ids)} that went in",
            fix="This is a bug; please report it.",
        )


def _shuffled(count: int, key: ShardKey, seed: int) -> list[int]:
    text = f"{seed}/{key[0]}/{key[1]}".encode()
    digest = hashlib.blake2b(text, digest_size=16).digest()
    bits = np.random.PCG64(int.from_bytes(digest, "little"))
    return np.random.Generator(bits).permutation(count).tolist()


@dataclasses.dataclass(frozen=True)
class WriteShardFromFiles:
    """Task: writes a shard, given its index, of blocks that lie in files.

    Attributes:
        settings: Of all shards.
        files: Of all ranges, in their order.
    """

    settings: ShardSettings
    files: tuple[BlockFile, ...]

    def run(self, payload: int) -> Row:
        """Writes one shard."""
        blocks = [
            DocumentBlock.from_bytes(data)
            for file in self.files
            for data in file.read(self.settings.folder, payload)
        ]
        return write_shard(self.settings.plan.keys()[payload], blocks, self.settings)


class _WriteShardFn(beam.DoFn):
    """(shard index, packed blocks) -> its name, after its row is on disk."""

    def __init__(self, settings: ShardSettings, rows: RowStore) -> None:
        self._settings = settings
        self._rows = rows

    def process(self, element: tuple[int, Iterable[bytes]]) -> Iterator[str]:
        index, packed = element
        key = self._settings.plan.keys()[index]
        blocks = [DocumentBlock.from_bytes(data) for data in packed]
        self._rows.save(shard_name(key), write_shard(key, blocks, self._settings))
        yield shard_name(key)


class WriteShards(beam.PTransform):
    """(shard index, packed blocks) -> names, after the rows are on disk."""

    def __init__(self, settings: ShardSettings, rows: RowStore) -> None:
        super().__init__()
        self._settings = settings
        self._rows = rows

    def expand(self, grouped: beam.PCollection) -> beam.PCollection:
        """Adds the step to a pipeline."""
        write = beam.ParDo(_WriteShardFn(self._settings, self._rows))
        return grouped | write.with_output_types(str)
