"""`python -m electra_keras.evaluate`: a run in, held-out metrics out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import add_checkpoint_flag, make_parser, run_command

_DESCRIPTION = """\
Measures a run on held-out text, padding never counted:

  python -m electra_keras.evaluate --run=runs/reviews --data=data/reviews

Prints a table and writes evaluation.json beside the run's checkpoints. With
--samples=10 it also writes samples.md: original, masked and sampled tokens, and
what the discriminator said of them or the main network guessed.

A discriminator that has learnt nothing has disc_auc 0.5; a generator should
clearly beat most_frequent_token_accuracy.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and evaluates; returns the exit code."""
    parser = make_parser("electra_keras.evaluate", _DESCRIPTION)
    parser.add_argument(
        "--run", required=True, help="run folder of electra_keras.train"
    )
    add_checkpoint_flag(parser)
    parser.add_argument("--data", required=True, help="data folder with held-out text")
    parser.add_argument(
        "--split", default="validation", choices=("validation", "test", "train")
    )
    parser.add_argument(
        "--samples", type=int, default=0, help="rows to write to samples.md"
    )
    return run_command(parser, _evaluate, argv)


def _evaluate(options: argparse.Namespace) -> None:
    import json
    import time

    from electra_keras.errors import UsageError
    from electra_keras.training import evaluation
    from electra_keras.training.samples import samples_markdown
    from electra_keras.training.saved_run import load_run
    from electra_keras.whole_files import write_text

    if options.samples < 0:
        raise UsageError(
            f"--samples={options.samples}",
            expected="a number of rows, 0 for none",
            fix="Change it.",
        )
    run = load_run(options.run, options.checkpoint)
    started = time.monotonic()
    metrics = evaluation.evaluate_run(run, options.data, split=options.split)
    secs = time.monotonic() - started
    for name, value in metrics.items():
        shown = f"{value:,.0f}" if name in ("step", "real_tokens") else f"{value:.4f}"
        print(f"{name:<30}{shown:>12}")
    path = run.folder / "evaluation.json"
    text = json.dumps({"split": options.split, **metrics}, indent=2)
    write_text(path, text + "\n")
    if options.samples:
        samples = evaluation.draw_samples(
            run, options.data, count=options.samples, split=options.split
        )
        write_text(run.folder / "samples.md", samples_markdown(samples))
    tokens = metrics["real_tokens"]
    print(
        f"evaluated {tokens:,.0f} tokens in {secs:.1f} s, {tokens / secs:,.0f} "
        f"tokens/s; {path}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
