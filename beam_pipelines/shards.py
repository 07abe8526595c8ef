"""Documents of a shard in, one TFRecord file and a row of counts out.

Reads what `splitting.py` keyed, feeds `manifest.py`. Within a shard documents
are sorted by hash, so the bytes do not depend on the order of arrival.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np

from beam_pipelines.options import PreprocessOptions
from beam_pipelines.packing import Example, document_generator, pack_document
from beam_pipelines.progress import advance
from beam_pipelines.records import write_records
from beam_pipelines.splitting import READ_COUNTS_KEY, HashedDocument, ShardKey
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
        folder: Where shards go.
        tokenizer: What text becomes ids with.
        special_token_ids: Id by name: [PAD] [UNK] [CLS] [SEP] [MASK].
        vocabulary_size: V.
        token_ids_dtype: "uint16" or "int32".
        sequence_length: S, the most tokens of an example.
        seed: Of packing and of the order of examples.
        single_segment_rate: Fraction of examples with one segment.
        short_example_rate: Fraction of examples with a random target length.
        compression: "gzip" or "none".
    """

    folder: str
    tokenizer: TokenizerSpec
    special_token_ids: dict[str, int]
    vocabulary_size: int
    token_ids_dtype: str
    sequence_length: int
    seed: int
    single_segment_rate: float
    short_example_rate: float
    compression: str


def shard_file(key: ShardKey, compression: str) -> str:
    """Returns the name of a shard's file."""
    suffix = ".gz" if compression == "gzip" else ""
    return f"{key[0]}-{key[1]:05d}.tfrecord{suffix}"


def pack_shard(
    documents: Sequence[HashedDocument], settings: ShardSettings
) -> tuple[list[Example], Counter[str]]:
    """Tokenizes and packs the documents of one shard, in order of hash.

    Returns:
        The examples, those of one document side by side, and the counts.

    Raises:
        ElectraError: Tokens in and tokens out differ.
    """
    ordered = sorted(documents)
    counts: Counter[str] = Counter(documents=len(ordered))
    examples: list[Example] = []
    tokenizer = load_tokenizer(settings.tokenizer)
    unknown_id = settings.special_token_ids["[UNK]"]
    texts = _counted(ordered, counts)
    sentence_lists = tokenize_documents(texts, tokenizer)
    for document, sentences in zip(ordered, sentence_lists, strict=True):
        packed = pack_document(
            sentences,
            sequence_length=settings.sequence_length,
            generator=document_generator(settings.seed, document.document_hash),
            cls_id=settings.special_token_ids["[CLS]"],
            sep_id=settings.special_token_ids["[SEP]"],
            single_segment_rate=settings.single_segment_rate,
            short_example_rate=settings.short_example_rate,
        )
        counts["documents_no_tokens"] += not packed
        counts["text_tokens"] += sum(map(len, sentences))
        for example in packed:
            tokens = len(example.token_ids)
            is_pair = example.first_segment_tokens < tokens
            counts["tokens"] += tokens
            counts["special_tokens"] += 3 if is_pair else 2
            counts["single_segment_examples"] += not is_pair
            counts["unknown_tokens"] += int(
                np.count_nonzero(example.token_ids == unknown_id)
            )
        examples += packed
    counts["examples"] = len(examples)
    if counts["tokens"] - counts["special_tokens"] != counts["text_tokens"]:
        raise ElectraError(
            f"{counts['tokens'] - counts['special_tokens']} tokens came out of packing",
            expected=f"the {counts['text_tokens']} that went in",
            fix="This is a bug; please report it.",
        )
    return examples, counts


def _counted(
    documents: Iterable[HashedDocument], counts: Counter[str]
) -> Iterator[bytes]:
    for document in documents:
        size_bytes = len(document.text)
        counts["text_bytes"] += size_bytes
        counts["lines"] += document.text.count(b"\n") + 1
        advance("write", size_bytes)
        yield document.text


def write_shard(
    key: ShardKey, documents: Sequence[HashedDocument], settings: ShardSettings
) -> dict[str, Any]:
    """Writes one shard.

    Args:
        key: Split and index.
        documents: In any order.
        settings: Of all shards.

    Returns:
        A row for `manifest.py`: "split", "file", "examples", "tokens",
        "bytes", "sha256" and "counts". "file" is "" if the shard would have
        been empty, then it is not written.

    Raises:
        OSError: The file cannot be written.
    """
    from electra_keras.data.features import encode_example

    examples, counts = pack_shard(documents, settings)
    row = {
        "split": key[0],
        "file": "",
        "examples": len(examples),
        "tokens": counts["tokens"],
        "bytes": 0,
        "sha256": "",
        "counts": dict(counts),
    }
    if not examples:
        return row
    records = (
        encode_example(*examples[index], settings.token_ids_dtype)
        for index in _shuffled(len(examples), key, settings.seed)
    )
    file = shard_file(key, settings.compression)
    row["bytes"], row["sha256"] = write_records(
        Path(settings.folder) / file, records, compression=settings.compression
    )
    return row | {"file": file}


def _shuffled(count: int, key: ShardKey, seed: int) -> list[int]:
    text = f"{seed}/{key[0]}/{key[1]}".encode()
    digest = hashlib.blake2b(text, digest_size=16).digest()
    bits = np.random.PCG64(int.from_bytes(digest, "little"))
    return np.random.Generator(bits).permutation(count).tolist()


class _WriteShardFn(beam.DoFn):
    """(shard key, chunks) -> row."""

    def __init__(self, settings: ShardSettings) -> None:
        self._settings = settings

    def process(
        self, element: tuple[ShardKey, Iterable[list[Any]]]
    ) -> Iterator[dict[str, Any]]:
        key, chunks = element
        rows = [row for chunk in chunks for row in chunk]
        if tuple(key) == READ_COUNTS_KEY:
            counts: Counter[str] = Counter()
            for row in rows:
                counts.update(row)
            yield {"split": "", "counts": dict(counts)}
            return
        documents = [HashedDocument(*row) for row in rows]
        yield write_shard(key, documents, self._settings)


class WriteShards(beam.PTransform):
    """(shard key, chunks of documents) -> one row of counts per shard."""

    def __init__(self, settings: ShardSettings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, grouped: beam.PCollection) -> beam.PCollection:
        """Adds the step to a pipeline."""
        return grouped | beam.ParDo(_WriteShardFn(self._settings))


def make_shard_settings(options: PreprocessOptions, folder: Path) -> ShardSettings:
    """Reads the vocabulary, puts a copy into the folder and settles the rest.

    Raises:
        UsageError: The vocabulary file is missing or wrong.
    """
    from electra_keras.data.features import token_ids_dtype
    from electra_keras.data.info import VOCABULARY_FILE
    from electra_keras.data.tokenizer import Vocabulary

    vocabulary = Vocabulary.load(options.vocabulary)
    copy = folder / VOCABULARY_FILE
    copy.write_bytes(vocabulary.text().encode("utf-8"))
    return ShardSettings(
        folder=str(folder),
        tokenizer=TokenizerSpec(
            str(copy), vocabulary.sha256, options.max_bytes_per_word
        ),
        special_token_ids=vocabulary.special_token_ids,
        vocabulary_size=len(vocabulary),
        token_ids_dtype=token_ids_dtype(len(vocabulary)),
        sequence_length=options.sequence_length,
        seed=options.seed,
        single_segment_rate=options.single_segment_rate,
        short_example_rate=options.short_example_rate,
        compression=options.compression,
    )
