"""All checks of a run before it starts, and the refusal of a doomed one.

Joins the other files of this room; feeds `training/run.py`, which starts no doomed
run, and `electra_keras.doctor`, which shows all.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import DatasetInfo
from electra_keras.errors import ElectraError, UsageError
from electra_keras.preflight.data_checks import DATA_CHECKS
from electra_keras.preflight.evidence import Evidence, gather_evidence
from electra_keras.preflight.finding import DOOMED, OK, Finding
from electra_keras.preflight.setting_checks import SETTING_CHECKS


def examine(
    config: ExperimentConfig,
    info: DatasetInfo,
    folder: str | Path,
    *,
    skip_corrupt: bool = False,
) -> list[Finding]:
    """Checks a run before it starts.

    Args:
        config: Its settings, resolved or not.
        info: Of its data.
        folder: Of its data.
        skip_corrupt: Leave out examples that cannot be read.

    Returns:
        A finding for every check, those that are well too.

    Raises:
        ElectraError: A file of the folder is damaged.
    """
    evidence = gather_evidence(config, info, folder, skip_corrupt=skip_corrupt)
    return judge_evidence(evidence)


def judge_evidence(evidence: Evidence) -> list[Finding]:
    """Makes a finding for every check."""
    return [check(evidence) for check in (*DATA_CHECKS, *SETTING_CHECKS)]


def clear_for_start(
    config: ExperimentConfig,
    info: DatasetInfo,
    folder: str | Path,
    *,
    force: bool,
    skip_corrupt: bool = False,
) -> list[Finding]:
    """Checks a run that is about to start.

    Args:
        config: Its settings.
        info: Of its data.
        folder: Of its data.
        force: Start a doomed run as well.
        skip_corrupt: Leave out examples that cannot be read.

    Returns:
        What is not well, for `print_findings`.

    Raises:
        UsageError: The run is doomed, and not forced.
        ElectraError: A file of the folder is damaged.
    """
    findings = examine(config, info, folder, skip_corrupt=skip_corrupt)
    doomed = find_doomed(findings)
    if doomed and not force:
        raise refusal(doomed, UsageError, "Or go on all the same with --force.")
    return [finding for finding in findings if finding.status != OK]


def find_doomed(findings: Sequence[Finding]) -> list[Finding]:
    """Those of which each alone makes a run worthless."""
    return [finding for finding in findings if finding.status == DOOMED]


def refusal(
    doomed: Sequence[Finding], kind: type[ElectraError], otherwise: str = ""
) -> ElectraError:
    """Makes the error that lists the causes.

    Args:
        doomed: At least one.
        kind: Of the error; decides the exit code.
        otherwise: What else can be done than to mend the causes.
    """
    return kind(
        "this run is doomed: " + "; ".join(f"{x.name}: {x.measured}" for x in doomed),
        expected="; ".join(f"{x.name}: {x.expected}" for x in doomed),
        fix=" ".join([*(x.fix for x in doomed), otherwise]).strip(),
    )


def print_findings(findings: Sequence[Finding]) -> None:
    """Prints findings on the error stream, a line each."""
    for finding in findings:
        print(" ".join(str(finding).split()), file=sys.stderr)
