"""Command: a data folder in, its examples or rejected documents on the screen.

Run `python -m beam_pipelines.inspect --help`. `reporting/examples.py` reads.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from beam_pipelines.reporting.examples import (
    Example,
    holds,
    read_examples,
    read_rejected,
)
from electra_keras.command_line import make_parser, run_command
from electra_keras.data.visible import show_invisible
from electra_keras.errors import UsageError

if TYPE_CHECKING:
    from electra_keras.data.info import DatasetInfo

_DESCRIPTION = """\
Shows the examples of a data folder, their two segments (or the blocks of a
dense row) in two colours, or the documents that were left out:

  python -m beam_pipelines.inspect data
  python -m beam_pipelines.inspect data --split=validation --grep='영화' --count=3
  python -m beam_pipelines.inspect data --rejected=too_short
"""
_COLOURS = ("cyan", "yellow")  # Segments a and b; blocks in turn.
_UNKNOWN = "[UNK]"
_SPECIAL = ("[CLS]", "[SEP]", "[MASK]", "[PAD]")


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and shows; returns the exit code."""
    parser = make_parser("beam_pipelines.inspect", _DESCRIPTION)
    add = parser.add_argument
    add("folder", metavar="DIR", help="written by beam_pipelines.preprocess")
    add("--split", default="train", help="default: %(default)s")
    add("--count", type=int, default=5, metavar="N", help="default: %(default)s")
    add("--skip", type=int, default=0, metavar="N", help="pass over the first N")
    add(
        "--grep",
        default="",
        metavar="TEXT",
        help="only what holds TEXT; white space is not compared",
    )
    add("--ids", action="store_true", help="the id behind each token")
    add("--plain", action="store_true", help="no colour")
    add("--json", action="store_true", help="one JSON object a line")
    add(
        "--rejected",
        nargs="?",
        const="",
        metavar="REASON",
        help="rejected documents, all or of a reason; give it after DIR",
    )
    return run_command(parser, _inspect, argv)


def _inspect(options: argparse.Namespace) -> None:
    for name, least in (("count", 1), ("skip", 0)):
        if getattr(options, name) < least:
            raise UsageError(
                f"--{name}={getattr(options, name)}",
                expected=f"{least} or more",
                fix="Raise it.",
            )
    if options.rejected is not None:
        _show_rejected(options)
    else:
        _show_examples(options)


def _show_examples(options: argparse.Namespace) -> None:
    from electra_keras.data.info import load_info

    folder = Path(options.folder)
    info = load_info(folder)
    console = _Lines(plain=options.plain)
    # With --grep the examples that hold the text are counted, all must be read.
    unread = 0 if options.grep else options.skip
    examples = read_examples(folder, info, options.split, skip=unread)
    if not options.json:
        console.show(Text(_describe(folder, info), style="bold"))
    if options.grep:
        examples = (x for x in examples if x.holds(options.grep))
        examples = itertools.islice(examples, options.skip, None)
    for example in itertools.islice(examples, options.count):
        if options.json:
            _print_json(_to_json(example, options.split))
        else:
            console.show(_make_heading(example, options.split))
            console.show(_colour_tokens(example, ids=options.ids))


def _describe(folder: Path, info: DatasetInfo) -> str:
    splits = ", ".join(
        f"{info.examples(split):,} {split} examples" for split in info.splits
    )
    shards = sum(map(len, info.splits.values()))
    return (
        f"{folder}: {splits} in {shards} shards, {info.packing} rows of at most "
        f"{info.sequence_length} tokens, vocabulary of {info.vocabulary_size:,}"
    )


def _make_heading(example: Example, split: str) -> Text:
    size = f"{len(example.tokens)} tokens"
    if example.block_ids:
        size += f" in {example.block_ids[-1]} blocks"
    elif 1 in example.segment_ids:
        size += f", {example.segment_ids.index(1)} in the first segment"
    else:
        size += ", one segment"
    return Text(f"\n{split} {example.number}: {size} ({example.shard})", style="dim")


def _colour_tokens(example: Example, *, ids: bool) -> Text:
    line = Text()
    colours = [block + 1 for block in example.block_ids] or example.segment_ids
    for token, token_id, colour in zip(
        example.tokens, example.token_ids, colours, strict=True
    ):
        style = _COLOURS[colour % 2]
        if token in _SPECIAL:
            style = "dim"
        elif token == _UNKNOWN:
            style = "bold red"
        line.append(" " if line else "")
        line.append(show_invisible(token), style=style)
        if ids:
            line.append(f"/{token_id}", style="dim")
    return line


def _to_json(example: Example, split: str) -> dict[str, Any]:
    row = {"split": split, **dataclasses.asdict(example)}
    if not example.block_ids:
        del row["block_ids"]
    return row


def _show_rejected(options: argparse.Namespace) -> None:
    if not Path(options.folder).is_dir():
        raise UsageError(
            f"no data folder at {options.folder}",
            expected="a folder written by beam_pipelines.preprocess",
            fix="Check the path.",
        )
    console = _Lines(plain=options.plain)
    rows = read_rejected(Path(options.folder), options.rejected)
    rows = (row for row in rows if holds(row, options.grep))
    stop = options.skip + options.count
    for row in itertools.islice(rows, options.skip, stop):
        if options.json:
            _print_json(row)
            continue
        place = f"{row['reason']}: {row['source']}, at {row['offset']:,}"
        name = f", id {row['id']}" if row.get("id") else ""
        console.show(Text(show_invisible(place + name), style="dim"))
        console.show(Text(show_invisible(row["text"]) + "\n"))


def _print_json(row: dict[str, Any]) -> None:
    print(json.dumps(row, ensure_ascii=False))


class _Lines:
    """Prints coloured lines, wrapped at words where a person reads them.

    Args:
        plain: No colour even in a terminal.
    """

    def __init__(self, *, plain: bool) -> None:
        self._console = Console(color_system=None if plain else "auto")

    def show(self, line: Text) -> None:
        """Prints a line; one of a pipe that has closed raises."""
        console = self._console
        with console.capture() as captured:
            console.print(line, soft_wrap=not console.is_terminal)
        sys.stdout.write(captured.get())


if __name__ == "__main__":
    raise SystemExit(main())
