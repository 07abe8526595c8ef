"""`python -m electra_keras.experiments.compare`: what pre-trainings are worth."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import add_settings_flag, make_parser, run_command

_DESCRIPTION = """\
Compares objectives of pre-training by what their models come to once tuned, at
equal FLOPs or equal time:

  python -m electra_keras.experiments.compare \\
      --config=configs/experiments/reviews.yaml --set paths.data=data/reviews \\
      --output=experiments/reviews

Called again with the same options it goes on where it stopped; Ctrl-C and
SIGTERM save the present step first. One seed of everything comes first, so that
the table is balanced whenever it is looked at. The output folder receives:
  comparison.md     tables: means, standard deviations, differences, p
  comparison.json   the same and every score;  *.png  pictures
  runs/             the pre-trainings, run folders as of electra_keras.train
  results.jsonl     a line a fine-tuning
  clock.json        seconds of a step, measured in turns
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and compares; returns the exit code."""
    parser = make_parser("electra_keras.experiments.compare", _DESCRIPTION)
    parser.add_argument(
        "--config",
        required=True,
        metavar="FILE",
        help="comparison, as in configs/experiments",
    )
    add_settings_flag(parser, "paths.data=data/reviews")
    parser.add_argument("--output", required=True, help="folder to make or resume")
    parser.add_argument(
        "--only",
        choices=("pretrain", "finetune", "report"),
        help="one stage; of fine-tunings those whose pre-training is there",
    )
    parser.add_argument(
        "--methods",
        metavar="NAME,NAME",
        help="only these methods or baselines; the report shows all",
    )
    parser.add_argument(
        "--plan",
        action="store_true",
        help="print what would be done, what it costs and what is done, and end",
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="time the steps of all methods, best on a quiet machine, and end",
    )
    return run_command(parser, _compare, argv)


def _compare(options: argparse.Namespace) -> None:
    from electra_keras.experiments.compare_config import load_comparison
    from electra_keras.experiments.comparison import (
        STAGES,
        Comparison,
        choose_jobs,
    )
    from electra_keras.experiments.comparison_plan import describe_plan

    config = load_comparison(options.config, options.set)
    comparison = Comparison(config, options.output)
    methods = options.methods.split(",") if options.methods else None
    if options.measure:
        comparison.measure()
        return
    if options.plan:
        jobs = choose_jobs(comparison.jobs(), methods)
        print("\n".join(describe_plan(comparison, jobs)))
        return
    stages = (options.only,) if options.only else STAGES
    summary = comparison.run(stages, methods)
    print(f"{options.output}: {summary.missing:,} fine-tunings are missing")


if __name__ == "__main__":
    raise SystemExit(main())
