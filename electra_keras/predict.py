"""`python -m electra_keras.predict`: text in, what a model says of it out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from electra_keras.command_line import make_parser, run_command

_DESCRIPTION = """\
Says for every token of a text how probable it is that it was replaced:

  python -m electra_keras.predict --model=models/reviews/1 "a sentence"
  python -m electra_keras.predict --model=models/reviews/1 --json "one" "two"

In a terminal suspicious tokens are coloured. With --json each text gives one
line: {"tokens": [...], "start": [...], "end": [...],
"replaced_probability": [...]}; start and end count the characters of the text
as it was given.

Of a fine-tuned model, the folder of electra_keras.finetune or an export of it,
the label, number, tags or answer:

  python -m electra_keras.predict --model=runs/love_chat "우리 헤어졌어"
  python -m electra_keras.predict --model=runs/pairs --pair "one" "another"
  python -m electra_keras.predict --model=runs/korquad --context="..." "question"
  python -m electra_keras.predict --model=runs/love_chat --input=lines.txt --json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and predicts; returns the exit code."""
    parser = make_parser("electra_keras.predict", _DESCRIPTION)
    parser.add_argument(
        "--model",
        required=True,
        help="version folder of an export, or folder of electra_keras.finetune",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--svg", metavar="FILE", help="also save the picture as SVG")
    parser.add_argument(
        "--pair",
        nargs=2,
        action="append",
        default=[],
        metavar=("TEXT", "OTHER"),
        help="two texts, for tasks of pairs; repeatable",
    )
    parser.add_argument("--context", help="text that the TEXTs are questions about")
    parser.add_argument("--input", metavar="FILE", help="UTF-8 file, a TEXT a line")
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="text to judge")
    return run_command(parser, _predict, argv)


def _predict(options: argparse.Namespace) -> None:
    from electra_keras.errors import UsageError
    from electra_keras.finetuning.tuned_folder import is_tuned
    from electra_keras.serving.task_prediction import find_task

    inputs = _read_inputs(options)
    if is_tuned(options.model) or find_task(options.model):
        _predict_task(options, inputs)
        return
    if options.pair or options.context is not None:
        raise UsageError(
            f"two texts a row for {options.model}",
            expected="one TEXT each: it is a model of no task",
            fix="Remove --pair and --context.",
        )
    _predict_replaced(options, [text for (text,) in inputs])


def _read_inputs(options: argparse.Namespace) -> list[tuple[str, ...]]:
    """The texts of each row."""
    from electra_keras.errors import UsageError
    from electra_keras.finetuning.set_aside import read_text, split_lines

    texts = list(options.texts)
    if options.input:
        texts += split_lines(read_text(options.input))
    rows: list[tuple[str, ...]] = [tuple(pair) for pair in options.pair]
    more = () if options.context is None else (options.context,)
    rows += [(text, *more) for text in texts]
    if not rows:
        raise UsageError(
            "no text",
            expected="a TEXT, --pair TEXT OTHER or --input=FILE",
            fix="Give one.",
        )
    return rows


def _predict_task(
    options: argparse.Namespace, inputs: Sequence[tuple[str, ...]]
) -> None:
    import json

    from electra_keras.errors import UsageError
    from electra_keras.finetuning.display import describe
    from electra_keras.finetuning.tuned_folder import is_tuned
    from electra_keras.finetuning.tuned_model import load_tuned
    from electra_keras.serving.task_prediction import ask_task

    if options.svg:
        raise UsageError(
            "--svg with a fine-tuned model",
            expected="a model that tells replaced tokens",
            fix="Remove it.",
        )
    found: Sequence[Any]
    if is_tuned(options.model):
        found = load_tuned(options.model).predict(inputs)
    else:
        found = ask_task(options.model, inputs)
    for texts, predicted in zip(inputs, found, strict=True):
        if options.json:
            is_dict = isinstance(predicted, dict)
            row = predicted if is_dict else {"prediction": predicted}
            print(json.dumps(row, ensure_ascii=False))
        else:
            print(describe(texts, predicted))


def _predict_replaced(options: argparse.Namespace, texts: Sequence[str]) -> None:
    import json

    from rich.console import Console

    from electra_keras.serving.display import save_svg, show_prediction
    from electra_keras.serving.prediction import predict

    console = Console()
    predictions = predict(options.model, texts)
    if options.svg:
        save_svg(predictions, options.svg)
    for prediction in predictions:
        if options.json:
            row = {
                "tokens": prediction.tokens,
                "start": prediction.starts,
                "end": prediction.ends,
                "replaced_probability": prediction.replaced_probabilities,
            }
            print(json.dumps(row, ensure_ascii=False))
        else:
            show_prediction(prediction, console)


if __name__ == "__main__":
    raise SystemExit(main())
