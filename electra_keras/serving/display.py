"""Predictions in the terminal: every token shaded by its probability.

Reads `prediction.Prediction`, feeds `electra_keras.predict`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

from electra_keras.serving.prediction import Prediction

_SHADES = (  # Least probability, style: from plain to alarming.
    (0.5, "bold bright_white on red3"),
    (0.3, "black on orange1"),
    (0.15, "black on khaki1"),
    (0.0, "default"),
)
_HIDDEN = ("[CLS]", "[SEP]")
_INDENT = "  "
_SVG_WIDTH = 84  # Character cells.
# Rich's own template fetches a font from the network.
_SVG_FORMAT = """\
<svg viewBox="0 0 {terminal_width} {terminal_height}" \
xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; \
line-height: {line_height}px; }}
{styles}
</style>
<rect width="100%" height="100%" fill="#ffffff" rx="8"/>
<g class="{unique_id}-matrix">{backgrounds}{matrix}</g>
</svg>
"""


def show_prediction(prediction: Prediction, console: Console) -> None:
    """Prints the tokens shaded, each above its probability."""
    line, numbers = Text(_INDENT), Text(_INDENT)
    for token, probability in zip(
        prediction.tokens, prediction.replaced_probabilities, strict=True
    ):
        if token in _HIDDEN:
            continue
        percent = f"{probability:.0%}"
        width = max(Text(token).cell_len, len(percent))
        if line.cell_len + width > console.width and line.plain != _INDENT:
            _print_rows(console, line, numbers)
            line, numbers = Text(_INDENT), Text(_INDENT)
        style = next(style for least, style in _SHADES if probability >= least)
        line.append(token, style=style)
        line.append(" " * (width - Text(token).cell_len + 1))
        numbers.append(percent.ljust(width + 1), style="dim")
    _print_rows(console, line, numbers)


def _print_rows(console: Console, *rows: Text) -> None:
    for row in rows:
        row.rstrip()
        console.print(row, overflow="ignore", no_wrap=True, crop=False)


def save_svg(predictions: Sequence[Prediction], path: str | Path) -> None:
    """Writes what `show_prediction` prints as a picture for a web page."""
    console = Console(
        record=True, width=_SVG_WIDTH, file=io.StringIO(), force_terminal=True
    )
    for prediction in predictions:
        show_prediction(prediction, console)
    console.save_svg(str(path), theme=DEFAULT_TERMINAL_THEME, code_format=_SVG_FORMAT)
