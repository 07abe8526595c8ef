"""Documents in, token ids out, by the op that the served model uses too.

Reads documents of one shard, feeds `packing.py`. TensorFlow is imported only
when text is tokenized, so planning a job does not need it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from beam_pipelines import storage
from beam_pipelines.packed_rows import TokenizedDocuments, make_splits
from electra_keras.command_line import import_tensorflow_quietly
from electra_keras.data.vocabulary import TokenizerConfig, Vocabulary
from electra_keras.errors import ElectraError

if TYPE_CHECKING:
    from electra_keras.data.tokenizer import Tokenizer

# The op's cost per call is that of some 100 lines: 1 line a call gives
# 0.2 MB/s, 1000 lines 31 MB/s.
BATCH_LINES = 4096
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
        import_tensorflow_quietly()
        from electra_keras.data.tokenizer import Tokenizer

        text = storage.read_file(spec.vocabulary)
        vocabulary = Vocabulary.parse(text, spec.vocabulary)
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
    texts: Sequence[bytes], tokenizer: Tokenizer
) -> TokenizedDocuments:
    """Tokenizes documents, many lines a call.

    Args:
        texts: Documents, UTF-8, normalised by `cleaning/normalization.py`. A
            line is a sentence, an empty line a change of speaker.
        tokenizer: From `load_tokenizer`.

    Returns:
        Their token ids, without specials. A line of which nothing is left is
        empty.
    """
    lines = b"\n".join(texts).split(b"\n") if texts else []
    line_counts = np.fromiter((text.count(b"\n") for text in texts), np.int64) + 1
    parts: list[np.ndarray] = []
    lengths: list[np.ndarray] = []
    for start in range(0, len(lines), BATCH_LINES):
        ids, splits = _tokenize_lines(lines[start : start + BATCH_LINES], tokenizer)
        parts.append(ids)
        lengths.append(np.diff(splits))
    is_empty = np.fromiter(map(len, lines), np.int64) == 0
    return TokenizedDocuments(
        np.concatenate([np.empty(0, np.int32), *parts]),
        make_splits(np.concatenate([np.empty(0, np.int64), *lengths])),
        make_splits(line_counts),
        is_empty if is_empty.any() else None,
    )


def _tokenize_lines(
    lines: list[bytes], tokenizer: Tokenizer
) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow as tf

    ragged = tokenizer.tokenize_normalized(tf.constant(lines, tf.string))
    return ragged.flat_values.numpy(), ragged.row_splits.numpy()
