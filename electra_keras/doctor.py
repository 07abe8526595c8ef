"""`python -m electra_keras.doctor`: a configuration and data in, what is wrong out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import make_parser, run_command

_DESCRIPTION = """\
Says before a training whether it can come to anything: looks at the settings,
at what preprocessing has counted and at some rows of the data.

  python -m electra_keras.doctor --config=configs/electra_tiny.yaml \\
      --data=data/reviews

Every check has a status:
  ok       as it should be
  warning  trains, but worse than it could
  doomed   nothing can come of it; the exit code is 1
What is not ok is listed below the table with the way to mend it. Nothing is
written. electra_keras.train looks at the same before it starts, prints the
warnings and refuses a doomed run, unless it is given --force.

Next: python -m electra_keras.budget, then python -m electra_keras.train.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and checks; returns the exit code."""
    parser = make_parser("electra_keras.doctor", _DESCRIPTION)
    parser.add_argument(
        "--config", help="YAML file of configs/; without it the defaults: Small"
    )
    parser.add_argument(
        "--data", required=True, help="folder written by beam_pipelines.preprocess"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="override a setting, such as train.learning_rate=3e-4; repeatable",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, for each check"
    )
    return run_command(parser, _examine, argv)


def _examine(options: argparse.Namespace) -> None:
    from rich.console import Console

    from electra_keras.config_files import load_config
    from electra_keras.data.info import load_info
    from electra_keras.errors import ElectraError
    from electra_keras.preflight.examination import examine, find_doomed, refusal
    from electra_keras.preflight.table import findings_json, findings_table, list_fixes

    config = load_config(options.config, options.set)
    findings = examine(config, load_info(options.data), options.data)
    if options.json:
        print("\n".join(findings_json(findings)))
    else:
        Console().print(findings_table(findings))
        for line in list_fixes(findings):
            print(line)
    doomed = find_doomed(findings)
    if doomed:
        raise refusal(doomed, ElectraError)


if __name__ == "__main__":
    raise SystemExit(main())
