"""Command: two data folders in, what differs out.

Run `python -m beam_pipelines.diff --help`. `reporting/comparison.py` compares.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beam_pipelines.reporting.comparison import (
    Row,
    Sections,
    compare_examples,
    compare_folders,
)
from electra_keras.command_line import make_parser, run_command
from electra_keras.data.visible import show_invisible

_DESCRIPTION = """\
Compares two data folders: settings that differ, vocabularies, shards, and the
statistics side by side with their change:

  python -m beam_pipelines.diff data other_data
  python -m beam_pipelines.diff --examples data other_data

The exit code is 0 if all is the same, 1 if something differs, 2 on an error.
"""
_MAX_VALUE_CHARACTERS = 40
_TROUBLE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and compares; returns the exit code."""
    parser = make_parser("beam_pipelines.diff", _DESCRIPTION)
    parser.add_argument("a", metavar="A", help="a data folder")
    parser.add_argument("b", metavar="B", help="another")
    parser.add_argument(
        "--examples",
        action="store_true",
        help="also compare the examples, whatever their order; reads all shards",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    same: list[bool] = []
    code = run_command(parser, lambda options: same.append(_diff(options)), argv)
    if code:
        return max(code, _TROUBLE)  # 1 says that the folders differ.
    return 0 if same == [True] else 1


def _diff(options: argparse.Namespace) -> bool:
    a, b = Path(options.a), Path(options.b)
    sections = compare_folders(a, b)
    if options.examples:
        sections["examples"] = compare_examples(a, b)
    same = all(row.same for rows in sections.values() for row in rows)
    if options.json:
        print(json.dumps(_to_json(sections, same), indent=2, ensure_ascii=False))
    else:
        print(f"A {a}\nB {b}")
        for name, rows in sections.items():
            _show(name, rows)
        print(f"\n{'The same.' if same else 'They differ.'}")
    return same


def _show(name: str, rows: list[Row]) -> None:
    if all(row.same for row in rows):
        figures = f", {len(rows)} figures" if rows else ""
        print(f"\n{name}: the same{figures}")
        return
    cells = [(row.key, _text(row.a), _text(row.b), _change(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{name}")
    for key, a, b, change in cells:
        line = f"  {key:<{widths[0]}}  {a:>{widths[1]}}  {b:>{widths[2]}}  {change}"
        print(line.rstrip())


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    text = show_invisible(" ".join(str(value).split()))
    if len(text) > _MAX_VALUE_CHARACTERS:
        text = text[: _MAX_VALUE_CHARACTERS - 1] + "…"
    return text


def _change(row: Row) -> str:
    if row.same:
        return "="
    rate = row.change_rate
    return "differs" if rate is None else f"{100 * rate:+.2f} %"


def _to_json(sections: Sections, same: bool) -> dict[str, Any]:
    return {
        "same": same,
        "sections": {
            name: [
                {
                    "key": row.key,
                    "a": row.a,
                    "b": row.b,
                    "same": row.same,
                    "change_rate": row.change_rate,
                }
                for row in rows
            ]
            for name, rows in sections.items()
        },
    }


if __name__ == "__main__":
    raise SystemExit(main())
