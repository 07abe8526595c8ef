"""What the SavedModel answers: text in, or token ids in.

Reads a trained discriminator and its tokenizer, feeds `export.py`. Only ops
that stock TF Serving links are used.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from electra_keras.data.tokenizer import Tokenizer

TOKEN_NAMES = ("token_ids", "segment_ids", "padding_mask")


class ServedDiscriminator:
    """The signatures of the SavedModel.

    Args:
        discriminator: From `models/networks.py`, float32, no strategy.
        tokenizer: The one the training data were made with.
        sequence_length: Longer rows are cut, by default at what was trained,
            since later rows of the position table know nothing.
    """

    def __init__(
        self, discriminator: keras.Model, tokenizer: Tokenizer, sequence_length: int
    ):
        self.discriminator = discriminator
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length

    def from_text(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for raw text.

        Args:
            text: string (B,), UTF-8.

        Returns: with S the longest row of the batch
            `tokens` string (B, S), "" where padded; `padding_mask` int32
            (B, S); and what `from_tokens` gives: `embeddings` float32
            (B, S, H), the last hidden states, and `replaced_probability`.
        """
        ids = self.tokenizer.vocabulary.special_token_ids
        pieces = self.tokenizer.tokenize(text)[:, : self.sequence_length - 2]
        edge = tf.ones_like(text, tf.int32)[:, tf.newaxis]
        rows = tf.concat([edge * ids["[CLS]"], pieces, edge * ids["[SEP]"]], axis=1)
        lengths = rows.row_lengths()
        token_ids = rows.to_tensor(default_value=ids["[PAD]"])
        padding_mask = tf.sequence_mask(lengths, dtype=tf.int32)
        entries = tf.constant(self.tokenizer.vocabulary.entries)
        answer = self.from_tokens(token_ids, tf.zeros_like(token_ids), padding_mask)
        return {
            "tokens": tf.where(padding_mask > 0, tf.gather(entries, token_ids), ""),
            "padding_mask": padding_mask,
            **answer,
        }

    def from_tokens(
        self, token_ids: tf.Tensor, segment_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Answers for token ids.

        Args:
            token_ids: int32 (B, S), [CLS] a [SEP] (b [SEP]).
            segment_ids: int32 (B, S).
            padding_mask: int32 (B, S).

        Returns: with S at most `sequence_length`
            `embeddings` float32 (B, S, H); `replaced_probability` float32 (B, S),
            0 where padded, unless the network was trained to predict tokens and
            has no head for it.
        """
        padding_mask = padding_mask[:, : self.sequence_length]
        outputs = self.discriminator(
            {
                "token_ids": token_ids[:, : self.sequence_length],
                "segment_ids": segment_ids[:, : self.sequence_length],
                "padding_mask": padding_mask,
            },
            training=False,
        )
        answer = {"embeddings": outputs["hidden_states"]}
        if "replaced_logits" in outputs:
            probability = tf.sigmoid(outputs["replaced_logits"])
            is_real = tf.cast(padding_mask, tf.float32)
            answer["replaced_probability"] = probability * is_real
        return answer
