"""`python -m electra_keras.finetune`: a pre-trained model and labelled files in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import (
    add_checkpoint_flag,
    add_settings_flag,
    make_parser,
    run_command,
)

_DESCRIPTION = """\
Tunes a pre-trained model for a task of your own:

  python -m electra_keras.finetune --task=configs/tasks/love_chat.yaml \\
      --set files.train=chat.csv --set files.validation=chat_dev.csv \\
      --init_from=runs/reviews --output=runs/love_chat

A task is a YAML file: its kind (classification, regression, token_classification
or question_answering), its files and where in them the texts and labels are;
`configs/tasks/` has six. --set training.trials=5 runs five seeds and gives their
median and spread. Called again with the same options it goes on where it stopped;
SIGTERM and Ctrl-C save the present step first. The output folder receives:
  task.yaml       every setting, resolved
  figures.json    median and spread over the trials
  report.html     figures, confusions, errors, what was set aside
  trial-<seed>/   checkpoints, curves.png, predictions, figures of a seed;
                  logs/ for `tensorboard --logdir=runs/love_chat`

Next: python -m electra_keras.predict --model=runs/love_chat "some text", then
python -m electra_keras.export --run=runs/love_chat --output=models/love_chat.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and tunes; returns the exit code."""
    parser = make_parser("electra_keras.finetune", _DESCRIPTION)
    parser.add_argument(
        "--task", required=True, metavar="FILE", help="task, as in configs/tasks"
    )
    add_settings_flag(parser, "training.learning_rate=3e-4")
    parser.add_argument(
        "--init_from",
        required=True,
        metavar="PATH",
        help="a run, an export (DIR/1), a Hugging Face folder or a TF1 checkpoint",
    )
    add_checkpoint_flag(parser)
    parser.add_argument("--output", required=True, help="folder to make or resume")
    parser.add_argument(
        "--from_scratch",
        action="store_true",
        help="take sizes and vocabulary of --init_from, but random weights: what "
        "pre-training is worth",
    )
    return run_command(parser, _finetune, argv)


def _finetune(options: argparse.Namespace) -> None:
    from electra_keras.finetuning.task_loading import load_task
    from electra_keras.finetuning.tuning import tune

    tuned = tune(
        load_task(options.task, options.set),
        options.init_from,
        options.output,
        checkpoint=options.checkpoint,
        from_scratch=options.from_scratch,
    )
    for split, figures in tuned.figures.items():
        told = ", ".join(
            f"{name} {spread['median']:.4f}"
            + (f" (sd {spread['deviation']:.4f})" if len(tuned.results) > 1 else "")
            for name, spread in figures.items()
            if name != "task_score"
        )
        print(f"{split}: {told}")
    print(f"{options.output}: best of {len(tuned.results)} is seed {tuned.best.seed}")


if __name__ == "__main__":
    raise SystemExit(main())
