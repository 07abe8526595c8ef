"""What was set aside of a labelled file: counted and listed, never dropped silently.

Filled by the readers of labelled files and by `label_set.py`; printed and
written into the report of a fine-tuning.
"""

from __future__ import annotations

import collections
import dataclasses
import gzip
import json
import re
import zlib
from pathlib import Path
from typing import Any, Generic, TypeVar

from electra_keras.errors import UsageError

Row = TypeVar("Row")

LONE_SURROGATE = "lone surrogate made U+FFFD"
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclasses.dataclass(frozen=True)
class SetAside:
    """One thing of a file that is not used.

    Attributes:
        path: The file.
        line: The line in which it starts, from 1; of squad files, where lines
            say nothing, the question, from 1.
        reason: In words that are the same for all such rows.
        detail: What was found there; "" where the reason says all.
    """

    path: str
    line: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.path}:{self.line}: {self.reason}{detail}"


@dataclasses.dataclass
class LabelledFile(Generic[Row]):
    """The rows of a file, and what became of the others.

    Attributes:
        path: The file.
        rows: What is used, in the order of the file.
        set_aside: What is not.
        repaired: How often something was mended, by what it was.
    """

    path: str
    rows: list[Row] = dataclasses.field(default_factory=list)
    set_aside: list[SetAside] = dataclasses.field(default_factory=list)
    repaired: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter
    )

    def leave_out(self, line: int, reason: str, detail: Any = "") -> None:
        """Lists one row as set aside."""
        text = str(detail)
        text = text if len(text) <= 60 else f"{text[:57]}..."
        self.set_aside.append(SetAside(self.path, line, reason, text))

    def count_reasons(self) -> dict[str, int]:
        """How many rows were set aside, by reason, the most frequent first."""
        counts = collections.Counter(entry.reason for entry in self.set_aside)
        return dict(counts.most_common())


def check_share(labelled: LabelledFile[Any], max_rate: float) -> None:
    """Checks that a file is used for the most part.

    Args:
        labelled: What was read.
        max_rate: Largest share that may be set aside, from 0 to 1.

    Raises:
        UsageError: More was set aside, or nothing is left.
    """
    left_out = len(labelled.set_aside)
    total = left_out + len(labelled.rows)
    if not labelled.rows:
        first = f"; {labelled.set_aside[0]}" if left_out else ""
        raise UsageError(
            f"no usable row in {labelled.path}, {left_out} set aside{first}",
            expected="labelled examples",
            fix="Check the format and the columns of the task.",
        )
    if left_out > max_rate * total:
        reasons = ", ".join(f"{n} {r}" for r, n in labelled.count_reasons().items())
        raise UsageError(
            f"{left_out} of {total} rows of {labelled.path} set aside: {reasons}; "
            f"the first is {labelled.set_aside[0]}",
            expected=f"at most {max_rate:.1%}",
            fix="Mend the file or the columns, or raise files.max_set_aside_rate.",
        )


def read_text(path: str | Path) -> str:
    """Reads a whole UTF-8 file, with or without BOM, gzip if it ends in .gz.

    Raises:
        UsageError: No such file, not gzip, or not UTF-8.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(
            f"no labelled file at {path}",
            expected="a file of examples",
            fix="Check the paths of the task.",
        )
    data = path.read_bytes()
    try:
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{path} is not UTF-8 in line {line}",
            expected="UTF-8",
            fix="Convert it, such as with iconv -f cp949 -t utf-8.",
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(
            f"{path} cannot be unpacked ({error})",
            expected="a whole gzip file",
            fix="Copy it again.",
        ) from None


def split_lines(text: str) -> list[str]:
    r"""Splits at \n and \r\n alone: U+2028 and others stand inside texts."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def parse_json(text: str, labelled: LabelledFile[Any]) -> Any:
    r"""Parses JSON that is text throughout.

    Args:
        text: JSON. It can hold what no UTF-8 can, half a surrogate pair such as
            "\ud83d"; U+FFFD, one character too, takes its place.
        labelled: Where such strings are counted.

    Raises:
        ValueError: No JSON.
    """
    value = json.loads(text)
    # UTF-8 has none by itself.
    return _mend(value, labelled) if "\\ud" in text.lower() else value


def _mend(value: Any, labelled: LabelledFile[Any]) -> Any:
    if isinstance(value, dict):
        return {_mend(k, labelled): _mend(v, labelled) for k, v in value.items()}
    if isinstance(value, list):
        return [_mend(item, labelled) for item in value]
    if not isinstance(value, str) or not _SURROGATES.search(value):
        return value
    labelled.repaired[LONE_SURROGATE] += 1
    return _SURROGATES.sub("\ufffd", value)
