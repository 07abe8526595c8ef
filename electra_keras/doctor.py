"""`python -m electra_keras.doctor`: a configuration and data in, what is wrong out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from electra_keras.command_line import add_config_flags, make_parser, run_command

if TYPE_CHECKING:
    from electra_keras.config import ExperimentConfig
    from electra_keras.preflight.finding import Finding

_DESCRIPTION = """\
Says before a training whether it can come to anything: looks at the settings,
at what preprocessing has counted and at some rows of the data.

  python -m electra_keras.doctor --config=configs/electra_tiny.yaml \\
      --data=data/reviews

Every check has a status:
  ok       as it should be
  warning  trains, but worse than it could
  doomed   nothing can come of it; the exit code is 1
With --tpu the graph of the training step is looked at as well, for what a TPU
cannot run, and --data may be left out. It needs no TPU.
What is not ok is listed below the table with the way to mend it. Nothing is
written. electra_keras.train looks at the same before it starts, prints the
warnings and refuses a doomed run, unless it is given --force.

Next: python -m electra_keras.budget, then python -m electra_keras.train.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and checks; returns the exit code."""
    parser = make_parser("electra_keras.doctor", _DESCRIPTION)
    add_config_flags(parser, "train.learning_rate=3e-4")
    parser.add_argument(
        "--data",
        help="folder written by beam_pipelines.preprocess; needed without --tpu",
    )
    parser.add_argument(
        "--tpu",
        action="store_true",
        help="look for what a TPU cannot run; on 8 cores, takes some seconds",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, for each check"
    )
    return run_command(parser, _examine, argv)


def _examine(options: argparse.Namespace) -> None:
    from rich.console import Console

    from electra_keras.config_files import load_config
    from electra_keras.data.info import load_info
    from electra_keras.errors import ElectraError, UsageError
    from electra_keras.preflight.examination import examine, find_doomed, refusal
    from electra_keras.preflight.table import findings_json, findings_table, list_fixes

    config = load_config(options.config, options.set)
    findings = []
    if options.data:
        findings += examine(config, load_info(options.data), options.data)
    elif not options.tpu:
        raise UsageError(
            "no --data",
            expected="a folder written by beam_pipelines.preprocess",
            fix="Give --data, or --tpu to look at the graph alone.",
        )
    if options.tpu:
        findings += _examine_for_tpu(config, options.data)
    if options.json:
        print("\n".join(findings_json(findings)))
    else:
        Console().print(findings_table(findings))
        for line in list_fixes(findings):
            print(line)
    doomed = find_doomed(findings)
    if doomed:
        raise refusal(doomed, ElectraError)


def _examine_for_tpu(config: ExperimentConfig, data: str | None) -> list[Finding]:
    from electra_keras.data.info import load_info
    from electra_keras.training.run import fit_to_data
    from electra_keras.training.tpu_step import check_tpu

    if data is None:
        return check_tpu(config)
    info = load_info(data)
    return check_tpu(fit_to_data(config, info), has_blocks=info.packing == "dense")


if __name__ == "__main__":
    raise SystemExit(main())
