"""Raw text to word pieces in a graph, with the characters behind each.

Joins `graph_normalization.py` and `tokenizer.py`; feeds `serving/served_text.py`
and `finetuning/encoding.py`, so that both see a text as training did.
"""

from __future__ import annotations

import tensorflow as tf

from electra_keras.data.graph_normalization import GraphNormalizer
from electra_keras.data.tokenizer import Tokenizer


class TextPieces:
    """Gives a text the word pieces that preprocessing would have given it.

    Args:
        tokenizer: The one the training data were made with.
        most_tokens: Word pieces of a text that are read; what comes after them
            is left out. None: all are read.
    """

    def __init__(self, tokenizer: Tokenizer, most_tokens: int | None = None) -> None:
        self._tokenizer = tokenizer
        self._most_tokens = most_tokens
        self._normalizer = GraphNormalizer(
            tokenizer.config.max_bytes_per_word,
            # Every word gives a token, unless it is all accents to be stripped.
            None if tokenizer.config.lower_case else most_tokens,
        )

    def find(
        self, text: tf.Tensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """Finds the word pieces of texts.

        Args:
            text: string (B,), UTF-8 of any normal form; malformed bytes count as
                U+FFFD.

        Returns:
            Ids, without [CLS] and [SEP]; starts and ends, Unicode code points of
            `text` as it was given, the end exclusive: int32 ragged (B, tokens).
            Characters that NFC composes into several stand behind each of these.
        """
        normalized = self._normalizer.normalize(text)
        found = self._tokenizer.tokenize_normalized_with_offsets(normalized.text)
        ids, first_bytes, last_bytes = (row[:, : self._most_tokens] for row in found)
        return ids, *normalized.source_offsets(first_bytes, last_bytes)
