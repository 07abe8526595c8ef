"""Texts as vectors: the mean of what a frozen network makes of their tokens.

Reads rows of `encoding.py` and a pre-trained network, feeds `probe.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from electra_keras.finetuning.encoding import EncodedRow

# Tokens that the network works through at once, padding included.
_BATCH_TOKENS = 4_096
_TOKENS = tf.TensorSpec([None, None], tf.int32)


class MeanStates:
    """Gives each row the mean of its hidden states, over tokens and over layers.

    The layers are what the first block is given and what each block gives. The last
    one alone serves the objective: of small networks it told no more of a review's
    sentiment after training than before (docs/training.md).

    Args:
        network: The discriminator, of `models/networks.py`; it stays as it is, and
            what it learns later is seen.
    """

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        self._embeddings = network.get_layer("embeddings")
        self._encoder = network.get_layer("discriminator_encoder")
        # Traced once: lengths are open.
        self._average = tf.function(self._average_states, [_TOKENS] * 3)

    def __call__(self, rows: Sequence[EncodedRow]) -> np.ndarray:
        """Runs the network, on rows of similar length at a time.

        Args:
            rows: N of them, none longer than the table of positions.

        Returns: float32 (N, H).
        """
        means = np.zeros((len(rows), self._encoder.hidden_dim), np.float32)
        for places in _split_by_length([len(row.token_ids) for row in rows]):
            batch = [rows[place] for place in places]
            means[places] = self._average(
                _pad([row.token_ids for row in batch]),
                _pad([row.segment_ids for row in batch]),
                _pad([row.padding_mask for row in batch]),
            ).numpy()
        return means

    def _average_states(
        self, token_ids: tf.Tensor, segment_ids: tf.Tensor, padding_mask: tf.Tensor
    ) -> tf.Tensor:
        embedded = self._embeddings(token_ids, segment_ids)
        layers = self._encoder(embedded, padding_mask, training=False, every_layer=True)
        weight = tf.cast(padding_mask, tf.float32)
        weight /= tf.reduce_sum(weight, 1, keepdims=True) * float(len(layers))
        return tf.add_n(
            [
                tf.einsum("bs,bsh->bh", weight, tf.cast(layer, tf.float32))
                for layer in layers
            ]
        )


def _split_by_length(lengths: Sequence[int]) -> list[np.ndarray]:
    """Splits rows into batches: places, shortest rows first."""
    order = np.argsort(lengths, kind="stable")
    batches = []
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (
            (last + 1 - first) * lengths[order[last]] <= _BATCH_TOKENS
        ):
            last += 1
        batches.append(order[first:last])
        first = last
    return batches


def _pad(rows: Sequence[np.ndarray]) -> np.ndarray:
    padded = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return padded
