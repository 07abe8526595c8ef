"""python -m pytest tests/test_records.py"""

from __future__ import annotations

import gzip
from pathlib import Path

import tensorflow as tf

from beam_pipelines.records import frame_record, gzip_blocks, record_blocks


def test_framing_is_that_of_tensorflow(tmp_path: Path) -> None:
    records = [b"", b"abc", bytes(range(256)) * 300]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert b"".join(map(frame_record, records)) == (tmp_path / "theirs").read_bytes()
    assert (
        b"".join(record_blocks(records, "none")) == (tmp_path / "theirs").read_bytes()
    )


def test_gzip_holds_no_time_and_no_name() -> None:
    data = b"".join(record_blocks([b"a", b"b"], "gzip"))
    assert data[3:8] == b"\x00" * 5
    assert gzip.decompress(data) == frame_record(b"a") + frame_record(b"b")
    assert b"".join(record_blocks([b"a", b"b"], "gzip")) == data


def test_gzip_of_many_blocks_is_one_member() -> None:
    blocks = [bytes([index]) * 100_000 for index in range(40)]
    assert gzip.decompress(b"".join(gzip_blocks(blocks))) == b"".join(blocks)
