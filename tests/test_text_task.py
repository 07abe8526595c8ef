"""python -m pytest tests/test_text_task.py"""

from __future__ import annotations

import pytest

from electra_keras.finetuning.task_loading import load_task
from electra_keras.finetuning.tasks.classification import Classification
from electra_keras.finetuning.tasks.regression import Regression
from electra_keras.finetuning.text_files import TextRow

STATE = {"values": ["a", "b"], "names": ["a", "b"], "weights": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("kind", "state", "label"),
    [(Classification, STATE, ""), (Regression, {"low": 0, "high": 1}, 0.0)],
)
def test_rows_are_of_one_text_or_two(kind, state, label) -> None:
    one = kind(load_task(), state)
    assert one.inputs == ("text",)
    assert one.make_row(["x"], 3) == TextRow("x", None, label, "3", 3)
    two = kind(load_task(overrides=["columns.text_pair=b"]), state)
    assert two.inputs == ("text", "text_pair")
    assert two.make_row(["x", "y"], 4) == TextRow("x", "y", label, "4", 4)
    assert kind.key(TextRow("x", "y", label, "4", 4)) == "x\ny"
    assert kind.key(TextRow("x", None, label, "4", 4)) == "x\n"
