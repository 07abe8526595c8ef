"""python -m pytest tests/test_classification.py"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import TINY_ENTRIES
from tasks_fixtures import make_finder, text_task

from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.tasks.classification import Classification
from electra_keras.finetuning.text_files import TextRow

ROWS = [
    TextRow("가 b", None, "bad", "1", 2),
    TextRow("b", None, "good", "2", 3),
    TextRow("c", None, "good", "3", 4),
    TextRow("d", None, "good", "4", 5),
]


@pytest.fixture
def kind(tmp_path: Path) -> Classification:
    config = text_task(tmp_path, "task.class_weights=balanced")
    return Classification(config, Classification.learn(ROWS, config))


def test_labels_and_weights_come_from_training_rows(kind: Classification) -> None:
    assert kind.state["values"] == ["bad", "good"]
    np.testing.assert_allclose(kind.state["weights"], [2.0, 2 / 3], rtol=1e-6)
    assert kind.warnings(ROWS) == [
        "label bad has 1 training example: it can hardly be learned"
    ]


def test_examples_hold_ids_and_labels(kind: Classification) -> None:
    encoded = kind.encode(ROWS[:2], make_finder(TINY_ENTRIES))
    first, second = encoded.examples
    assert first["token_ids"].tolist() == [2, 6, 23, 3]
    assert (int(first["label_ids"]), int(second["label_ids"])) == (0, 1)
    assert first["label_ids"].dtype == np.int32
    long = TextRow("b " * 30, None, "?", "9", 9)
    encoded = kind.encode([long], make_finder(TINY_ENTRIES))
    assert len(encoded.examples[0]["token_ids"]) == 12
    assert encoded.notes == ("1 of 1 texts were cut: 20 tokens",)


def test_a_text_is_its_cls_or_its_mean(tmp_path: Path) -> None:
    states = tf.constant([[[1.0, 2.0], [3.0, 6.0], [99.0, 99.0]]])
    mask = tf.constant([[1, 1, 0]])
    for pooling, expected in (("cls", [1.0, 2.0]), ("mean", [2.0, 4.0])):
        config = text_task(tmp_path, f"training.pooling={pooling}")
        kind = Classification(config, Classification.learn(ROWS, config))
        head = kind.build_head(2, 0.5, 1)
        head.build(states.shape)
        head.projection.kernel.assign(np.eye(2))
        assert head(states, mask)["logits"].numpy().tolist() == [expected]


def test_the_loss_is_weighted_cross_entropy(kind: Classification) -> None:
    batch = {
        "label_ids": tf.constant([0, 1, 0]),
        "weights": tf.constant([1.0, 1.0, 0.0]),
    }
    outputs = {"logits": tf.constant([[0.0, 0.0], [0.0, math.log(3.0)], [9.0, 0.0]])}
    expected = 2.0 * math.log(2.0) + 2 / 3 * math.log(4 / 3)
    assert float(kind.loss(batch, outputs)) == pytest.approx(expected, rel=1e-5)
    assert float(kind.count(batch)) == 2.0


def test_the_most_probable_label_is_predicted(kind: Classification) -> None:
    outputs = [{"logits": np.array([math.log(3.0), 0.0], np.float32)}] * 2
    predictions = kind.predict(ROWS[:2], [], outputs)
    assert predictions[0] == {
        "label": "bad",
        "name": "bad",
        "probabilities": [0.75, 0.25],
    }
    assert kind.confusions(ROWS[:2], predictions).tolist() == [[1, 0], [1, 0]]
    assert kind.measure(ROWS[:2], predictions)["accuracy"] == 0.5


def test_unknown_labels_are_set_aside(kind: Classification) -> None:
    odd = TextRow("x", None, "ugly", "5", 7)
    known = kind.keep_known(LabelledFile("v.tsv", [ROWS[0], odd]))
    assert known.rows == [ROWS[0]]
    assert str(known.set_aside[0]) == "v.tsv:7: unknown label (ugly)"
