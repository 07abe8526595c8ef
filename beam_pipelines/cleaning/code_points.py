"""Text as an array of code points: classes of characters and their runs.

Used by `normalization.py` and `presets.py`; numpy looks at a character in about
a nanosecond, a regular expression in about ten.
"""

from __future__ import annotations

import numpy as np


def to_text(codes: np.ndarray) -> str:
    """Turns code points back into text."""
    return codes.tobytes().decode("utf-32-le", "surrogatepass")


def drop_repeats(
    codes: np.ndarray, may_repeat: np.ndarray, *, longest_unit: int, copies: int
) -> np.ndarray:
    """Shortens what is repeated more than `copies` times to `copies` times.

    Args:
        codes: Code points.
        may_repeat: From `make_table`; other characters are never dropped and
            end a run.
        longest_unit: Units of 1 to so many characters are looked for, short
            ones first.
        copies: Copies to keep, at least 2.

    Returns:
        The code points that stay.
    """
    codes = _drop_repeated_characters(codes, may_repeat, copies)
    for unit in range(2, longest_unit + 1):
        where = _find_runs(codes[unit:] == codes[:-unit], copies * unit)
        where = where[may_repeat[codes[where]]]
        # A run of n such places is a text of n + unit characters.
        starts = np.flatnonzero(np.diff(where, prepend=-2) > 1)
        lengths = np.diff(np.append(starts, len(where)))
        surplus = ((lengths + unit) // unit - copies) * unit
        is_long = surplus > 0
        first = where[starts[is_long]] + copies * unit
        surplus = surplus[is_long]
        if not len(first):
            continue
        offset = np.arange(surplus.sum()) - np.repeat(
            np.cumsum(surplus) - surplus, surplus
        )
        keep = np.ones(len(codes), bool)
        keep[np.repeat(first, surplus) + offset] = False
        codes = codes[keep]
    return codes


def _drop_repeated_characters(
    codes: np.ndarray, may_repeat: np.ndarray, copies: int
) -> np.ndarray:
    """Drops what equals so many characters before it; repeats of one are many."""
    same = codes[1:] == codes[:-1]
    is_surplus = same[copies - 1 :].copy()
    for shift in range(1, copies):
        is_surplus &= same[copies - 1 - shift : -shift]
    where = copies + np.flatnonzero(is_surplus)
    where = where[may_repeat[codes[where]]]
    if not len(where):
        return codes
    keep = np.ones(len(codes), bool)
    keep[where] = False
    return codes[keep]


def _find_runs(mask: np.ndarray, length: int) -> np.ndarray:
    """Returns the positions that lie in runs of at least so many true ones."""
    is_in_run = np.zeros(len(mask), bool)
    covered = 1
    while covered < length:  # Doubles what each true one stands for.
        step = min(covered, length - covered)
        mask = mask[:-step] & mask[step:]
        covered += step
    starts = np.flatnonzero(mask)
    for place in range(length):
        is_in_run[starts + place] = True
    return np.flatnonzero(is_in_run)
