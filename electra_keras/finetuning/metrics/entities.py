"""Figures of token classification: F1 of entities, as conlleval counts them.

Reads the tags of a validation file and those predicted, sentence by sentence.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence

Entity = tuple[str, int, int]
Tags = Sequence[Sequence[str]]


def find_entities(tags: Sequence[str]) -> list[Entity]:
    """Finds the entities of a sentence.

    The definition of the CoNLL script, which is the default of seqeval: an
    entity starts at B-, and also at an I- after O or after another type.

    Args:
        tags: "O", or "B-" or "I-" and a type, one a word.

    Returns: Type, first word and the word after the last, in order.
    """
    entities: list[Entity] = []
    start, kind = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        here = tag[2:] if tag != "O" else ""
        if kind and (here != kind or tag.startswith("B-")):
            entities.append((kind, start, place))
            kind = ""
        if here and not kind:
            start, kind = place, here
    return entities


def measure_entities(tags: Tags, predictions: Tags) -> dict[str, float]:
    """Measures predicted tags.

    Args:
        tags: Those of each sentence.
        predictions: As many.

    Returns: `precision`, `recall` and `f1` of entities whose type and both
        ends are right; `accuracy` of tags; rates without a denominator are 0.

    Raises:
        ValueError: A sentence has another number of tags than predictions.
    """
    if [len(row) for row in tags] != [len(row) for row in predictions]:
        raise ValueError("tags and predictions differ in length")
    found, present, right = _count(tags, predictions)
    pairs = [
        a == b
        for row, guess in zip(tags, predictions, strict=True)
        for a, b in zip(row, guess, strict=True)
    ]
    return {
        "precision": _divide(right.total(), found.total()),
        "recall": _divide(right.total(), present.total()),
        "f1": _divide(2 * right.total(), found.total() + present.total()),
        "accuracy": _divide(sum(pairs), len(pairs)),
    }


def measure_entities_by_type(tags: Tags, predictions: Tags) -> dict[str, float]:
    """Gives the F1 of each type that occurs or was predicted, sorted by type."""
    found, present, right = _count(tags, predictions)
    return {
        kind: _divide(2 * right[kind], found[kind] + present[kind])
        for kind in sorted({*found, *present})
    }


def _count(tags: Tags, predictions: Tags) -> tuple[collections.Counter[str], ...]:
    """Entities by type: predicted, present, and both."""
    found, present, right = (collections.Counter[str]() for _ in range(3))
    for row, guess in zip(tags, predictions, strict=True):
        ours, theirs = find_entities(guess), find_entities(row)
        found.update(kind for kind, _, _ in ours)
        present.update(kind for kind, _, _ in theirs)
        right.update(kind for kind, _, _ in {*ours} & {*theirs})
    return found, present, right


def _divide(a: float, b: float) -> float:
    return a / b if b else 0.0
