"""Ranges of text in, word counts out: the distributed half of a vocabulary.

Reads through `documents.py`, feeds `vocabulary.py`. Words are split by the op
that the tokenizer uses, and counted per range before anything is shuffled.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apache_beam as beam

from beam_pipelines.documents import Document, FileRange, read_documents
from beam_pipelines.progress import advance

if TYPE_CHECKING:
    from electra_keras.data.tokenizer import WordSplitter

BUCKETS = 16
READ_COUNTS_BUCKET = -1  # Beside the words travel the counts of the readers.
# Above so many different words those seen once are dropped: they are half of
# the memory and teach nothing.
PRUNE_ABOVE_WORDS = 1_000_000
_BATCH_BYTES = 2**21
_splitters: dict[int, WordSplitter] = {}


def load_splitter(max_bytes_per_word: int) -> WordSplitter:
    """Builds the word splitter, once per process."""
    if max_bytes_per_word not in _splitters:
        from electra_keras.data.tokenizer import TokenizerConfig, WordSplitter

        config = TokenizerConfig(max_bytes_per_word=max_bytes_per_word)
        _splitters[max_bytes_per_word] = WordSplitter(config)
    return _splitters[max_bytes_per_word]


def count_words(
    documents: Iterable[Document], counts: Counter[str], *, max_bytes_per_word: int
) -> Counter[bytes]:
    """Counts the words of documents.

    Args:
        documents: As read.
        counts: Of documents and bytes; added to.
        max_bytes_per_word: UTF-8 bytes; longer words are left out, since the
            tokenizer would make them [UNK].

    Returns:
        Count by word, UTF-8.
    """
    splitter = load_splitter(max_bytes_per_word)
    words: Counter[bytes] = Counter()
    for lines in _line_batches(documents, counts):
        words.update(splitter.split(lines))
    for word in [word for word in words if len(word) > max_bytes_per_word]:
        del words[word]
    return words


def _line_batches(
    documents: Iterable[Document], counts: Counter[str]
) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    size_bytes = 0
    for document in documents:
        text = document.text.encode("utf-8")
        counts["documents"] += bool(text)
        counts["documents_empty"] += not text
        counts["documents_malformed"] += document.malformed
        counts["text_bytes"] += len(text)
        size_bytes += len(text)
        lines += text.split(b"\n")
        if size_bytes >= _BATCH_BYTES:
            yield lines
            advance("count", size_bytes)
            lines, size_bytes = [], 0
    if lines:
        yield lines
        advance("count", size_bytes)


class _CountRangeFn(beam.DoFn):
    """FileRange -> (bucket, [(word, count), ...]), and (…, [counts])."""

    def __init__(self, max_bytes_per_word: int) -> None:
        self._max_bytes_per_word = max_bytes_per_word

    def process(self, element: FileRange) -> Iterator[tuple[int, list[Any]]]:
        counts: Counter[str] = Counter()
        words = count_words(
            read_documents(element.path, element.start, element.stop),
            counts,
            max_bytes_per_word=self._max_bytes_per_word,
        )
        buckets: list[list[tuple[bytes, int]]] = [[] for _ in range(BUCKETS)]
        for word, count in words.items():
            buckets[zlib.crc32(word) % BUCKETS].append((word, count))
        yield from enumerate(buckets)
        yield READ_COUNTS_BUCKET, [dict(counts)]


class CountWords(beam.PTransform):
    """FileRange -> (bucket of words, chunk of word counts)."""

    def __init__(self, max_bytes_per_word: int) -> None:
        super().__init__()
        self._max_bytes_per_word = max_bytes_per_word

    def expand(self, ranges: beam.PCollection) -> beam.PCollection:
        """Adds the step to a pipeline."""
        return ranges | beam.ParDo(_CountRangeFn(self._max_bytes_per_word))


class _WriteCountsFn(beam.DoFn):
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def process(
        self, element: tuple[int, Iterable[list[Any]]]
    ) -> Iterator[dict[str, Any]]:
        bucket, chunks = element
        total: Counter[Any] = Counter()
        if bucket == READ_COUNTS_BUCKET:
            for chunk in chunks:
                total.update(chunk[0])
            yield {"counts": dict(total)}
            return
        for chunk in chunks:
            for word, count in chunk:
                total[word] += count
        file = f"words-{bucket:05d}.tsv"
        lines = (b"%s\t%d\n" % item for item in sorted(total.items()))
        (Path(self._folder) / file).write_bytes(b"".join(lines))
        yield {"file": file, "distinct": len(total)}


class WriteWordCounts(beam.PTransform):
    """(bucket, chunks of word counts) -> a file and a row per bucket."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def expand(self, grouped: beam.PCollection) -> beam.PCollection:
        """Adds the step to a pipeline."""
        return grouped | beam.ParDo(_WriteCountsFn(self._folder))


def load_word_counts(
    folder: Path, rows: list[dict[str, Any]]
) -> tuple[dict[str, int], Counter[str]]:
    """Reads what `WriteWordCounts` wrote.

    Returns:
        Count by word, ordered by word; and the counts of the readers.
    """
    words: dict[str, int] = {}
    counts: Counter[str] = Counter()
    distinct = sum(row.get("distinct", 0) for row in rows)
    least = 2 if distinct > PRUNE_ABOVE_WORDS else 1
    for row in rows:
        counts.update(row.get("counts", {}))
        if "file" not in row:
            continue
        for line in (folder / row["file"]).read_bytes().splitlines():
            word, count = line.split(b"\t")
            if int(count) >= least:
                words[word.decode("utf-8")] = int(count)
    counts["distinct_words"] = distinct
    return dict(sorted(words.items())), counts
