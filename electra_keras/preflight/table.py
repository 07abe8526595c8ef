"""Findings as a table for the terminal, or as JSON.

Reads `finding.Finding`, feeds `electra_keras.doctor`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from electra_keras.preflight.finding import DOOMED, OK, WARNING, Finding

_COLOURS = {OK: "green", WARNING: "yellow", DOOMED: "bold red"}


def findings_table(findings: Sequence[Finding]) -> Table:
    """Shows findings, a row each."""
    table = Table("", "check", "measured", "expected", title="preflight")
    for column in table.columns:
        column.overflow = "fold"  # Names of settings stay whole.
    for finding in findings:
        # As plain text: [UNK] and [CLS] are no markup.
        table.add_row(
            Text(finding.status, style=_COLOURS[finding.status]),
            Text(finding.name),
            Text(finding.measured),
            Text(finding.expected),
        )
    return table


def list_fixes(findings: Sequence[Finding]) -> list[str]:
    """What to do, a line for each finding that is not well."""
    return [f"{x.status}: {x.name}: {x.fix}" for x in findings if x.fix]


def findings_json(findings: Sequence[Finding]) -> list[str]:
    """Findings as JSON objects, a line each."""
    return [json.dumps(dataclasses.asdict(x), ensure_ascii=False) for x in findings]
