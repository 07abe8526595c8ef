"""A report as Markdown, for repositories and terminals.

Reads a `Page`; says what `html_page.py` says. Whatever comes from data is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from electra_keras.data.visible import show_invisible
from electra_keras.finetuning.reporting.blocks import (
    Block,
    Chart,
    Code,
    Page,
    Picture,
    Sample,
    Samples,
    Section,
    Table,
    Text,
)

# What Markdown, HTML or the formulas of some viewers would take for markup.
_MARKUP = re.compile(r"([\\`*_\[\]<>|#&~$!])")


def make_markdown(page: Page) -> str:
    """Writes a report as Markdown."""
    tiles = [
        (escape(tile.name), f"**{escape(tile.value)}**", escape(tile.note))
        for tile in page.tiles
    ]
    parts = [
        f"# {escape(page.title)}",
        escape(page.about),
        _lay_table(("", "", ""), tiles, text_columns=3),
    ]
    if page.verdicts:
        parts += ["## Verdict", "\n".join(_list_verdicts(page))]
    for section in page.sections:
        parts += [f"## {escape(section.title)}", *_lay_section(section)]
    return "\n\n".join([*parts, escape(page.footer)]) + "\n"


def _list_verdicts(page: Page) -> Iterable[str]:
    for verdict in page.verdicts:
        advice = f" {escape(verdict.advice)}" if verdict.advice else ""
        yield f"- **{escape(verdict.finding)}**{advice}"


def _lay_section(section: Section) -> list[str]:
    return [part for block in section.blocks for part in _lay_block(block)]


def _lay_block(block: Block) -> list[str]:
    return _LAY[type(block)](block)


def _lay_text(block: Text) -> list[str]:
    return [escape(block.text)]


def _lay_table_block(block: Table) -> list[str]:
    rows = []
    for place, row in enumerate(block.rows):
        cells = [escape(cell) for cell in row]
        if place in block.strong_rows:
            cells = [f"**{cell}**" for cell in cells]
        rows.append(cells)
    table = _lay_table([escape(head) for head in block.heads], rows, block.text_columns)
    return [escape(block.caption), table] if block.caption else [table]


def _lay_chart(block: Chart) -> list[str]:
    level = []
    if block.level is not None:
        level = [f"{escape(block.level[0]).capitalize()}: {block.level[1]:.4f}."]
    return [f"### {escape(block.title)}", *_lay_table_block(block.table), *level]


def _lay_picture(block: Picture) -> list[str]:
    return [f"![{escape(block.caption)}]({block.path})"]


def _lay_samples(block: Samples) -> list[str]:
    shown = [_lay_sample(sample) for sample in block.items]
    return [f"### {escape(block.title)}", "\n".join(shown) if shown else "None."]


def _lay_sample(sample: Sample) -> str:
    facts = ", ".join(f"{escape(a)} **{escape(b)}**" for a, b in sample.facts)
    lines = [f"- {facts} ({escape(sample.where)})"]
    for name, text in sample.texts:
        lines.append(f"  > {f'{escape(name)}: ' if name else ''}{escape(text)}")
        lines.append("  >")
    return "\n".join(lines[:-1]) + "\n"


def _lay_code(block: Code) -> list[str]:
    text = show_invisible(block.text)
    # Longer than any run of backticks inside, so that none ends it.
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
    return [f"{escape(block.caption)}:", f"{fence}{block.language}\n{text}\n{fence}"]


_LAY: dict[type[Any], Callable[[Any], list[str]]] = {
    Text: _lay_text,
    Table: _lay_table_block,
    Chart: _lay_chart,
    Picture: _lay_picture,
    Samples: _lay_samples,
    Code: _lay_code,
}


def _lay_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1
) -> str:
    number_columns = len(heads) - text_columns
    lines = [heads, ["---"] * text_columns + ["---:"] * number_columns, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """Makes text safe inside a line or a cell of Markdown."""
    return _MARKUP.sub(r"\\\1", " ".join(show_invisible(text).split()))
