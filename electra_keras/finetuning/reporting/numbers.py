"""Numbers as words, the same all over a report.

Used by the findings and sections.
"""

from __future__ import annotations

import math

MISSING = "–"
_WORDS = {
    "task_loss": "loss",
    "f1": "F1",
    "macro_f1": "macro F1",
    "pearson": "Pearson",
    "spearman": "Spearman",
    "exact": "exact match",
    "mcc": "MCC",
    "mse": "MSE",
    "answerable_f1": "F1, answerable",
    "unanswerable_f1": "F1, unanswerable",
}
# Figures that are counts, not rates.
_COUNTS = ("unpredicted",)


def name_figure(name: str) -> str:
    """Gives a figure a name for people, as it stands inside a sentence."""
    return _WORDS.get(name, name.replace("_", " "))


def capitalize(text: str) -> str:
    """Starts a text with a capital, and leaves the rest alone."""
    return text[:1].upper() + text[1:]


def format_figure(name: str, value: float | None) -> str:
    """Writes a figure with four decimals, a count whole; None as a dash."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{value:,.0f}" if name in _COUNTS else f"{value:,.4f}"


def format_share(part: float, whole: float) -> str:
    """Writes a share in percent; what is not all does not look like it."""
    if not whole:
        return MISSING
    share = part / whole
    if 0.999 < share < 1:
        return "99.9 %"
    return f"{100 * share:.2g} %" if 0 < share < 0.01 else f"{100 * share:.1f} %"


def format_duration(secs: float) -> str:
    """Writes 45 s, 12 min or 3.4 h."""
    if secs < 90:
        return f"{secs:.0f} s"
    return f"{secs / 60:.0f} min" if secs < 5400 else f"{secs / 3600:.1f} h"


def count(number: int, one: str, many: str = "") -> str:
    """Writes "1 row", "1,200 rows"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def name_rows(kind: str) -> str:
    """What a row of a kind of task is."""
    return {
        "token_classification": "sentence",
        "question_answering": "question",
    }.get(kind, "row")


def excerpt(text: str, most_characters: int = 500) -> str:
    """Cuts a long text."""
    if len(text) <= most_characters:
        return text
    return text[:most_characters].rstrip() + " …"
