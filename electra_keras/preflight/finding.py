"""What one check found: a number, what was expected, and the fix.

Made by `data_checks.py` and `setting_checks.py`, shown by `table.py`.
"""

from __future__ import annotations

import dataclasses

OK, WARNING, DOOMED = "ok", "warning", "doomed"


@dataclasses.dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: Of the check.
        status: "ok"; "warning": trains, but worse than it could; "doomed":
            nothing can come of it.
        value: What was measured, as a number.
        unit: Of `value`; "rate" is a share from 0 to 1.
        measured: The same in words.
        expected: What would have been right.
        fix: What to do about it, as an imperative; "" where all is well.
    """

    name: str
    status: str
    value: float
    unit: str
    measured: str
    expected: str
    fix: str

    def __str__(self) -> str:
        line = f"{self.status}: {self.name}: {self.measured}"
        return f"{line}; expected {self.expected}. {self.fix}".rstrip()


def judge(
    name: str,
    value: float,
    unit: str,
    measured: str,
    *,
    expected: str,
    fix: str,
    warning: bool = False,
    doomed: bool = False,
) -> Finding:
    """Makes a finding; the worse of the two conditions that holds counts."""
    status = DOOMED if doomed else WARNING if warning else OK
    return Finding(
        name=name,
        status=status,
        value=float(value),
        unit=unit,
        measured=measured,
        expected=expected,
        fix="" if status == OK else fix,
    )


def show_rate(rate: float) -> str:
    """Writes a share as percent, small ones with three digits: 0.0123 is 1.23%."""
    return f"{100 * rate:.3g}%" if rate < 0.1 else f"{100 * rate:.0f}%"
