"""python -m pytest tests/test_label_set.py"""

from __future__ import annotations

import numpy as np
import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.label_set import (
    LabelSet,
    balance_weights,
    find_labels,
    set_unknown_labels_aside,
    warn_of_rare_labels,
)
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.task_config import LabelConfig
from electra_keras.finetuning.text_files import TextRow


def test_found_labels_are_sorted_as_numbers_and_words() -> None:
    labels = find_labels(["10", "b", "9", "a", "9"])
    assert labels == LabelSet(("9", "10", "a", "b"), ("9", "10", "a", "b"))
    assert labels.id_of("10") == 1


def test_given_labels_keep_their_order_and_names() -> None:
    given = [LabelConfig(1, "love"), LabelConfig("0")]
    assert find_labels(["0", "1"], given) == LabelSet(("1", "0"), ("love", "0"))
    with pytest.raises(UsageError, match="labels 2 in the training file"):
        find_labels(["0", "1", "2"], given)


def test_one_label_is_no_task() -> None:
    with pytest.raises(UsageError, match="expected two labels or more"):
        find_labels(["1", "1"])


def test_a_label_with_one_example_is_told() -> None:
    labels = LabelSet(("a", "b", "c"), ("a", "b", "c"))
    assert warn_of_rare_labels(["a", "a", "b"], labels) == [
        "label b has 1 training example: it can hardly be learned",
        "label c has no training examples: it can hardly be learned",
    ]


def test_unknown_labels_of_validation_are_listed() -> None:
    rows = [TextRow("x", None, label, "1", 4) for label in ("a", "z")]
    labelled = LabelledFile("v.tsv", rows)
    known = set_unknown_labels_aside(labelled, LabelSet(("a", "b"), ("a", "b")))
    assert [row.label for row in known.rows] == ["a"]
    assert [str(e) for e in known.set_aside] == ["v.tsv:4: unknown label (z)"]
    assert len(labelled.rows) == 2 and labelled.set_aside == []


def test_balanced_weights_are_1_on_average() -> None:
    labels = LabelSet(("a", "b", "c"), ("a", "b", "c"))
    weights = balance_weights(["a", "a", "a", "b"], labels)
    np.testing.assert_allclose(weights, [2 / 3, 2.0, 0.0], rtol=1e-6)
    assert weights.dtype == np.float32
