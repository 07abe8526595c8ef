"""Whether two vocabularies are one, entry by entry; ids mean nothing else.

Feeds `sources.py` and `initial_weights.py`.
"""

from __future__ import annotations

from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError

_SHOWN = 3


def check_same_vocabulary(
    found: Vocabulary, expected: Vocabulary, where: str, other: str
) -> None:
    """Compares two vocabularies.

    Args:
        found: That of `where`.
        expected: That of `other`.
        where: For errors.
        other: For errors.

    Raises:
        UsageError: They differ; the first lines that do are shown.
    """
    if found.entries == expected.entries:
        return
    pairs = zip(found.entries, expected.entries, strict=False)
    lines = [
        f"line {number} is {ours!r} and not {theirs!r}"
        for number, (ours, theirs) in enumerate(pairs, start=1)
        if ours != theirs
    ]
    shown = lines[:_SHOWN]
    if len(lines) > _SHOWN:
        shown.append(f"{len(lines) - _SHOWN:,} more lines differ")
    if len(found) != len(expected):
        shown.append(f"{len(found):,} entries and not {len(expected):,}")
    raise UsageError(
        f"the vocabulary of {where} is not that of {other}: {'; '.join(shown)}",
        expected="the same entry in every line, since weights belong to ids",
        fix="Preprocess the data with the vocabulary of the weights.",
    )
