"""python -m pytest tests/test_retrieval_config.py"""

from __future__ import annotations

import dataclasses

import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.retrieval.retrieval_config import RetrievalConfig
from electra_keras.finetuning.task_config import FilesConfig


def test_defaults_hold_two_tenths_out_and_read_three_columns() -> None:
    config = RetrievalConfig()
    assert (config.files.validation_rate, config.files.test_rate) == (0.1, 0.1)
    columns = config.as_task.columns
    assert (columns.text, columns.text_pair, columns.label) == ("Q", "A", "label")
    assert config.as_task.training is config.training


@pytest.mark.parametrize("size", [31, 2])
def test_a_batch_holds_two_pairs_or_more(size: int) -> None:
    training = dataclasses.replace(RetrievalConfig().training, batch_size=size)
    with pytest.raises(UsageError, match=f"batch_size {size}.*two texts a pair"):
        RetrievalConfig(training=training)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"sequence_length": 2},
        {"files": FilesConfig(test_rate=0.0)},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(UsageError):
        RetrievalConfig(**wrong)
