"""`python -m electra_keras.budget`: a configuration in, what it will take out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import add_config_flags, make_parser, run_command
from electra_keras.planning.devices import DEVICES

_DESCRIPTION = """\
Says before a training what it will take: parameters, FLOPs, memory, tokens,
epochs and hours.

  python -m electra_keras.budget --config=configs/electra_small.yaml \\
      --vocabulary_size=30522 --device=v100
  python -m electra_keras.budget --config=configs/electra_tiny.yaml \\
      --data=data/reviews --measure

Without --device, --tokens_per_sec or --measure the hours on every known device
are shown. FLOPs are counted as in the paper. --measure trains a few steps here
on made-up rows.

devices, and the runs that their speed is taken from:
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and plans; returns the exit code."""
    devices = "".join(f"  {d.name:<17}{d.source}\n" for d in DEVICES)
    parser = make_parser("electra_keras.budget", _DESCRIPTION + devices)
    add_config_flags(parser, "train.global_batch_size=32")
    parser.add_argument(
        "--data", help="folder written by beam_pipelines.preprocess; gives the epochs"
    )
    parser.add_argument(
        "--vocabulary_size", type=int, help="entries, where there are no data"
    )
    parser.add_argument(
        "--replicas", type=int, default=1, help="devices that share a batch"
    )
    parser.add_argument(
        "--dtype",
        default="float32",
        choices=("float32", "mixed_bfloat16"),
        help="of the memory estimate",
    )
    time = parser.add_mutually_exclusive_group()
    time.add_argument("--device", metavar="NAME", help="one of those above")
    time.add_argument("--tokens_per_sec", type=float, help="what yours trains")
    time.add_argument("--measure", action="store_true", help="train some steps here")
    parser.add_argument(
        "--measured_rows",
        type=int,
        help="examples of a measured step; by default train.global_batch_size",
    )
    return run_command(parser, _budget, argv)


def _budget(options: argparse.Namespace) -> None:
    from rich.console import Console

    from electra_keras.config_files import load_config
    from electra_keras.data.info import load_info
    from electra_keras.planning.devices import find_device
    from electra_keras.planning.plan import check_positive, make_plan
    from electra_keras.planning.table import plan_table
    from electra_keras.planning.throughput import measure_plan

    check_positive(
        vocabulary_size=options.vocabulary_size,
        tokens_per_sec=options.tokens_per_sec,
        measured_rows=options.measured_rows,
    )
    devices = [find_device(options.device)] if options.device else list(DEVICES)
    plan = make_plan(
        load_config(options.config, options.set),
        load_info(options.data) if options.data else None,
        vocabulary_size=options.vocabulary_size,
        replicas=options.replicas,
        dtype=options.dtype,
    )
    measurement = measure_plan(plan, options.measured_rows) if options.measure else None
    table = plan_table(
        plan,
        devices=() if options.measure or options.tokens_per_sec else devices,
        tokens_per_sec=options.tokens_per_sec,
        measurement=measurement,
    )
    Console().print(table)
    if options.device:
        (device,) = devices
        print(f"{device.name}: {device.flops_per_sec:.1e} FLOPs/s; {device.source}")


if __name__ == "__main__":
    raise SystemExit(main())
