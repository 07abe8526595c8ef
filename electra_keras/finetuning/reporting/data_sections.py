"""What became of the labelled files: used, set aside, mended, cut; label counts.

Reads `outcome.py`, feeds `report.py`.
"""

from __future__ import annotations

import collections

from electra_keras.finetuning.reporting.blocks import Block, Section, Table, Text
from electra_keras.finetuning.reporting.numbers import capitalize, name_rows
from electra_keras.finetuning.reporting.outcome import Outcome
from electra_keras.finetuning.set_aside import LabelledFile, SetAside

_MOST_OF_A_REASON = 5
_MOST_LISTED = 20


def make_data_section(outcome: Outcome) -> Section:
    """Tells what is used of each file, and what is not."""
    splits = outcome.data.splits
    repeated = count_repeated(outcome)
    unit = name_rows(outcome.kind_name).capitalize() + "s"
    rows = []
    for name, split in splits.items():
        labelled = split.labelled
        rows.append(
            (
                name.capitalize(),
                labelled.path,
                f"{len(split.rows):,}",
                f"{len(labelled.set_aside):,}",
                f"{labelled.repaired.total():,}",
                "–" if name == "train" else f"{repeated[name]:,}",
            )
        )
    heads = ("Split", "File", f"{unit} used", "Set aside", "Mended", "Also in training")
    blocks: list[Block] = [Table("", heads, tuple(rows), text_columns=2)]
    blocks += _count_reasons(outcome)
    first = [entry for s in splits.values() for entry in _choose_first(s.labelled)]
    if first:
        blocks.append(_list_set_aside(first))
    notes = [f"{name}: {note}." for name, s in splits.items() for note in s.notes]
    blocks += [Text(capitalize(note)) for note in notes or ["Nothing was cut."]]
    return Section("data", "Labelled files", tuple(blocks))


def _count_reasons(outcome: Outcome) -> list[Block]:
    rows = []
    for name, split in outcome.data.splits.items():
        kinds = {
            "set aside": split.labelled.count_reasons(),
            "mended": dict(split.labelled.repaired.most_common()),
        }
        for kind, counts in kinds.items():
            for reason, number in counts.items():
                rows.append((name.capitalize(), f"{kind}: {reason}", f"{number:,}"))
    heads = ("Split", "What happened", "Times")
    return [Table("By reason.", heads, tuple(rows), text_columns=2)] if rows else []


def make_labels_section(outcome: Outcome) -> Section:
    """Counts the labels of each file."""
    splits = {name: split.rows for name, split in outcome.data.splits.items()}
    return Section("labels", "Labels", (outcome.about_kind.count_labels(splits),))


def count_repeated(outcome: Outcome) -> dict[str, int]:
    """Counts rows of the other files whose very text stands in the training file."""
    content = outcome.about_kind.content
    known = {content(row) for row in outcome.data.splits["train"].rows}
    return {
        name: sum(content(row) in known for row in split.rows)
        for name, split in outcome.data.splits.items()
        if name != "train"
    }


def _choose_first(labelled: LabelledFile) -> list[SetAside]:
    """The first few of each reason."""
    counts: collections.Counter[str] = collections.Counter()
    chosen = []
    for entry in labelled.set_aside:
        counts[entry.reason] += 1
        if counts[entry.reason] <= _MOST_OF_A_REASON:
            chosen.append(entry)
    return chosen


def _list_set_aside(entries: list[SetAside]) -> Table:
    return Table(
        "The first that were set aside for each reason.",
        ("Where", "Reason", "Found"),
        tuple(
            (f"{entry.path}:{entry.line}", entry.reason, entry.detail)
            for entry in entries[:_MOST_LISTED]
        ),
        text_columns=3,
    )
