"""python -m pytest tests/test_task_config.py"""

from __future__ import annotations

import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.task_loading import load_task


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.learn_rate=1", "the nearest is training.learning_rate"),
        ("task.kind=ranking", "expected one of classification"),
        ("training.warmup_rate=1.5", "a rate from 0 to below 1"),
        ("training.layer_decay_rate=0", "a number above 0"),
        ("training.epochs=0", "a number above 0"),
        ("files.max_set_aside_rate=5", "a rate from 0 to 1"),
        ("files.format=xml", "expected one of tsv"),
        ("files.format=iob", "expected tsv, csv or jsonl"),
        ("columns.text=-1", "indices from 0"),
        ("encoding.sequence_length=2", "at least 3 tokens"),
        ("answers.script=mine", "expected one of squad, korquad"),
        ("task.class_weights=some", "expected one of none, balanced"),
    ],
)
def test_wrong_settings_are_told(override: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        load_task(overrides=[override])
    assert words in str(error.value)


def test_settings_that_do_not_go_together_are_told() -> None:
    for sections, words in [
        ({"labels": [{"value": "a"}]}, "two labels or more"),
        ({"labels": [{"value": 1}, {"value": "1"}]}, "each once"),
        (
            {"labels": [{"value": 0}, {"value": 1}], "task": {"kind": "regression"}},
            "labels of a regression task",
        ),
        (
            {"task": {"kind": "regression", "class_weights": "balanced"}},
            "none, other than for classification",
        ),
        ({"columns": {"text": 1, "label": 1}}, "each column once"),
        ({"columns": {"text": "t", "header": False}}, "indices from 0"),
    ]:
        with pytest.raises(UsageError) as error:
            load_task(sections=sections)
        assert words in str(error.value)
