"""`python -m electra_keras.predict`: text in, replaced probabilities out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from electra_keras.command_line import make_parser, run_command

_DESCRIPTION = """\
Says for every token of a text how probable it is that it was replaced:

  python -m electra_keras.predict --model=models/reviews/1 "a sentence"
  python -m electra_keras.predict --model=models/reviews/1 --json "one" "two"

In a terminal suspicious tokens are coloured. With --json each text gives one
line: {"tokens": [...], "start": [...], "end": [...],
"replaced_probability": [...]}; start and end count the characters of the text
as it was given.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Parses and predicts; returns the exit code."""
    parser = make_parser("electra_keras.predict", _DESCRIPTION)
    parser.add_argument("--model", required=True, help="version folder of an export")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--svg", metavar="FILE", help="also save the picture as SVG")
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="text to judge")
    return run_command(parser, _predict, argv)


def _predict(options: argparse.Namespace) -> None:
    import json

    from rich.console import Console

    from electra_keras.serving.display import save_svg, show_prediction
    from electra_keras.serving.prediction import predict

    console = Console()
    predictions = predict(options.model, options.texts)
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
