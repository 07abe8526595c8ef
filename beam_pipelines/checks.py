"""Checks of single settings, each with an error that says what to do.

Used by `config.py`; a setting is named by its key, as in "packing.kind".
"""

from __future__ import annotations

from electra_keras.errors import UsageError


def check_rate(key: str, value: float) -> None:
    """Checks that a setting is a fraction.

    Raises:
        UsageError: It is not in [0, 1].
    """
    if not 0 <= value <= 1:
        raise UsageError(
            f"{key} {value}",
            expected="a fraction from 0 to 1",
            fix=f"Pass {value / 100:g} for {value:g} percent."
            if 1 < value <= 100
            else "Correct it.",
        )


def check_at_least(key: str, value: float, least: float) -> None:
    """Checks a lower bound.

    Raises:
        UsageError: The value is below it.
    """
    if value < least:
        raise UsageError(f"{key} {value}", expected=f"{least} or more", fix="Raise it.")


def check_at_most(key: str, value: float, most: float) -> None:
    """Checks an upper bound.

    Raises:
        UsageError: The value is above it.
    """
    if value > most:
        raise UsageError(f"{key} {value}", expected=f"{most} or less", fix="Lower it.")


def check_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    """Checks that a setting is one of several words.

    Raises:
        UsageError: It is not.
    """
    if value not in choices:
        raise UsageError(
            f"{key} {value!r}",
            expected=f"one of {', '.join(choices)}",
            fix="Choose one of these.",
        )
