"""python -m pytest tests/test_task_display.py"""

from __future__ import annotations

import pytest

from electra_keras.finetuning.display import describe


@pytest.mark.parametrize(
    ("inputs", "predicted", "line"),
    [
        (
            ("a\nb",),
            {"label": "1", "name": "good", "probabilities": [0.2, 0.8]},
            "good (1) 80%\ta b",
        ),
        (
            ("a", "b"),
            {"label": "x", "name": "x", "probabilities": [1.0]},
            "x 100%\ta | b",
        ),
        (("a", "b"), 2.5, "2.500\ta | b"),
        (("a", "b"), {"number": 2.5}, "2.500\ta | b"),
        (("김 씨가 왔다",), ["B-PS", "O", "O"], "김/B-PS 씨가 왔다"),
        (
            ("q", "c"),
            {"answer": "", "probability": 0.1},
            "(no answer) 10%\tq | c",
        ),
        (
            ("김 씨",),
            {"tokens": ["[CLS]", "김", "##x"], "tag": ["", "B-PS", ""]},
            "김/B-PS\t김 씨",
        ),
    ],
)
def test_a_line_a_row(inputs, predicted, line: str) -> None:
    assert describe(inputs, predicted) == line
