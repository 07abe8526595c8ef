"""python -m pytest tests/test_tensor_rows.py"""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from electra_keras.training.tensor_rows import read_tensor_rows


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    table = tf.constant([[1, 2], [3, 4], [5, 6]], tf.float32)
    path = str(tmp_path / "saved")
    tf.raw_ops.SaveV2(
        prefix=path,
        tensor_names=["table", "bias"],
        shape_and_slices=["", ""],
        tensors=[table, tf.constant([7, 8, 9], tf.bfloat16)],
    )
    return path


def test_rows_are_those_of_the_slice(prefix: str) -> None:
    def read(*arguments: slice) -> list:
        return read_tensor_rows(prefix, "table", (3, 2), *arguments).numpy().tolist()

    assert read() == [[1, 2], [3, 4], [5, 6]]
    assert read(slice(1, 2)) == [[3, 4]]
    assert read(slice(2, 9)) == [[5, 6]]
    bias = read_tensor_rows(prefix, "bias", (3,), slice(0, 2), dtype=tf.bfloat16)
    assert tf.cast(bias, tf.float32).numpy().tolist() == [7, 8]


@pytest.mark.parametrize(
    ("tensor", "shape", "dtype"),
    [
        ("other", (3, 2), "float32"),
        ("table", (3, 3), "float32"),
        ("bias", (3,), "float32"),
    ],
)
def test_what_is_not_there_is_an_error(
    prefix: str, tensor: str, shape: tuple[int, ...], dtype: str
) -> None:
    with pytest.raises(tf.errors.OpError):
        read_tensor_rows(prefix, tensor, shape, dtype=dtype)
