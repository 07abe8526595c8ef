"""python -m pytest tests/test_task_loading.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.task_loading import (
    find_format,
    load_task,
    settle_sequence_length,
)

CONFIGS = Path(__file__).parents[1] / "configs/tasks"


def test_defaults_are_those_of_the_reference() -> None:
    config = load_task()
    assert config.task.kind == "classification"
    training = config.training
    assert (training.epochs, training.batch_size) == (3.0, 32)
    assert (training.learning_rate, training.layer_decay_rate) == (1e-4, 0.8)
    assert (training.weight_decay_rate, training.warmup_rate) == (0.01, 0.1)
    assert config.encoding.sequence_length is None
    assert config.encoding.doc_stride_tokens == 128
    assert config.answers.max_answer_tokens == 30


@pytest.mark.parametrize(
    ("kind", "epochs", "tokens"),
    [
        ("classification", 3.0, 128),
        ("regression", 10.0, 128),
        ("token_classification", 3.0, 256),
        ("question_answering", 2.0, 512),
    ],
)
def test_the_kind_decides_length_and_epochs(
    kind: str, epochs: float, tokens: int
) -> None:
    config = load_task(overrides=[f"task.kind={kind}"])
    assert config.training.epochs == epochs
    settled = settle_sequence_length(config, 1_000)
    assert settled.encoding.sequence_length == tokens
    assert settle_sequence_length(config, 64).encoding.sequence_length == 64


def test_rows_are_no_longer_than_what_was_trained() -> None:
    config = load_task(overrides=["encoding.sequence_length=64"])
    assert settle_sequence_length(config, 64) == config
    with pytest.raises(UsageError, match="at most 32, the longest rows"):
        settle_sequence_length(config, 32)


def test_ready_configs_load() -> None:
    kinds = {path.stem: load_task(path).task.kind for path in CONFIGS.glob("*.yaml")}
    assert kinds == {
        "korean_sentiment": "classification",
        "love_chat": "classification",
        "question_pairs": "classification",
        "ner_ko": "token_classification",
        "korquad": "question_answering",
        "korsts": "regression",
    }
    love = load_task(CONFIGS / "love_chat.yaml")
    assert [label.name for label in love.labels] == ["daily", "break-up", "love"]
    assert love.columns.has_header


def test_flags_and_overrides_win_over_the_file() -> None:
    config = load_task(
        CONFIGS / "ner_ko.yaml",
        ["training.trials=5"],
        {"files": {"train": "mine.tsv"}},
    )
    assert config.files.train == "mine.tsv"
    assert config.files.validation == "data/ner_validation.tsv"
    assert config.training.trials == 5


def test_the_suffix_says_the_format() -> None:
    config = load_task()
    assert find_format(config, "a/b.tsv.gz") == "tsv"
    assert find_format(config, "a/b.jsonl") == "jsonl"
    ner = load_task(overrides=["task.kind=token_classification"])
    assert find_format(ner, "a/b.tsv") == "iob"
    with pytest.raises(UsageError, match=r"expected \.tsv, \.csv or \.jsonl"):
        find_format(config, "a/b.txt")
