"""Files in the safetensors format, read by memory map and written in a stream.

Feeds `huggingface.py`. The format: 8 bytes, the length of the header, little-
endian; the header, JSON: dtype, shape and place of each tensor; then the data,
without gaps. Source: github.com/huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from electra_keras.errors import UsageError
from electra_keras.interchange.sizes import Shape

_LENGTH_BYTES = 8
_LONGEST_HEADER_BYTES = 100_000_000  # The reference reader's limit.
_METADATA = "__metadata__"
# BF16 is the upper half of a float32, which numpy has no type for.
_DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class SafetensorsFile:
    """A file opened for reading; only its header is in memory.

    Args:
        path: Of the file.
        ignored: Tensors that are not wanted, of whatever type.

    Attributes:
        shapes: By name, as stored.

    Raises:
        UsageError: The header does not describe the file, or a tensor is no
            F32, F16 or BF16.
    """

    def __init__(self, path: Path, ignored: Callable[[str], bool] | None = None):
        self.path = path
        size = path.stat().st_size
        header, self._data_start = _read_header(path, size)
        header.pop(_METADATA, None)
        _check_places(path, header, size - self._data_start)
        self._header = {
            name: entry
            for name, entry in header.items()
            if ignored is None or not ignored(name)
        }
        for name, entry in self._header.items():
            _check_entry(path, name, entry)
        self.shapes: dict[str, Shape] = {
            name: tuple(entry["shape"]) for name, entry in self._header.items()
        }

    def read(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        """Reads a tensor, or rows of it, as float32; F32 is a view of the file."""
        entry = self._header[name]
        kind = entry["dtype"]
        shape = self.shapes[name]
        first, last, _ = rows.indices(shape[0])
        row_bytes = np.dtype(_DTYPES[kind]).itemsize * math.prod(shape[1:])
        # Of the file only these rows are mapped, so that they are given back.
        array: np.ndarray = np.memmap(
            self.path,
            dtype=_DTYPES[kind],
            mode="r",
            offset=self._data_start + entry["data_offsets"][0] + first * row_bytes,
            shape=(last - first, *shape[1:]),
        )
        if kind == "BF16":
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return np.asarray(array, np.float32)


def write_safetensors(
    path: Path,
    shapes: Mapping[str, Shape],
    read: Callable[[str], Iterable[np.ndarray]],
) -> None:
    """Writes float32 tensors, one at a time.

    Args:
        path: Of the new file.
        shapes: By name.
        read: Gives the tensor of a name in blocks of rows.
    """
    header: dict[str, Any] = {_METADATA: {"format": "pt"}}
    end = 0
    for name, shape in sorted(shapes.items()):
        start, end = end, end + 4 * math.prod(shape)
        places = {"shape": list(shape), "data_offsets": [start, end]}
        header[name] = {"dtype": "F32", **places}
    data = json.dumps(header, separators=(",", ":")).encode()
    data += b" " * (-len(data) % 8)  # The data are aligned.
    with path.open("wb") as file:
        file.write(len(data).to_bytes(_LENGTH_BYTES, "little") + data)
        for name, shape in sorted(shapes.items()):
            rows = 0
            for block in read(name):
                file.write(np.ascontiguousarray(block, "<f4").data)
                rows += len(block)
            if (rows, *block.shape[1:]) != shape:
                raise ValueError(f"{name} has {rows} rows, announced as {shape}")
        file.flush()
        os.fsync(file.fileno())


def _read_header(path: Path, size: int) -> tuple[dict[str, Any], int]:
    """Reads the header and where the data start."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if not 2 <= length <= min(size - _LENGTH_BYTES, _LONGEST_HEADER_BYTES):
            raise _damaged(path, f"says that its header has {length:,} bytes")
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_each_once)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise _damaged(path, f"has a header that is no JSON ({error})") from None
    if not isinstance(header, dict):
        raise _damaged(path, "has a header that is no JSON object")
    return header, _LENGTH_BYTES + length


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands in it twice")
    return values


def _check_places(path: Path, header: dict[str, Any], data_bytes: int) -> None:
    """Tensors lie one after the other and fill the file."""
    places = []
    for name, entry in header.items():
        try:
            start, end = entry["data_offsets"]
            is_right = all(type(x) is int for x in (start, end)) and 0 <= start <= end
            is_right &= all(type(x) is int and x >= 0 for x in entry["shape"])
            is_right &= isinstance(entry["dtype"], str)
        except (TypeError, KeyError, ValueError):
            is_right = False
        if not is_right:
            raise _damaged(path, f"describes {name} as {entry!r:.100}")
        places.append((start, end))
    reached = 0
    for start, end in sorted(places):
        if start != reached:
            raise _damaged(path, f"has a gap or an overlap at byte {reached:,} of data")
        reached = end
    if reached != data_bytes:
        raise _damaged(path, f"has {data_bytes:,} bytes of data, not {reached:,}")


def _check_entry(path: Path, name: str, entry: dict[str, Any]) -> None:
    dtype = entry["dtype"]
    if dtype not in _DTYPES:
        raise UsageError(
            f"{name} in {path} is {dtype}",
            expected=f"one of {', '.join(_DTYPES)}",
            fix="Save the model in float32.",
        )
    start, end = entry["data_offsets"]
    item = np.dtype(_DTYPES[dtype]).itemsize
    if end - start != item * math.prod(entry["shape"]):
        raise _damaged(path, f"gives {name} {entry['shape']} {end - start:,} bytes")


def _damaged(path: Path, what: str) -> UsageError:
    return UsageError(
        f"{path} {what}",
        expected="a whole safetensors file",
        fix="Copy or download it again.",
    )
