"""Documents in, token ids out, by the op that the served model uses too.

Reads documents of one shard, feeds `packing.py`. TensorFlow is imported only
when text is tokenized, so planning a job does not need it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from electra_keras.errors import ElectraError

if TYPE_CHECKING:
    from electra_keras.data.tokenizer import Tokenizer

# The op's cost per call is that of some 100 lines: 1 line a call gives
# 0.2 MB/s, 1000 lines 31 MB/s.
BATCH_LINES = 4096
BATCH_BYTES = 2**20
_tokenizers: dict[TokenizerSpec, Tokenizer] = {}


@dataclasses.dataclass(frozen=True)
class TokenizerSpec:
    """What a worker needs to build the tokenizer; small enough to travel.

    Attributes:
        vocabulary: Path of `vocab.txt`.
        vocabulary_sha256: Its `Vocabulary.sha256`.
        max_bytes_per_word: UTF-8 bytes; a longer word becomes [UNK].
    """

    vocabulary: str
    vocabulary_sha256: str
    max_bytes_per_word: int


def load_tokenizer(spec: TokenizerSpec) -> Tokenizer:
    """Builds the tokenizer, once per process.

    Raises:
        ElectraError: The vocabulary file changed since the job was planned.
    """
    if spec not in _tokenizers:
        from electra_keras.data.tokenizer import Tokenizer, TokenizerConfig, Vocabulary

        vocabulary = Vocabulary.load(spec.vocabulary)
        if vocabulary.sha256 != spec.vocabulary_sha256:
            raise ElectraError(
                f"{spec.vocabulary} changed while it was in use",
                expected=f"the vocabulary with hash {spec.vocabulary_sha256[:12]}",
                fix="Leave the file alone and run again.",
            )
        config = TokenizerConfig(max_bytes_per_word=spec.max_bytes_per_word)
        _tokenizers[spec] = Tokenizer(vocabulary, config)
    return _tokenizers[spec]


def tokenize_documents(
    texts: Iterable[bytes], tokenizer: Tokenizer
) -> Iterator[list[np.ndarray]]:
    """Tokenizes documents, many lines a call.

    Args:
        texts: Documents, UTF-8; a line is a sentence.
        tokenizer: From `load_tokenizer`.

    Yields:
        For each document its sentences: int32 (tokens,) each, without
        specials. A sentence of which nothing is left is empty.
    """
    lines: list[bytes] = []
    line_counts: list[int] = []
    size_bytes = 0
    for text in texts:
        document_lines = text.split(b"\n")
        lines += document_lines
        line_counts.append(len(document_lines))
        size_bytes += len(text)
        if len(lines) >= BATCH_LINES or size_bytes >= BATCH_BYTES:
            yield from _tokenize_batch(lines, line_counts, tokenizer)
            lines, line_counts, size_bytes = [], [], 0
    if lines:
        yield from _tokenize_batch(lines, line_counts, tokenizer)


def _tokenize_batch(
    lines: list[bytes], line_counts: list[int], tokenizer: Tokenizer
) -> Iterator[list[np.ndarray]]:
    import tensorflow as tf

    ragged = tokenizer.tokenize(tf.constant(lines, tf.string))
    values = ragged.flat_values.numpy()
    splits = ragged.row_splits.numpy().tolist()
    line = 0
    for count in line_counts:
        bounds = splits[line : line + count + 1]
        yield [values[a:b] for a, b in itertools.pairwise(bounds)]
        line += count
