"""THE record contract and the glossary of names and shapes.

One record of a shard is a `tf.train.Example` with two features, three if the
data are packed `dense` (`packing` in `info.json`):

| feature                | type          | meaning                               |
|------------------------|---------------|---------------------------------------|
| `token_ids`            | bytes, 1      | [CLS] a [SEP] (b [SEP]), no padding,  |
|                        |               | little-endian uint16 (or int32, see   |
|                        |               | `token_ids_dtype` in `info.json`)     |
| `first_segment_tokens` | int64, 1      | tokens of the first segment, with its |
|                        |               | [CLS] and [SEP]; dense: all tokens    |
| `block_tokens`         | bytes, 1      | dense: tokens of each block           |
|                        |               | [CLS] text [SEP], little-endian       |
|                        |               | uint16; their sum is all tokens       |

Padding and segment ids follow from these, so the disk never holds them.

Shape letters, here and everywhere: B examples in a batch (of one replica),
S tokens of a row (`sequence_length`), M mask slots of a row, V vocabulary
entries, H hidden dimension.

| name                    | dtype, shape   | meaning                            |
|-------------------------|----------------|------------------------------------|
| `token_ids`             | int32 (B, S)   | original ids; BERT's `input_ids`   |
| `segment_ids`           | int32 (B, S)   | 0 or 1: sentence a or b            |
| `padding_mask`          | int32 (B, S)   | 1 real token, 0 padding            |
| `block_ids`             | int32 (B, S)   | dense: 1, 2, ... the block of the  |
|                         |                | token, 0 padding                   |
| `masked_token_ids`      | int32 (B, S)   | generator input                    |
| `mask_positions`        | int32 (B, M)   | index into S; 0 in an unused slot  |
| `mask_ids`              | int32 (B, M)   | original id; 0 in an unused slot   |
| `mask_weights`          | float32 (B, M) | 1.0 used slot, 0.0 unused          |
| `corrupted_token_ids`   | int32 (B, S)   | discriminator input                |
| `is_replaced`           | int32 (B, S)   | 1 where corrupted differs          |
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from electra_keras.errors import ElectraError

TOKEN_IDS = "token_ids"
FIRST_SEGMENT_TOKENS = "first_segment_tokens"
BLOCK_TOKENS = "block_tokens"
PACKINGS = ("reference", "dense", "short")
_SHORTEST_BLOCK_TOKENS = 3


def encode_example(
    token_ids: np.ndarray,
    first_segment_tokens: int,
    dtype: str = "uint16",
    block_tokens: Sequence[int] | None = None,
) -> bytes:
    """Serialises one example; `parse_examples` reads it back.

    Args:
        token_ids: integer (T,), T <= S. The tokens with specials, unpadded.
        first_segment_tokens: Tokens of the first segment, specials included.
        dtype: "uint16" or "int32", from `token_ids_dtype`.
        block_tokens: Of a dense row: tokens of each block, summing to T.

    Returns:
        The bytes of a `tf.train.Example`.
    """
    feature = {
        TOKEN_IDS: _bytes_feature(token_ids, dtype),
        FIRST_SEGMENT_TOKENS: tf.train.Feature(
            int64_list=tf.train.Int64List(value=[first_segment_tokens])
        ),
    }
    if block_tokens is not None:
        feature[BLOCK_TOKENS] = _bytes_feature(block_tokens, "uint16")
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


def _bytes_feature(numbers: Sequence[int] | np.ndarray, dtype: str) -> tf.train.Feature:
    data = np.asarray(numbers).astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[data]))


def parse_examples(
    records: tf.Tensor,
    sequence_length: int,
    dtype: str = "uint16",
    packing: str = "reference",
) -> dict[str, tf.Tensor]:
    """Parses a batch of records into padded rows.

    Args:
        records: string (B,). Serialised examples.
        sequence_length: S, tokens of a row.
        dtype: "uint16" or "int32", as the shards were written.
        packing: As the shards were packed.

    Returns:
        `token_ids`, `segment_ids`, `padding_mask`, and if dense `block_ids`:
        int32 (B, S). Padding has id 0, segment 0, block 0.

    Raises:
        ElectraError: The packing is unknown.
    """
    if packing not in PACKINGS:
        raise ElectraError(
            f"data with packing {packing!r}",
            expected=f"one of {', '.join(PACKINGS)}",
            fix="Read them with the version that wrote them.",
        )
    features = {
        TOKEN_IDS: tf.io.FixedLenFeature([], tf.string),
        FIRST_SEGMENT_TOKENS: tf.io.FixedLenFeature([], tf.int64),
    }
    if packing == "dense":
        features[BLOCK_TOKENS] = tf.io.FixedLenFeature([], tf.string)
    parsed = tf.io.parse_example(records, features)
    itemsize = np.dtype(dtype).itemsize
    token_ids = tf.io.decode_raw(
        parsed[TOKEN_IDS], dtype, fixed_length=sequence_length * itemsize
    )
    tokens = tf.strings.length(parsed[TOKEN_IDS]) // itemsize
    position = tf.range(sequence_length)[tf.newaxis, :]
    is_real = position < tokens[:, tf.newaxis]
    first = tf.cast(parsed[FIRST_SEGMENT_TOKENS], tf.int32)[:, tf.newaxis]
    rows = {
        "token_ids": tf.cast(token_ids, tf.int32),
        "segment_ids": tf.cast(is_real & (position >= first), tf.int32),
        "padding_mask": tf.cast(is_real, tf.int32),
    }
    if packing == "dense":
        block_ids = _number_blocks(parsed[BLOCK_TOKENS], sequence_length)
        rows["block_ids"] = block_ids * rows["padding_mask"]
    return rows


def _number_blocks(block_tokens: tf.Tensor, sequence_length: int) -> tf.Tensor:
    """Numbers the blocks of each row from 1: int32 (B, S); padding has any."""
    most_blocks = sequence_length // _SHORTEST_BLOCK_TOKENS
    lengths = tf.io.decode_raw(block_tokens, tf.uint16, fixed_length=2 * most_blocks)
    ends = tf.cumsum(tf.cast(lengths, tf.int32), axis=1)
    position = tf.range(sequence_length)[tf.newaxis, :]
    position = tf.broadcast_to(position, [tf.shape(ends)[0], sequence_length])
    # A block's number is that of the blocks which end before the token, and 1.
    return 1 + tf.searchsorted(ends, position, side="right")
