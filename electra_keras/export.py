"""`python -m electra_keras.export`: a run in, a SavedModel out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import add_checkpoint_flag, make_parser, run_command

_DESCRIPTION = """\
Exports the discriminator of a run as a SavedModel that TF Serving serves:

  python -m electra_keras.export --run=runs/reviews --output=models/reviews

writes models/reviews/1/, the next call models/reviews/2/; an existing version
is never touched. Its signatures:
  serving_default  text [B] -> tokens, token_starts, token_ends, padding_mask,
                   replaced_probability [B, S], mean_embedding,
                   cls_embedding [B, H]
  score            text [B] -> naturalness [B]
  tokenize         text [B] -> token_ids, tokens, offsets... [B, S]
  tokens           token_ids, segment_ids, padding_mask [B, S] -> the numbers
                   of serving_default
  hidden_states    the same three -> hidden_states [B, S, H]
  corrupt          text, seed [B] -> the answers of serving_default for the text
                   with samples of the generator, original_tokens, is_masked,
                   is_replaced [B, S]; only --with_generator

The folder of a fine-tuning is exported with the signature of its task, from the
trial that did best: label, probabilities and names; a number; tags; or answers.

Next: python -m electra_keras.predict --model=models/reviews/1 "some text"
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and exports; returns the exit code."""
    parser = make_parser("electra_keras.export", _DESCRIPTION)
    parser.add_argument(
        "--run",
        required=True,
        help="run folder of electra_keras.train, or folder of electra_keras.finetune",
    )
    add_checkpoint_flag(parser)
    parser.add_argument("--output", required=True, help="folder of model versions")
    parser.add_argument(
        "--sequence_length",
        type=int,
        help="tokens at which rows are cut; by default what was trained",
    )
    parser.add_argument(
        "--with_generator",
        action="store_true",
        help="add the generator and the signature corrupt, for demonstrations",
    )
    parser.add_argument(
        "--litert",
        choices=("float32", "float16", "int8"),
        help="add assets.extra/model_<form>.tflite: the signature tokens for LiteRT",
    )
    parser.add_argument(
        "--weights",
        choices=("float32", "bfloat16"),
        default="float32",
        help="how they are kept; bfloat16 takes half the size",
    )
    return run_command(parser, _export, argv)


def _export(options: argparse.Namespace) -> None:
    from electra_keras.finetuning.tuned_folder import is_tuned

    if is_tuned(options.run):
        _export_task(options)
        return
    from electra_keras.serving.export import export_run
    from electra_keras.training.saved_run import load_run

    run = load_run(options.run, options.checkpoint)
    version = export_run(
        run,
        options.output,
        sequence_length=options.sequence_length,
        with_generator=options.with_generator,
        litert=options.litert,
        weights=options.weights,
    )
    size = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    print(
        f"exported step {run.checkpoint.step:,} to {version}: "
        f"{run.discriminator.count_params():,} parameters, {size / 1e6:.1f} MB, rows "
        f"of at most {options.sequence_length or run.trained_sequence_length} tokens"
    )


def _export_task(options: argparse.Namespace) -> None:
    from electra_keras.errors import UsageError
    from electra_keras.finetuning.tuned_model import load_tuned
    from electra_keras.serving.task_export import export_task

    flags = {
        "--with_generator": options.with_generator,
        "--litert": options.litert,
        "--weights": options.weights != "float32",
        "--checkpoint": options.checkpoint != "latest",
    }
    given = [flag for flag, is_given in flags.items() if is_given]
    if given:
        raise UsageError(
            f"{', '.join(given)} for the fine-tuning in {options.run}",
            expected="flags of a pre-training for a run of electra_keras.train only",
            fix="Remove them.",
        )
    tuned = load_tuned(options.run)
    version = export_task(
        tuned, options.output, sequence_length=options.sequence_length
    )
    print(
        f"exported seed {tuned.result.seed}, step {tuned.result.step:,} to {version}: "
        f"{tuned.kind.config.task.kind}, {tuned.network.count_params():,} parameters"
    )


if __name__ == "__main__":
    raise SystemExit(main())
