"""THE record contract and the glossary of names and shapes.

One record of a shard is a `tf.train.Example` with two features:

| feature                | type          | meaning                               |
|------------------------|---------------|---------------------------------------|
| `token_ids`            | bytes, 1      | [CLS] a [SEP] (b [SEP]), no padding,  |
|                        |               | little-endian uint16 (or int32, see   |
|                        |               | `token_ids_dtype` in `info.json`)     |
| `first_segment_tokens` | int64, 1      | tokens of the first segment, with its |
|                        |               | [CLS] and [SEP]                       |

Padding and segment ids follow from these, so the disk never holds them.

Shape letters, here and everywhere: B examples in a batch (of one replica),
S tokens of a row (`sequence_length`), M mask slots of a row, V vocabulary
entries, H hidden dimension.

| name                    | dtype, shape   | meaning                            |
|-------------------------|----------------|------------------------------------|
| `token_ids`             | int32 (B, S)   | original ids; BERT's `input_ids`   |
| `segment_ids`           | int32 (B, S)   | 0 or 1: sentence a or b            |
| `padding_mask`          | int32 (B, S)   | 1 real token, 0 padding            |
| `masked_token_ids`      | int32 (B, S)   | generator input                    |
| `mask_positions`        | int32 (B, M)   | index into S; 0 in an unused slot  |
| `mask_ids`              | int32 (B, M)   | original id; 0 in an unused slot   |
| `mask_weights`          | float32 (B, M) | 1.0 used slot, 0.0 unused          |
| `corrupted_token_ids`   | int32 (B, S)   | discriminator input                |
| `is_replaced`           | int32 (B, S)   | 1 where corrupted differs          |
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

TOKEN_IDS = "token_ids"
FIRST_SEGMENT_TOKENS = "first_segment_tokens"

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL_TOKENS = (PAD, UNK, CLS, SEP, MASK)


def token_ids_dtype(vocabulary_size: int) -> str:
    """Returns the smallest dtype a record needs: "uint16" or "int32"."""
    return "uint16" if vocabulary_size <= 2**16 else "int32"


def encode_example(
    token_ids: np.ndarray, first_segment_tokens: int, dtype: str = "uint16"
) -> bytes:
    """Serialises one example; `parse_examples` reads it back.

    Args:
        token_ids: integer (T,), T <= S. The tokens with specials, unpadded.
        first_segment_tokens: Tokens of the first segment, specials included.
        dtype: "uint16" or "int32", from `token_ids_dtype`.

    Returns:
        The bytes of a `tf.train.Example`.
    """
    data = np.asarray(token_ids).astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    feature = {
        TOKEN_IDS: tf.train.Feature(bytes_list=tf.train.BytesList(value=[data])),
        FIRST_SEGMENT_TOKENS: tf.train.Feature(
            int64_list=tf.train.Int64List(value=[first_segment_tokens])
        ),
    }
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


def parse_examples(
    records: tf.Tensor, sequence_length: int, dtype: str = "uint16"
) -> dict[str, tf.Tensor]:
    """Parses a batch of records into padded rows.

    Args:
        records: string (B,). Serialised examples.
        sequence_length: S, tokens of a row.
        dtype: "uint16" or "int32", as the shards were written.

    Returns:
        `token_ids`, `segment_ids`, `padding_mask`: int32 (B, S). Padding has
        id 0, segment 0.
    """
    parsed = tf.io.parse_example(
        records,
        {
            TOKEN_IDS: tf.io.FixedLenFeature([], tf.string),
            FIRST_SEGMENT_TOKENS: tf.io.FixedLenFeature([], tf.int64),
        },
    )
    itemsize = np.dtype(dtype).itemsize
    token_ids = tf.io.decode_raw(
        parsed[TOKEN_IDS], dtype, fixed_length=sequence_length * itemsize
    )
    tokens = tf.strings.length(parsed[TOKEN_IDS]) // itemsize
    position = tf.range(sequence_length)[tf.newaxis, :]
    is_real = position < tokens[:, tf.newaxis]
    first = tf.cast(parsed[FIRST_SEGMENT_TOKENS], tf.int32)[:, tf.newaxis]
    return {
        "token_ids": tf.cast(token_ids, tf.int32),
        "segment_ids": tf.cast(is_real & (position >= first), tf.int32),
        "padding_mask": tf.cast(is_real, tf.int32),
    }
