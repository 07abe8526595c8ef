"""Two versions of a text in, the same with changed words marked out.

Feeds the samples of the report.
"""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

MAX_CHARACTERS = 600
_BEFORE_CHANGE_CHARACTERS = 80
_WORD = re.compile(r"\s|\S+")


class Part(NamedTuple):
    """A run of words; `changed` where the other version differs."""

    text: str
    changed: bool


def mark_changes(before: str, after: str) -> tuple[list[Part], list[Part]]:
    """Cuts two versions of a text into equal and changed parts.

    Args:
        before: The one version. Of a long text an excerpt is taken that begins
            shortly before the first change.
        after: The other.

    Returns:
        Parts of either; joined they give the text or its excerpt, "…" where
        it was cut.
    """
    start = 0
    if max(len(before), len(after)) > MAX_CHARACTERS:
        same = _count_equal(before, after)
        start = max(0, same - _BEFORE_CHANGE_CHARACTERS)
    old, new = (_WORD.findall(_excerpt(text, start)) for text in (before, after))
    parts: tuple[list[Part], list[Part]] = ([], [])
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for operation, old_start, old_stop, new_start, new_stop in matcher.get_opcodes():
        changed = operation != "equal"
        for side, words in (
            (parts[0], old[old_start:old_stop]),
            (parts[1], new[new_start:new_stop]),
        ):
            if words:
                side.append(Part("".join(words), changed))
    return parts


def _count_equal(before: str, after: str) -> int:
    """Characters that two texts begin with alike."""
    pairs = enumerate(zip(before, after, strict=False))
    shorter = min(len(before), len(after))
    return next((place for place, (a, b) in pairs if a != b), shorter)


def _excerpt(text: str, start: int) -> str:
    stop = start + MAX_CHARACTERS
    lead = "… " if start else ""
    return lead + text[start:stop] + (" …" if stop < len(text) else "")
