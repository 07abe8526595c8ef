"""python -m pytest tests/test_display.py"""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.text import Text

from electra_keras.serving.display import save_svg, show_prediction
from electra_keras.serving.prediction import Prediction


def predicted(tokens: list[str], probabilities: list[float]) -> Prediction:
    nowhere = (0,) * len(tokens)  # The picture shows no offsets.
    return Prediction(tuple(tokens), tuple(probabilities), nowhere, nowhere)


def shown(prediction: Prediction, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    show_prediction(prediction, console)
    return console.file.getvalue().splitlines()


def test_every_token_stands_above_its_own_probability_on_every_line() -> None:
    tokens = ["a", "##bc", "요리사가", "😂", "longer", "."] * 10
    numbers = [place / 60 for place in range(60)]
    lines = shown(predicted(tokens, numbers), width=30)
    assert len(lines) > 10 and not len(lines) % 2
    found = []
    for line, below in zip(lines[::2], lines[1::2], strict=True):
        assert Text(line).cell_len <= 30
        assert len(line.split()) == len(below.split())
        for token, percent in zip(line.split(), below.split(), strict=True):
            cells = Text(line[: line.index(token)]).cell_len
            if line.count(token) == 1 and below.count(percent) == 1:
                assert below.index(percent) == cells
            found.append((token, percent))
    assert found == [
        (token, f"{number:.0%}") for token, number in zip(tokens, numbers, strict=True)
    ]


def test_frame_tokens_are_hidden() -> None:
    prediction = predicted(["[CLS]", "가", "[SEP]"], [0.1, 0.6, 0.2])
    assert shown(prediction, width=40) == ["  가", "  60%"]


def test_svg_holds_tokens_and_needs_no_network(tmp_path: Path) -> None:
    path = tmp_path / "prediction.svg"
    save_svg([predicted(["[CLS]", "요리사가", "[SEP]"], [0.1, 0.6, 0.2])], path)
    text = path.read_text("utf-8")
    assert "요리사가" in text and "60%" in text
    assert "url(" not in text.replace("url(#", "") and "https://" not in text
