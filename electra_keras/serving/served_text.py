"""Raw text to padded rows of ids, and to the characters behind each token.

Reads `data/text_pieces.py`, feeds `signatures.py` and `served_corruption.py`.
"""

from __future__ import annotations

import tensorflow as tf

from electra_keras.data.text_pieces import TextPieces
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import CLS, PAD, SEP

Tensors = dict[str, tf.Tensor]

TOKEN_NAMES = ("token_ids", "segment_ids", "padding_mask")
# [CLS] and [SEP].
FRAME_TOKENS = 2


class ServedText:
    """Gives a text the ids that preprocessing would have given it.

    Args:
        tokenizer: The one the training data were made with.
        sequence_length: S of the longest row; what does not fit is cut.
    """

    def __init__(self, tokenizer: Tokenizer, sequence_length: int) -> None:
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self._pieces = TextPieces(tokenizer, sequence_length - FRAME_TOKENS)
        # Eager, so that all signatures share one constant.
        self._entries = tf.constant(tokenizer.vocabulary.entries)

    def tokenize(self, text: tf.Tensor) -> Tensors:
        """Makes one row of each text: [CLS], its word pieces, [SEP], padding.

        Args:
            text: string (B,), UTF-8; malformed bytes count as U+FFFD.

        Returns: with S the longest row of the batch, at most `sequence_length`
            `token_ids`, `segment_ids` (0), `padding_mask` int32 (B, S);
            `tokens` string (B, S), "" where padded; `token_starts`,
            `token_ends` int32 (B, S): Unicode code points of `text` as it was
            given, the end exclusive. Both are 0 for [CLS]; for [SEP] and
            padding both are where the last word piece ends, so that they never
            decrease along a row. Characters that NFC composes into several
            stand behind each of these.
        """
        ids = self.tokenizer.vocabulary.special_token_ids
        pieces, starts, ends = self._pieces.find(text)
        lengths = pieces.row_lengths() + FRAME_TOKENS
        padding_mask = tf.sequence_mask(lengths, _longest(lengths), tf.int32)
        is_piece = tf.pad(padding_mask[:, FRAME_TOKENS:], [[0, 0], [1, 1]]) > 0
        edge = tf.ones_like(text, tf.int32)[:, tf.newaxis]
        rows = tf.concat([edge * ids[CLS], pieces, edge * ids[SEP]], axis=1)
        token_ids = pad_rows(rows, ids[PAD], padding_mask)
        token_starts, token_ends = (
            pad_rows(tf.concat([edge * 0, row], axis=1), 0, padding_mask)
            for row in (starts, ends)
        )
        covered = tf.reduce_max(token_ends, axis=1, keepdims=True)
        is_first = tf.range(tf.shape(is_piece)[1]) == 0
        return {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "padding_mask": padding_mask,
            "tokens": self.token_strings(token_ids, padding_mask),
            "token_starts": tf.where(is_piece | is_first, token_starts, covered),
            "token_ends": tf.where(is_piece | is_first, token_ends, covered),
        }

    def token_strings(self, token_ids: tf.Tensor, padding_mask: tf.Tensor) -> tf.Tensor:
        """Entries of the vocabulary, "" where padded: string (B, S)."""
        return tf.where(padding_mask > 0, tf.gather(self._entries, token_ids), "")


def _longest(lengths: tf.Tensor) -> tf.Tensor:
    """S of a batch; that of an empty text where there is none."""
    return tf.reduce_max(tf.concat([[FRAME_TOKENS], lengths], axis=0))


def pad_rows(rows: tf.RaggedTensor, default: int, padding_mask: tf.Tensor) -> tf.Tensor:
    """Rows to the shape of their mask: int32 (B, S)."""
    dense = rows.to_tensor(default)
    missing = tf.shape(padding_mask)[1] - tf.shape(dense)[1]
    return tf.pad(dense, [[0, 0], [0, missing]], constant_values=default)
