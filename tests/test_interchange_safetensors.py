"""python -m pytest tests/test_interchange_safetensors.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from electra_keras.errors import UsageError
from electra_keras.interchange.safetensors import SafetensorsFile, write_safetensors

ARRAYS = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
    "a": np.array([-0.0, np.inf, 1e-40], np.float32),
}


def write_raw(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(start: int, end: int, shape: list[int], dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_what_is_written_is_read_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    shapes = {name: array.shape for name, array in ARRAYS.items()}
    write_safetensors(path, shapes, lambda name: [ARRAYS[name][:1], ARRAYS[name][1:]])
    file = SafetensorsFile(path)
    assert file.shapes == shapes
    for name, array in ARRAYS.items():
        assert file.read(name).tobytes() == array.tobytes()
        assert file.read(name, slice(1, 2)).tobytes() == array[1:2].tobytes()


def test_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"x": (2,)}, lambda name: [np.array([1, 2], np.float32)])
    header = (
        b'{"__metadata__":{"format":"pt"},'
        b'"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    )
    header += b" " * (-len(header) % 8)
    data = b"\x00\x00\x80?\x00\x00\x00@"
    assert path.read_bytes() == len(header).to_bytes(8, "little") + header + data


def test_transposed_arrays_are_written_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"b": (3, 2)}, lambda name: [ARRAYS[name].T])
    assert SafetensorsFile(path).read("b").tolist() == ARRAYS["b"].T.tolist()


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0, 0.0078125], np.float32)
    upper_halves = (values.view(np.uint32) >> 16).astype("<u2")
    data = values.astype("<f2").tobytes() + upper_halves.tobytes()
    header = {"half": entry(0, 6, [3], "F16"), "brain": entry(6, 12, [3], "BF16")}
    file = SafetensorsFile(write_raw(tmp_path / "m", header, data))
    for name in header:
        array = file.read(name)
        assert array.dtype == np.float32
        assert array.tolist() == [1.5, -2.0, 0.0078125]


def test_unwanted_tensors_may_have_any_type(tmp_path: Path) -> None:
    header = {"ids": entry(0, 8, [1], "I64"), "x": entry(8, 12, [1])}
    path = write_raw(tmp_path / "m", header, bytes(12))
    assert SafetensorsFile(path, lambda name: name == "ids").shapes == {"x": (1,)}
    with pytest.raises(UsageError, match=r"ids in .* is I64; expected one of F32, F16"):
        SafetensorsFile(path)


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"", b"", "its header has 0 bytes"),
        (b"{]", b"", "no JSON"),
        (b"\xff\xfe", b"", "no JSON"),
        (b"[1]", b"", "no JSON object"),
        (b'{"x": 1, "x": 2}', b"", "a name stands in it twice"),
        ({"x": 1}, b"", "describes x as 1"),
        ({"x": {"dtype": "F32", "shape": [1]}}, b"", "describes x as"),
        ({"x": entry(-4, 0, [1])}, bytes(4), "describes x as"),
        ({"x": entry(4, 0, [1])}, bytes(4), "describes x as"),
        ({"x": entry(0, 4, [True])}, bytes(4), "describes x as"),
        ({"x": entry(0, 4, [-1])}, bytes(4), "describes x as"),
        ({"x": entry(0, 8, [2])}, bytes(4), "has 4 bytes of data, not 8"),
        ({"x": entry(0, 4, [1])}, bytes(8), "has 8 bytes of data, not 4"),
        ({"x": entry(4, 8, [1])}, bytes(8), "a gap or an overlap at byte 0"),
        (
            {"x": entry(0, 8, [2]), "y": entry(4, 8, [1])},
            bytes(8),
            "a gap or an overlap at byte 8",
        ),
        ({"x": entry(0, 4, [2])}, bytes(4), r"gives x \[2\] 4 bytes"),
        ({"x": entry(0, 4, [1], "F33")}, bytes(4), "is F33; expected one of F32"),
    ],
)
def test_what_does_not_describe_the_file_is_refused(
    tmp_path: Path, header: Any, data: bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        SafetensorsFile(write_raw(tmp_path / "m", header, data))


@pytest.mark.parametrize("data", [b"", b"\x08", b"\xff" * 8, b"\xff" * 7 + b"\x7f{}"])
def test_files_that_are_cut_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"its header has [\d,]+ bytes; expected"):
        SafetensorsFile(path)


def test_an_array_of_another_shape_is_not_written_silently(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x has 2 rows, announced as \(3,\)"):
        write_safetensors(tmp_path / "m", {"x": (3,)}, lambda name: [np.zeros(2)])
