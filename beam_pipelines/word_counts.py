"""Ranges of text in, word counts out: the distributed half of a vocabulary.

Reads through `documents.py`, so that words are counted in the very text that
is trained on; feeds `vocabulary.py`. Words are split by the op that the
tokenizer uses and counted per range; then each bucket of words is added up.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import zstandard

from beam_pipelines import storage
from beam_pipelines.config import DataConfig
from beam_pipelines.document_blocks import hashes_to_columns
from beam_pipelines.documents import DocumentPreparation
from beam_pipelines.jobs import Row, Unit, run_units
from beam_pipelines.planning import JobPlan
from beam_pipelines.progress import advance
from beam_pipelines.reading import RangeToRead
from beam_pipelines.rejected import check_readable
from beam_pipelines.runners import Runner
from beam_pipelines.shard_counts import rejected_counts, total_counts
from beam_pipelines.splitting import VALIDATION, hash_document, plan_shards
from electra_keras.command_line import import_tensorflow_quietly
from electra_keras.data.vocabulary import TokenizerConfig

if TYPE_CHECKING:
    from electra_keras.data.tokenizer import WordSplitter

BUCKETS = 16
# Above so many different words those seen once are dropped: they are half of
# the memory and teach nothing.
PRUNE_ABOVE_WORDS = 1_000_000
_FLUSH_WORDS = 1_000_000
_FOLDER = "work/words"
LEARNED, HELD_OUT = "learned", "held_out"
_splitters: dict[int, WordSplitter] = {}


def load_splitter(max_bytes_per_word: int) -> WordSplitter:
    """Builds the word splitter, once per process."""
    if max_bytes_per_word not in _splitters:
        import_tensorflow_quietly()
        from electra_keras.data.tokenizer import WordSplitter

        config = TokenizerConfig(max_bytes_per_word=max_bytes_per_word)
        _splitters[max_bytes_per_word] = WordSplitter(config)
    return _splitters[max_bytes_per_word]


def count_words(texts: Sequence[bytes], *, max_bytes_per_word: int) -> Counter[bytes]:
    """Counts the words of documents.

    Args:
        texts: UTF-8.
        max_bytes_per_word: UTF-8 bytes; longer words are left out, since the
            tokenizer would make them [UNK].

    Returns:
        Count by word, UTF-8.
    """
    if not texts:
        return Counter()
    lines = b"\n".join(texts).split(b"\n")
    words = Counter(load_splitter(max_bytes_per_word).split(lines))
    for word in [word for word in words if len(word) > max_bytes_per_word]:
        del words[word]
    return words


class _CountFile:
    """Collects counts of a range and writes them, sorted, by bucket."""

    def __init__(self) -> None:
        self.index: list[tuple[str, int, int, int]] = []
        self._words = {LEARNED: Counter[bytes](), HELD_OUT: Counter[bytes]()}
        self._position = 0

    def add(self, kind: str, words: Counter[bytes]) -> Iterator[bytes]:
        """Adds counts; yields blocks when there are many."""
        self._words[kind].update(words)
        if len(self._words[kind]) >= _FLUSH_WORDS:
            yield from self._flush(kind)

    def close(self) -> Iterator[bytes]:
        """Yields the blocks that are left."""
        for kind in self._words:
            yield from self._flush(kind)

    def _flush(self, kind: str) -> Iterator[bytes]:
        buckets: list[list[bytes]] = [[] for _ in range(BUCKETS)]
        for word, count in self._words[kind].items():
            buckets[zlib.crc32(word) % BUCKETS].append(b"%s\t%d" % (word, count))
        self._words[kind].clear()
        for bucket, lines in enumerate(buckets):
            if lines:
                data = _pack(lines)
                self.index.append((kind, bucket, self._position, len(data)))
                self._position += len(data)
                yield data


def _pack(lines: list[bytes]) -> bytes:
    lines.sort()
    return zstandard.ZstdCompressor(level=1).compress(b"\n".join(lines))


def _unpack(data: bytes) -> Iterator[tuple[bytes, int]]:
    for line in zstandard.ZstdDecompressor().decompress(data).split(b"\n"):
        word, _, count = line.rpartition(b"\t")
        yield word, int(count)


@dataclasses.dataclass(frozen=True)
class CountRange:
    """Task: counts the words of a range.

    Attributes:
        folder: Where the counts go.
        config: Of the corpus and the vocabulary.
    """

    folder: str
    config: DataConfig

    def run(self, payload: RangeToRead) -> Row:
        """Counts one range."""
        preparation = DocumentPreparation(
            payload.part, self.config, limit=payload.limit
        )
        counted = _CountFile()
        path = f"{_FOLDER}/{payload.name}.counts"
        storage.make_folder(storage.join(self.folder, _FOLDER))
        written = storage.write_file(
            storage.join(self.folder, path), self._count(preparation, counted)
        )
        return {
            "files": [[path, *written]],
            "text_bytes": preparation.counts["text_bytes"],
            "counts": dict(preparation.counts),
            "rejected": dict(preparation.rejected.counts),
            "words": {"file": path, "index": counted.index},
        }

    def _count(
        self, preparation: DocumentPreparation, counted: _CountFile
    ) -> Iterator[bytes]:
        max_bytes = self.config.packing.max_bytes_per_word
        for batch in preparation.batches():
            for kind, texts in self._split(batch.texts):
                words = count_words(texts, max_bytes_per_word=max_bytes)
                yield from counted.add(kind, words)
            advance("count", sum(map(len, batch.texts)))
        yield from counted.close()

    def _split(self, texts: list[bytes]) -> list[tuple[str, list[bytes]]]:
        """Sets held-out documents apart, by the rule of preprocessing."""
        rate = self.config.vocabulary.validation_rate
        if not rate:
            return [(LEARNED, texts)]
        plan = plan_shards(0, validation_rate=rate, shard_bytes=1)
        keys = plan.keys()
        places = plan.place(hashes_to_columns([hash_document(t) for t in texts]))
        is_held_out = [keys[place][0] == VALIDATION for place in places.tolist()]
        pairs = list(zip(texts, is_held_out, strict=True))
        return [
            (LEARNED, [text for text, held_out in pairs if not held_out]),
            (HELD_OUT, [text for text, held_out in pairs if held_out]),
        ]


@dataclasses.dataclass(frozen=True)
class AddUpBucket:
    """Task: adds up the counts of a bucket of words over all ranges.

    Attributes:
        folder: Where the counts go.
    """

    folder: str

    def run(self, payload: tuple[str, int, tuple[tuple[str, int, int], ...]]) -> Row:
        """Adds up one bucket: kind, number, and where its blocks lie."""
        kind, bucket, blocks = payload
        total: Counter[bytes] = Counter()
        for name, start, length in blocks:
            with storage.open_file(storage.join(self.folder, name)) as file:
                file.seek(start)
                for word, count in _unpack(file.read(length)):
                    total[word] += count
        path = f"{_FOLDER}/{kind}-{bucket:05d}.total"
        data = _pack([b"%s\t%d" % item for item in total.items()]) if total else b""
        written = storage.write_file(storage.join(self.folder, path), [data])
        return {
            "files": [[path, *written]],
            "kind": kind,
            "file": path,
            "distinct": len(total),
        }


@dataclasses.dataclass(frozen=True)
class WordCounts:
    """The words of a corpus.

    Attributes:
        learned: Count by word, ordered by word.
        held_out: The same, of held-out documents.
        counts: Of the readers, and "distinct_words".
    """

    learned: dict[str, int]
    held_out: dict[str, int]
    counts: Counter[str]


def count_corpus(
    plan: JobPlan, config: DataConfig, *, folder: str, runner: Runner
) -> WordCounts:
    """Counts the words of a corpus.

    Args:
        plan: Of the job.
        config: Of the corpus and the vocabulary.
        folder: Where the counts go in between.
        runner: Runs the pipelines.

    Raises:
        UsageError: Too many documents cannot be read.
        ElectraError: A step failed.
    """
    units = [Unit(part.name, part) for part in plan.ranges]
    rows = run_units(
        "count",
        units,
        CountRange(folder, config),
        folder=folder,
        runner=runner,
        total_bytes=plan.text_bytes,
    )
    check_readable(
        total_counts(rows.values()), rejected_counts(rows.values()), config.read
    )
    blocks: dict[tuple[str, int], list[tuple[str, int, int]]] = {}
    for row in rows.values():
        for kind, bucket, start, length in row["words"]["index"]:
            place = (row["words"]["file"], start, length)
            blocks.setdefault((kind, bucket), []).append(place)
    buckets = [
        Unit(f"{kind}-{bucket:05d}", (kind, bucket, tuple(places)))
        for (kind, bucket), places in sorted(blocks.items())
    ]
    totals = run_units(
        "add_up", buckets, AddUpBucket(folder), folder=folder, runner=runner
    )
    return load_word_counts(list(rows.values()), list(totals.values()), folder)


def load_word_counts(
    rows: Sequence[Mapping[str, Any]],
    totals: Sequence[Mapping[str, Any]],
    folder: str,
) -> WordCounts:
    """Reads what `AddUpBucket` wrote.

    Args:
        rows: Of the ranges.
        totals: Of the buckets.
        folder: Where the counts are.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row["counts"])
    counts["documents"] = counts["documents_prepared"]
    counts["documents_empty"] = counts["documents_read"] - counts["documents"]
    distinct = sum(row["distinct"] for row in totals if row["kind"] == LEARNED)
    counts["distinct_words"] = distinct
    found: dict[str, dict[str, int]] = {LEARNED: {}, HELD_OUT: {}}
    for row in totals:
        is_many = row["kind"] == LEARNED and distinct > PRUNE_ABOVE_WORDS
        least = 2 if is_many else 1
        data = storage.read_file(storage.join(folder, row["file"]))
        for word, count in _unpack(data) if data else ():
            if count >= least:
                found[row["kind"]][word.decode("utf-8")] = count
    return WordCounts(
        dict(sorted(found[LEARNED].items())),
        dict(sorted(found[HELD_OUT].items())),
        counts,
    )
