"""What a report is made of, free of any markup.

Made by the findings and sections, laid out by `html_page.py` and
`markdown_page.py`. All texts are plain: the pages escape them.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar


@dataclasses.dataclass(frozen=True)
class Text:
    """A paragraph."""

    form: ClassVar[str] = "text"
    text: str


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        caption: What it shows; "" where the section says it.
        heads: Of the columns.
        rows: Cells, as many as heads each.
        text_columns: How many columns hold words; those after them hold numbers.
        strong_rows: Places of rows that are stressed.
        group_starts: Places of rows with which a new group begins.
        shades: Of the number columns, one row a row, from -1 to 1: how strongly a
            cell is shaded, above 0 as right, below 0 as wrong. Empty: not at all.
    """

    form: ClassVar[str] = "table"
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1
    strong_rows: frozenset[int] = frozenset()
    group_starts: frozenset[int] = frozenset()
    shades: tuple[tuple[float, ...], ...] = ()


@dataclasses.dataclass(frozen=True)
class Sample:
    """One row of a file, and what was made of it.

    Attributes:
        where: In its file.
        facts: Name and value, such as ("answered", "positive").
        texts: Name and text; the name of an only one is "".
    """

    where: str
    facts: tuple[tuple[str, str], ...]
    texts: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True)
class Samples:
    """Rows under a heading of their own."""

    form: ClassVar[str] = "samples"
    title: str
    items: tuple[Sample, ...]


@dataclasses.dataclass(frozen=True)
class Code:
    """Commands or settings, to be copied.

    Attributes:
        caption: What it does.
        language: As Markdown names it.
        text: Lines.
        is_long: Whether it is folded away where that can be.
    """

    form: ClassVar[str] = "code"
    caption: str
    language: str
    text: str
    is_long: bool = False


@dataclasses.dataclass(frozen=True)
class Line:
    """One curve.

    Attributes:
        seed: Of its trial.
        name: What it is of.
        points: Step and value, by step; all finite.
        role: "best", "train" or "other", which says how it is drawn.
    """

    seed: int
    name: str
    points: tuple[tuple[float, float], ...]
    role: str


@dataclasses.dataclass(frozen=True)
class Chart:
    """Curves over optimizer steps.

    Attributes:
        title: What is drawn.
        lines: The later ones lie above.
        level: Name and value of a level line, or None.
        mark: Step and value of a point that is marked, or None.
        table: The same in numbers.
    """

    form: ClassVar[str] = "chart"
    title: str
    lines: tuple[Line, ...]
    level: tuple[str, float] | None
    mark: tuple[float, float] | None
    table: Table


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image file beside the report, which only `report.md` shows."""

    form: ClassVar[str] = "picture"
    caption: str
    path: str


Block = Text | Table | Samples | Code | Chart | Picture


@dataclasses.dataclass(frozen=True)
class Section:
    """A heading and what stands under it; `name` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclasses.dataclass(frozen=True)
class Tile:
    """One of the few figures at the top."""

    name: str
    value: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is out of order, and what can be done."""

    finding: str
    advice: str = ""


@dataclasses.dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes:
        title: Its heading.
        about: One sentence under it.
        tiles: The figures at the top.
        verdicts: Empty if all is in order.
        sections: In their order.
        footer: The last line.
    """

    title: str
    about: str
    tiles: tuple[Tile, ...]
    verdicts: tuple[Verdict, ...]
    sections: tuple[Section, ...]
    footer: str
