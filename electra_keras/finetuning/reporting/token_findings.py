"""What a report says about tagged words: entities by type, sentences with errors.

Reads `TaggedRow`s and predicted tags; found by `findings.py`.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence

from electra_keras.finetuning.metrics.entities import Entity, find_entities
from electra_keras.finetuning.reporting.blocks import Sample, Samples, Table
from electra_keras.finetuning.reporting.classification_findings import (
    LABEL_HEADS,
    label_row,
)
from electra_keras.finetuning.reporting.findings import (
    MOST_ERRORS,
    Baseline,
    Findings,
    KindFindings,
    make_sample,
)
from electra_keras.finetuning.reporting.numbers import excerpt, format_share
from electra_keras.finetuning.tagged_files import OUTSIDE, TaggedRow

_MOST_CONFUSIONS = 15
_MOST_WRONG_WORDS = 12
Tags = Sequence[str]


class TokenFindings(KindFindings[TaggedRow]):
    """Entities by type, what tags were taken for, sentences with errors.

    Tags without B- and I-, such as parts of speech, are counted word by word.
    """

    def baseline(
        self, train_rows: Sequence[TaggedRow], rows: Sequence[TaggedRow]
    ) -> Baseline:
        """Answers O, or the most frequent tag of a training file without it."""
        counts = collections.Counter(tag for row in train_rows for tag in row.tags)
        tag = OUTSIDE
        name = f"always {OUTSIDE}, no entity"
        if OUTSIDE not in counts:
            tag = max(sorted(counts), key=lambda tag: counts[tag])
            name = f"always {tag}, the most frequent tag of training"
        return Baseline(name, [[tag] * len(row.words) for row in rows])

    def count_labels(self, splits: Mapping[str, Sequence[TaggedRow]]) -> Table:
        """Counts sentences, words and entities by type."""
        counts = {
            name: collections.Counter(
                item[0] for row in rows for item in _list_items(row.tags)
            )
            for name, rows in splits.items()
        }
        words = {
            name: sum(len(row.words) for row in rows) for name, rows in splits.items()
        }
        types = sorted({kind for found in counts.values() for kind in found})
        rows = [
            ("Sentences", *(f"{len(part):,}" for part in splits.values())),
            ("Words", *(f"{number:,}" for number in words.values())),
            *(
                (kind, *(f"{found[kind]:,}" for found in counts.values()))
                for kind in types
            ),
        ]
        heads = ("", *(name.capitalize() for name in splits))
        return Table("Sentences, words and entities by type.", heads, tuple(rows))

    def find(self, rows: Sequence[TaggedRow], predictions: Sequence[Tags]) -> Findings:
        """Looks at predicted tags."""
        present, found, right = (collections.Counter[str]() for _ in range(3))
        for row, tags in zip(rows, predictions, strict=True):
            ours, theirs = _list_items(tags), _list_items(row.tags)
            found.update(item[0] for item in ours)
            present.update(item[0] for item in theirs)
            right.update(item[0] for item in {*ours} & {*theirs})
        by_type = Table(
            "By type; an entity is right if its type and both ends are.",
            ("Type", "Present", *LABEL_HEADS[2:]),
            tuple(
                label_row(kind, present[kind], found[kind], right[kind])
                for kind in sorted({*present, *found})
            ),
        )
        never = [kind for kind in sorted(present) if not found[kind]]
        return Findings(
            "",
            (by_type, _list_confusions(rows, predictions)),
            (_choose_samples(rows, predictions),),
            tuple(never),
        )

    def content(self, row: TaggedRow) -> tuple[str, ...]:
        """Gives the words."""
        return row.words


def _list_items(tags: Tags) -> list[Entity]:
    """Entities, or words where no tag has a prefix."""
    if any(tag[:2] in ("B-", "I-") for tag in tags):
        return find_entities(tags)
    return [(tag, place, place + 1) for place, tag in enumerate(tags) if tag != OUTSIDE]


def _list_confusions(rows: Sequence[TaggedRow], predictions: Sequence[Tags]) -> Table:
    counts = collections.Counter(
        (tag, answer)
        for row, tags in zip(rows, predictions, strict=True)
        for tag, answer in zip(row.tags, tags, strict=True)
        if tag != answer
    )
    totals = collections.Counter(tag for row in rows for tag in row.tags)
    order = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return Table(
        "The most frequent confusions of words; shares are of the words with the "
        "right tag.",
        ("Right tag", "Answered", "Words", "Share"),
        tuple(
            (tag, answer, f"{number:,}", format_share(number, totals[tag]))
            for (tag, answer), number in order[:_MOST_CONFUSIONS]
        ),
        text_columns=2,
    )


def _choose_samples(rows: Sequence[TaggedRow], predictions: Sequence[Tags]) -> Samples:
    pairs = [
        (sum(a != b for a, b in zip(row.tags, tags, strict=True)), row, tags)
        for row, tags in zip(rows, predictions, strict=True)
    ]
    wrong = sorted((x for x in pairs if x[0]), key=lambda x: -x[0])
    return Samples(
        "Sentences with the most wrong tags",
        tuple(_show(row, tags) for _, row, tags in wrong[:MOST_ERRORS]),
    )


def _show(row: TaggedRow, tags: Tags) -> Sample:
    wrong = [
        (word, f"{answer} for {tag}")
        for word, tag, answer in zip(row.words, row.tags, tags, strict=True)
        if tag != answer
    ]
    more = len(wrong) - _MOST_WRONG_WORDS
    facts = wrong[:_MOST_WRONG_WORDS]
    if more > 0:
        facts.append(("and", f"{more} more"))
    return make_sample(row, facts, [("", excerpt(" ".join(row.words)))])
