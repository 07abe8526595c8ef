"""Predictions in the terminal: every token shaded by its probability.

Reads `prediction.Prediction`, feeds `electra_keras.predict`.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from electra_keras.serving.prediction import Prediction

_SHADES = (  # Least probability, style: from plain to alarming.
    (0.5, "bold white on red3"),
    (0.3, "black on orange1"),
    (0.15, "black on khaki1"),
    (0.0, "default"),
)
_HIDDEN = ("[CLS]", "[SEP]")


def show_prediction(prediction: Prediction, console: Console) -> None:
    """Prints the text shaded, then the probability under each token."""
    line = Text("  ")
    numbers = Text("  ")
    for token, probability in zip(
        prediction.tokens, prediction.replaced_probabilities, strict=True
    ):
        if token in _HIDDEN:
            continue
        style = next(style for least, style in _SHADES if probability >= least)
        percent = f"{probability:.0%}"
        width = max(Text(token).cell_len, len(percent))
        line.append(token, style=style)
        line.append(" " * (width - Text(token).cell_len + 1))
        numbers.append(percent.ljust(width + 1), style="dim")
    for shaded, below in zip(
        line.wrap(console, console.width, overflow="fold"),
        numbers.wrap(console, console.width, overflow="fold"),
        strict=False,
    ):
        console.print(shaded)
        console.print(below)
