"""python -m pytest tests/test_task_kind.py"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.finetuning.encoding import EncodedRow
from electra_keras.finetuning.task_config import KINDS
from electra_keras.finetuning.task_loading import load_task
from electra_keras.finetuning.tasks.registry import find_kind
from electra_keras.finetuning.tasks.regression import Regression
from electra_keras.finetuning.tasks.task_kind import TaskKind, make_example


def test_examples_are_rows_and_features() -> None:
    ids = np.array([2, 3], np.int32)
    example = make_example(EncodedRow(ids, ids * 0, ids * 0 + 1), label_ids=np.int32(4))
    assert {name: value.tolist() for name, value in example.items()} == {
        "token_ids": [2, 3],
        "segment_ids": [0, 0],
        "label_ids": 4,
    }


def test_rows_of_weight_0_are_not_counted() -> None:
    kind = Regression(load_task(), {"low": 0, "high": 1})
    assert float(kind.count({"weights": tf.constant([1.0, 1.0, 0.0])})) == 2.0
    with pytest.raises(ValueError, match="sequence_length is open"):
        _ = kind.sequence_length


@pytest.mark.parametrize("name", ["classification", "regression"])
def test_kinds_are_found_by_name(name: str) -> None:
    kind = find_kind(name)
    assert name in KINDS and issubclass(kind, TaskKind)
    assert kind.__module__.endswith(name)
