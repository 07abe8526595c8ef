"""Two raw texts to one padded row: [CLS], the first, [SEP], the second, [SEP].

Reads `data/text_pieces.py`, feeds `task_signatures.py`.
"""

from __future__ import annotations

import tensorflow as tf

from electra_keras.data.text_pieces import TextPieces
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import CLS, PAD, SEP
from electra_keras.serving.served_text import Tensors, pad_rows

_FRAME_TOKENS = 3


class ServedPair:
    """Gives two texts the row that the fine-tuning would have given them.

    Args:
        tokenizer: Of the pre-trained model.
        sequence_length: S of the longest row.
        most_first_tokens: What is kept of the first text, however short the
            second is. None: the longer of both is cut first.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        sequence_length: int,
        most_first_tokens: int | None = None,
    ) -> None:
        self._ids = tokenizer.vocabulary.special_token_ids
        self._room = sequence_length - _FRAME_TOKENS
        self._most_first_tokens = most_first_tokens
        # More is never kept of a text, and equally long ones are cut alike.
        self._pieces = TextPieces(tokenizer, self._room + 1)

    def tokenize(self, first: tf.Tensor, second: tf.Tensor) -> Tensors:
        """Makes rows.

        Args:
            first: string (B,), UTF-8.
            second: string (B,), UTF-8.

        Returns: `token_ids`, `segment_ids`, `padding_mask` int32 (B, S), S the
            longest row of the batch; `second_starts`, `second_ends` int32 (B, S),
            code points of the second text behind its tokens, 0 elsewhere;
            `is_cut` int32 (B,), 1 where not all of both fits.
        """
        first_ids, _, _ = self._pieces.find(first)
        second_ids, starts, ends = self._pieces.find(second)
        lengths = [
            tf.cast(ids.row_lengths(), tf.int32) for ids in (first_ids, second_ids)
        ]
        kept = self._cut(*lengths)
        first_ids = _head(first_ids, kept[0])
        second_ids, starts, ends = (
            _head(part, kept[1]) for part in (second_ids, starts, ends)
        )
        edge = tf.ones_like(first, tf.int32)[:, tf.newaxis]
        separator = edge * self._ids[SEP]
        rows = tf.concat(
            [edge * self._ids[CLS], first_ids, separator, second_ids, separator], axis=1
        )
        # Of no rows at all the width is that of empty texts.
        width = tf.concat([[_FRAME_TOKENS], rows.row_lengths()], axis=0)
        places = tf.range(tf.reduce_max(width), dtype=tf.int64)
        is_real = places < rows.row_lengths()[:, tf.newaxis]
        padding_mask = tf.cast(is_real, tf.int32)
        from_second = tf.cast(kept[0] + 2, tf.int64)[:, tf.newaxis]
        before = tf.zeros_like(tf.concat([edge, first_ids, separator], axis=1))
        second_starts, second_ends = (
            pad_rows(tf.concat([before, part, edge * 0], axis=1), 0, padding_mask)
            for part in (starts, ends)
        )
        return {
            "token_ids": pad_rows(rows, self._ids[PAD], padding_mask),
            "segment_ids": tf.cast(is_real & (places >= from_second), tf.int32),
            "padding_mask": padding_mask,
            "second_starts": second_starts,
            "second_ends": second_ends,
            "is_cut": tf.cast(tf.add_n(kept) < tf.add_n(lengths), tf.int32),
        }

    def _cut(self, first: tf.Tensor, second: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Tokens that are kept of each, as `finetuning/encoding.py` cuts."""
        if self._most_first_tokens is not None:
            first = tf.minimum(first, self._most_first_tokens)
            return first, tf.minimum(second, self._room - first)
        excess = tf.maximum(first + second - self._room, 0)
        from_longer = tf.minimum(excess, tf.abs(first - second))
        is_first_longer = first > second
        first -= tf.where(is_first_longer, from_longer, 0)
        second -= tf.where(is_first_longer, 0, from_longer)
        rest = excess - from_longer
        return first - rest // 2, second - (rest + 1) // 2


def _head(rows: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """The first so many of each row."""
    longest = tf.reduce_max(tf.concat([[0], lengths], axis=0))
    dense = rows[:, :longest].to_tensor(0)
    missing = longest - tf.shape(dense)[1]
    dense = tf.pad(dense, [[0, 0], [0, tf.maximum(missing, 0)]])
    return tf.RaggedTensor.from_tensor(dense, lengths)
