"""Row groups of Parquet in, documents out.

Reads the files that `sources.py` plans; `fields.py` joins turns.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from beam_pipelines import storage
from beam_pipelines.config import InputConfig
from beam_pipelines.raw_documents import RawDocument
from beam_pipelines.readers.compression import make_damage_error
from beam_pipelines.readers.fields import (
    TEXT_MISSING,
    TURN_INVALID,
    check_size,
    join_turns,
)
from beam_pipelines.readers.lines import tidy_lines
from beam_pipelines.sources import FileRange
from electra_keras.errors import ElectraError

_BATCH_ROWS = 256
_UNREADABLE = object()


def read_parquet(
    part: FileRange, config: InputConfig, *, max_document_bytes: int
) -> Iterator[RawDocument]:
    """Reads row groups of a Parquet file; see `dispatch.read_documents`.

    The offset of a document is the number of its row in the file, from 0 on.
    """
    path = part.file.path
    with storage.open_file(path) as stream:
        try:
            file = pyarrow.parquet.ParquetFile(stream)
            metadata = file.metadata
            groups = range(metadata.num_row_groups)[part.start : part.stop]
            row = sum(metadata.row_group(i).num_rows for i in range(part.start))
            _check_columns(file.schema_arrow, path, config)
            text_key = config.turns_key or config.text_key
            keys = [key for key in (text_key, config.id_key) if key]
            for batch in file.iter_batches(_BATCH_ROWS, list(groups), columns=keys):
                ids = [""] * batch.num_rows
                if config.id_key:
                    ids = _read_ids(_get_column(batch, config.id_key))
                texts = _read_texts(batch, config)
                for (text, problem), id in zip(texts, ids, strict=True):
                    document = RawDocument(row, text, problem, id)
                    yield check_size(document, max_document_bytes)
                    row += 1
        except (pyarrow.ArrowException, OSError) as error:
            raise make_damage_error(path, "Parquet", error) from error


def _check_columns(schema: pyarrow.Schema, path: str, config: InputConfig) -> None:
    """Raises unless a file has the columns that its input names."""
    key = config.turns_key or config.text_key
    is_wanted = _is_list if config.turns_key else _is_text
    found = _find_type(schema, key)
    if found is not None and is_wanted(found):
        key = config.id_key
        if not key or _find_type(schema, key) is not None:
            return
        kind = "ids"
    else:
        kind = "lists" if config.turns_key else "text"
    columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
    raise ElectraError(
        f"{path} has no column {key!r} of {kind} but {columns or 'none'}",
        expected="the same columns in all files of an input",
        fix="Set text_key, turns_key and id_key, or make the file an input of its own.",
    )


def _find_type(schema: pyarrow.Schema, key: str) -> pyarrow.DataType | None:
    """The type of a column, "a.b" that of a field of a struct."""
    found = pyarrow.struct(schema)
    for name in key.split("."):
        if not pyarrow.types.is_struct(found):
            return None
        index = found.get_field_index(name)
        if index < 0:
            return None
        found = found.field(index).type
    return found


def _is_text(found: pyarrow.DataType) -> bool:
    if pyarrow.types.is_dictionary(found):
        found = found.value_type
    types = pyarrow.types
    checks = (
        types.is_string,
        types.is_large_string,
        types.is_string_view,
        types.is_binary,
        types.is_large_binary,
        types.is_binary_view,
        types.is_fixed_size_binary,
        types.is_null,
    )
    return any(check(found) for check in checks)


def _is_list(found: pyarrow.DataType) -> bool:
    types = pyarrow.types
    checks = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return any(check(found) for check in checks)


def _get_column(batch: pyarrow.RecordBatch, key: str) -> pyarrow.Array:
    name, *inner = key.split(".")
    column = batch.column(name)
    if inner:
        column = pyarrow.compute.struct_field(column, inner)
    is_dictionary = pyarrow.types.is_dictionary(column.type)
    return column.dictionary_decode() if is_dictionary else column


def _read_texts(
    batch: pyarrow.RecordBatch, config: InputConfig
) -> list[tuple[bytes, str]]:
    """The text and the problem of each row."""
    if config.turns_key:
        return [
            (b"", TURN_INVALID)
            if turns is _UNREADABLE
            else join_turns(turns, config.speaker_key, config.turn_text_key)
            for turns in _read_values(_get_column(batch, config.turns_key))
        ]
    # As bytes, since they may be no UTF-8.
    column = _get_column(batch, config.text_key).cast(pyarrow.large_binary())
    return [
        (b"", TEXT_MISSING) if text is None else (tidy_lines(text), "")
        for text in column.to_pylist()
    ]


def _read_ids(column: pyarrow.Array) -> list[str]:
    values = _read_values(column)
    return ["" if id is None or id is _UNREADABLE else str(id) for id in values]


def _read_values(column: pyarrow.Array) -> list[object]:
    """Python values; `_UNREADABLE` for those that hold malformed UTF-8."""
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [_read_value(scalar) for scalar in column]


def _read_value(scalar: pyarrow.Scalar) -> object:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return _UNREADABLE
