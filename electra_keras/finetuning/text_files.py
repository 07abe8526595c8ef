"""Labelled texts from tsv, csv and jsonl files.

Reads what `task_config.py` names, gives rows to `label_set.py` and the encoders
of classification and regression.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from electra_keras.errors import UsageError
from electra_keras.finetuning.set_aside import (
    LabelledFile,
    parse_json,
    read_text,
    split_lines,
)
from electra_keras.finetuning.task_config import ColumnsConfig, TaskConfig
from electra_keras.finetuning.task_loading import find_format

EMPTY_TEXT = "empty text"
NO_LABEL = "no label"
NOT_A_NUMBER = "label is not a number"
RAGGED = "ragged columns"
NOT_JSON = "not a JSON object"
NO_KEY = "a key is missing"
NOT_TEXT = "text is not a string"

# Cells of a line, by our name of their column.
Cells = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class TextRow:
    """A labelled text.

    Attributes:
        text: The text, as in the file.
        text_pair: The second one, or None.
        label: As the file writes it; for regression the number.
        id: Its name in the file, else the number of its line.
        line: The line in which it starts, from 1.
    """

    text: str
    text_pair: str | None
    label: str | float
    id: str
    line: int


def read_text_file(path: str, config: TaskConfig) -> LabelledFile[TextRow]:
    """Reads a labelled file.

    A tsv file has no quoting: a quote is a character like others. A csv file
    has that of RFC 4180, with line breaks inside quotes.

    Args:
        path: The file.
        config: Its `columns`; `task.kind` "regression" asks for numbers.

    Returns: Its rows. Set aside: other counts of columns than in the first
        line, empty texts, missing labels, numbers that are none.

    Raises:
        UsageError: No such file, not UTF-8, or a column that it does not have.
    """
    columns = config.columns
    for name in ("text", "label"):
        if getattr(columns, name) is None:
            raise UsageError(
                f"no columns.{name} for {path}",
                expected="the name or the index of a column",
                fix=f"Set columns.{name}.",
            )
    labelled: LabelledFile[TextRow] = LabelledFile(str(path))
    text, kind = read_text(path), find_format(config, path)
    lines: Iterator[tuple[int, Cells]]
    if kind == "jsonl":
        lines = _read_json_lines(text, columns, labelled)
    else:
        cells = _read_csv(text, path) if kind == "csv" else _read_tsv(text)
        lines = _check_table(cells, columns, labelled)
    is_number = config.task.kind == "regression"
    for line, row in lines:
        _add_row(row, line, labelled, is_number)
    return labelled


def _read_tsv(text: str) -> Iterator[tuple[int, list[str]]]:
    for line, row in enumerate(split_lines(text), 1):
        yield line, row.split("\t")


def _read_csv(text: str, path: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # What follows cannot be told apart any more.
            raise UsageError(
                f"{path} is not valid csv in the row of line {line} ({error})",
                expected='quotes around a cell, doubled within it: "a ""b"" c"',
                fix="Mend the row, or set files.format=tsv if it has tabs.",
            ) from None
        yield line, row or [""]


def _check_table(
    rows: Iterator[tuple[int, list[str]]],
    columns: ColumnsConfig,
    labelled: LabelledFile[TextRow],
) -> Iterator[tuple[int, Cells]]:
    """Yields the cells that are asked for, by our name of their column."""
    places: dict[str, int] | None = None
    width = 0
    for line, row in rows:
        if places is None:
            places = _find_places(row, columns, labelled.path)
            width = len(row)
            if columns.has_header:
                continue
        if len(row) != width:
            labelled.leave_out(line, RAGGED, f"{len(row)} instead of {width}")
            continue
        yield line, {name: row[place] for name, place in places.items()}


def _find_places(row: list[str], columns: ColumnsConfig, path: str) -> dict[str, int]:
    places = {}
    for name in ("text", "text_pair", "label", "id"):
        column = getattr(columns, name)
        if column is None:
            continue
        if isinstance(column, int) and column < len(row):
            places[name] = column
        elif isinstance(column, str) and row.count(column) == 1:
            places[name] = row.index(column)
        else:
            raise UsageError(
                f"no single column {column} in {path}, whose first line has "
                f"{len(row)}: {', '.join(row)[:120]}",
                expected="the name or the index of one of these",
                fix=f"Set columns.{name}.",
            )
    return places


def _read_json_lines(
    text: str, columns: ColumnsConfig, labelled: LabelledFile[TextRow]
) -> Iterator[tuple[int, Cells]]:
    names = ("text", "text_pair", "label", "id")
    keys = {name: getattr(columns, name) for name in names}
    keys = {name: str(key) for name, key in keys.items() if key is not None}
    for line, row in enumerate(split_lines(text), 1):
        try:
            value = parse_json(row, labelled)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            labelled.leave_out(line, NOT_JSON, row)
            continue
        missing = [key for key in keys.values() if key not in value]
        if missing:
            labelled.leave_out(line, NO_KEY, missing[0])
            continue
        yield line, {name: value[key] for name, key in keys.items()}


def _add_row(
    found: Cells,
    line: int,
    labelled: LabelledFile[TextRow],
    is_number: bool,
) -> None:
    for name in ("text", "text_pair"):
        if name in found and not isinstance(found[name], str):
            labelled.leave_out(line, NOT_TEXT, found[name])
            return
        if name in found and not found[name].strip():
            labelled.leave_out(line, EMPTY_TEXT)
            return
    label = _read_label(found["label"])
    number = _read_number(label)
    if not label:
        labelled.leave_out(line, NO_LABEL)
    elif is_number and number is None:
        labelled.leave_out(line, NOT_A_NUMBER, label)
    else:
        labelled.rows.append(
            TextRow(
                found["text"],
                found.get("text_pair"),
                number if is_number and number is not None else label,
                str(found.get("id", line)),
                line,
            )
        )


def _read_label(value: Any) -> str:
    """A label as text: JSON's true and 1 as a file writes them, null as ""."""
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _read_number(label: str) -> float | None:
    try:
        number = float(label)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
