"""python -m pytest tests/test_regression.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import TINY_ENTRIES
from tasks_fixtures import make_finder, text_task

from electra_keras.errors import UsageError
from electra_keras.finetuning.tasks.regression import Regression
from electra_keras.finetuning.text_files import TextRow

ROWS = [TextRow("a", "b", number, "1", 2) for number in (1.0, 5.0, 2.0)]


@pytest.fixture
def kind(tmp_path: Path) -> Regression:
    config = text_task(tmp_path, "task.kind=regression")
    return Regression(config, Regression.learn(ROWS, config))


def test_numbers_are_learned_as_shares_of_their_range(kind: Regression) -> None:
    assert kind.state == {"low": 1.0, "high": 5.0}
    examples = kind.encode(ROWS, make_finder(TINY_ENTRIES)).examples
    assert [float(example["targets"]) for example in examples] == [0.0, 1.0, 0.25]
    assert examples[0]["segment_ids"].tolist() == [0, 0, 0, 1, 1]


def test_the_loss_is_the_squared_error(kind: Regression) -> None:
    batch = {"targets": tf.constant([0.0, 1.0]), "weights": tf.constant([1.0, 0.0])}
    outputs = {"logits": tf.constant([[0.5], [7.0]])}
    assert float(kind.loss(batch, outputs)) == 0.25


def test_predictions_are_on_the_scale_of_the_file(kind: Regression) -> None:
    outputs = [{"logits": np.array([x], np.float32)} for x in (0.0, 1.5, 0.25)]
    predictions = kind.predict(ROWS, [], outputs)
    assert predictions == [1.0, 7.0, 2.0]
    figures = kind.measure(ROWS, predictions)
    assert figures["spearman"] == pytest.approx(1.0)
    assert figures["mse"] == pytest.approx(4 / 3)


def test_one_number_is_no_task(tmp_path: Path) -> None:
    config = text_task(tmp_path, "task.kind=regression")
    with pytest.raises(UsageError, match=r"the number 1\.0 in every training row"):
        Regression.learn(ROWS[:1], config)
