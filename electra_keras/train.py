"""`python -m electra_keras.train`: a data folder in, a run folder out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import add_config_flags, make_parser, run_command

_DESCRIPTION = """\
Pre-trains an ELECTRA: a small generator fills in masked tokens, and the
discriminator learns to tell which tokens were replaced.

  python -m electra_keras.train --config=configs/electra_tiny.yaml \\
      --data=data/reviews --output=runs/reviews

Called again with the same options it goes on where the run stopped, bit by bit
as if it had not; --allow_changes lets some settings be others. SIGTERM and Ctrl-C
save the present step first. What electra_keras.doctor finds is told first; a
doomed run is refused.
--init_from=PATH starts from other weights, as continued pre-training. The
output folder receives:
  config.yaml     every setting, resolved
  checkpoints/    weights and optimizer, written whole or not at all: the newest
                  few, and the best by held-out text, which best.json names
  logs/           for `tensorboard --logdir=runs/reviews/logs`
  metrics.jsonl   every point of the curves;  curves.png  their picture
  watchdog.jsonl  what went wrong, if anything did
  changes.jsonl   settings that were changed on the way, if any

Next: python -m electra_keras.evaluate, then python -m electra_keras.export.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and trains; returns the exit code."""
    parser = make_parser("electra_keras.train", _DESCRIPTION)
    add_config_flags(parser, "train.learning_rate=3e-4")
    parser.add_argument(
        "--data", required=True, help="folder written by beam_pipelines.preprocess"
    )
    parser.add_argument("--output", required=True, help="run folder to make or resume")
    parser.add_argument(
        "--init_from",
        metavar="PATH",
        help="start from the weights of a run, an export such as models/reviews/1, a "
        "Hugging Face folder or a TF1 checkpoint with the same vocabulary; the "
        "optimizer starts afresh",
    )
    parser.add_argument(
        "--force", action="store_true", help="train what the doctor calls doomed"
    )
    parser.add_argument(
        "--skip_corrupt",
        action="store_true",
        help="go past examples that cannot be read, and count them in "
        "unreadable_examples; without it they are an error",
    )
    parser.add_argument(
        "--profile_steps",
        metavar="FIRST:STOP",
        help="profile these optimizer steps, such as 100:110, into RUN/logs",
    )
    parser.add_argument(
        "--allow_changes",
        action="store_true",
        help="go on with a run although settings are others: those that do not alter "
        "what is computed, such as intervals, and, with a warning, those that alter "
        "its further course, such as train.learning_rate; never sizes, seed, masks, "
        "batch size, objective or data, which ask for another --output",
    )
    return run_command(parser, _train, argv)


def _train(options: argparse.Namespace) -> None:
    from electra_keras.config_files import load_config
    from electra_keras.finetuning.probe import LinearProbe
    from electra_keras.interchange.initial_weights import InitialWeights
    from electra_keras.training.boards.profiling import parse_profile_steps
    from electra_keras.training.run import train

    config = load_config(options.config, options.set)
    profile = None
    if options.profile_steps is not None:
        steps = config.train.train_steps
        profile = parse_profile_steps(options.profile_steps, steps)
    source = InitialWeights(options.init_from) if options.init_from else None
    done = train(
        config,
        options.data,
        options.output,
        initial_weights=source,
        force=options.force,
        profile_steps=profile,
        skip_corrupt=options.skip_corrupt,
        allow_changes=options.allow_changes,
        probe=LinearProbe.of(config.train),
    )
    if done.checkpoint is None:
        print(f"trained steps {done.start_step:,} to {done.step:,}; the chief saves")
        return
    rate = done.real_tokens / max(done.train_secs, 1e-9)
    print(
        f"trained steps {done.start_step:,} to {done.step:,}: "
        f"{done.real_tokens:,.0f} tokens in {done.train_secs:,.0f} s, "
        f"{rate:,.0f} tokens/s; {done.checkpoint.folder}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
