"""python -m pytest tests/test_features.py"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.features import (
    encode_example,
    parse_examples,
)
from electra_keras.data.vocabulary import token_ids_dtype

# Two features in the order of their names; each a map entry of tf.train.Example.
_SEGMENT = b"\n\x14first_segment_tokens\x12\x05\x1a\x03\n\x01\x03"
_UINT16 = b"\n\ttoken_ids\x12\x0e\n\x0c\n\n\x02\x00\x07\x00\x03\x00\xff\xff\x03\x00"


def test_record_is_these_very_bytes() -> None:
    record = encode_example(np.array([2, 7, 3, 65535, 3]), 3)
    entries = b"\n\x1d" + _SEGMENT + b"\n\x1b" + _UINT16
    assert record == b"\n" + bytes([len(entries)]) + entries


def test_dense_record_has_the_blocks_in_front() -> None:
    record = encode_example([2, 7, 3, 2, 9, 3], 6, block_tokens=[3, 300])
    example = tf.train.Example.FromString(record)
    assert sorted(example.features.feature) == [
        *("block_tokens", "first_segment_tokens", "token_ids"),
    ]
    blocks = example.features.feature["block_tokens"].bytes_list.value
    assert blocks == [b"\x03\x00\x2c\x01"]
    assert record[4:18] == b"\n\x0cblock_tokens"


@pytest.mark.parametrize(
    ("dtype", "data"),
    [
        ("uint16", b"\x02\x00\xff\xff\x03\x00"),
        ("int32", b"\x02\x00\x00\x00\xff\xff\x00\x00\x03\x00\x00\x00"),
    ],
)
def test_ids_are_little_endian(dtype: str, data: bytes) -> None:
    record = encode_example(np.array([2, 65535, 3], ">i8"), 3, dtype)
    example = tf.train.Example.FromString(record)
    assert example.features.feature["token_ids"].bytes_list.value == [data]
    segment = example.features.feature["first_segment_tokens"].int64_list.value
    assert list(segment) == [3]


@pytest.mark.parametrize(("dtype", "top"), [("uint16", 65535), ("int32", 70000)])
def test_parsed_rows_are_padded_and_segmented(dtype: str, top: int) -> None:
    records = [
        encode_example([2, 7, 3, top, 9, 3], 3, dtype),
        encode_example([2, 8, 3], 3, dtype),
        encode_example([2, 9, 10, 11, 12, 13, 14, 3], 8, dtype),
    ]
    rows = parse_examples(tf.constant(records), 8, dtype)
    assert {name: value.dtype for name, value in rows.items()} == {
        "token_ids": tf.int32,
        "segment_ids": tf.int32,
        "padding_mask": tf.int32,
    }
    assert rows["token_ids"].numpy().tolist() == [
        [2, 7, 3, top, 9, 3, 0, 0],
        [2, 8, 3, 0, 0, 0, 0, 0],
        [2, 9, 10, 11, 12, 13, 14, 3],
    ]
    assert rows["segment_ids"].numpy().tolist() == [
        [0, 0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert rows["padding_mask"].numpy().tolist() == [
        [1, 1, 1, 1, 1, 1, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 1, 1],
    ]


def test_rows_are_the_same_inside_a_dataset() -> None:
    records = [encode_example([2, 7 + i, 3], 3) for i in range(4)]
    dataset = tf.data.Dataset.from_tensor_slices(records).batch(4)
    inside = next(iter(dataset.map(lambda batch: parse_examples(batch, 4))))
    outside = parse_examples(tf.constant(records), 4)
    for name in outside:
        assert np.array_equal(inside[name], outside[name])
    assert inside["token_ids"].shape == (4, 4)


def test_smallest_dtype_that_holds_every_id_is_taken() -> None:
    assert token_ids_dtype(65_536) == "uint16"
    assert token_ids_dtype(65_537) == "int32"
