"""Checks that every section of a configuration needs.

Used by `config.py` and `model_config.py`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from electra_keras.errors import UsageError


def check_positive(
    config: Any,
    section: str,
    *,
    skip: Sequence[str] = (),
    rates: Sequence[str] = (),
    closed_rates: Sequence[str] = (),
) -> None:
    """Checks the numbers of a dataclass.

    Args:
        config: The dataclass.
        section: Named in the error.
        skip: Fields that may be 0, None or a word.
        rates: Fields in [0, 1).
        closed_rates: Fields in [0, 1].

    Raises:
        UsageError: A number is out of its range.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        key = f"{section}.{field.name}"
        if field.name in (*rates, *closed_rates):
            is_closed = field.name in closed_rates
            if not (0.0 <= value < 1.0 or (is_closed and value == 1.0)):
                raise UsageError(
                    f"{key} {value}",
                    expected=f"a rate from 0 to {'1' if is_closed else 'below 1'}",
                    fix="Write 15 percent as 0.15.",
                )
        elif field.name in skip:
            is_number = value is not None and not isinstance(value, str)
            if is_number and not 0 <= value < math.inf:
                raise out_of_range(key, value, "a number not below 0")
        elif not isinstance(value, bool | str) and not 0 < value < math.inf:
            raise out_of_range(key, value, "a number above 0")


def out_of_range(key: str, value: Any, expected: str) -> UsageError:
    """Makes the error of a value out of its range."""
    return UsageError(f"{key} {value}", expected=expected, fix="Change it.")


def check_choice(key: str, value: str, choices: Sequence[str]) -> None:
    """Checks that a word is one of those that have a meaning.

    Raises:
        UsageError: It is not.
    """
    if value not in choices:
        raise UsageError(
            f"{key} {value!r}",
            expected=f"one of {', '.join(choices)}",
            fix="Choose one of these.",
        )
