"""python -m pytest tests/test_compare_config.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.errors import UsageError
from electra_keras.experiments.compare_config import (
    CompareConfig,
    ComparedTaskConfig,
    CurveConfig,
    MethodConfig,
    PretrainingConfig,
    load_comparison,
)
from electra_keras.experiments.labelled_pool import load_compared_task

PROJECT = Path(__file__).parents[1]


def test_the_shared_configuration_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    path = "configs/experiments/reviews.yaml"
    config = load_comparison(path, ["paths.labelled=/data/ko"])
    assert [method.name for method in config.methods] == [
        *("electra", "mlm", "electra_all_tied"),
        *("all_tokens_mlm", "replace_mlm", "electra_15", "scratch"),
    ]
    assert [method.is_pretrained for method in config.methods] == [True] * 6 + [False]
    assert config.reference.seeds == (1, 2, 3)
    assert config.tasks[0].train_sizes == (1000, 5000)
    assert config.tasks[1].train_sizes == (20000, None)
    assert config.curve.checkpoints == 8
    task = load_compared_task(config.tasks[0], config.paths)
    assert task.files.train == "/data/ko/sentiment_train.tsv.gz"
    assert task.files.test == "/data/ko/sentiment_validation.tsv.gz"
    assert (task.files.validation, task.files.validation_rate) == (None, 0.02)
    assert task.training.pooling == "mean"
    chat = load_compared_task(config.tasks[2], config.paths)
    assert (chat.files.test, chat.files.test_rate) == (None, 0.1)


def test_checkpoints_hold_all_shares() -> None:
    assert CurveConfig((1.0,)).checkpoints == 1
    assert CurveConfig((0.25, 0.5, 1.0)).checkpoints == 4
    assert CurveConfig((1 / 3, 0.5)).checkpoints == 6
    assert CurveConfig((0.05, 1.0)).checkpoints == 20
    with pytest.raises(UsageError, match=r"curve\.shares .*multiples of one share"):
        CurveConfig((1 / 63, 1 / 64))
    with pytest.raises(UsageError, match=r"curve\.shares 1\.5"):
        CurveConfig((1.5,))


def test_what_does_not_go_together_is_refused() -> None:
    task = ComparedTaskConfig("chat", "chat.yaml")
    electra = MethodConfig("electra")
    with pytest.raises(UsageError, match=r"pretraining\.reference bert; expected a me"):
        CompareConfig(
            pretraining=PretrainingConfig(reference="bert"),
            methods=(electra,),
            tasks=(task,),
        )
    with pytest.raises(UsageError, match=r"tasks \[\]; expected one or more"):
        CompareConfig(methods=(electra,))
    with pytest.raises(UsageError, match=r"curve\.tasks 'names'; expected one of chat"):
        CompareConfig(
            methods=(electra,), tasks=(task,), curve=CurveConfig(tasks=("names",))
        )
    with pytest.raises(UsageError, match=r"methods .*each once"):
        CompareConfig(methods=(electra, electra), tasks=(task,))
    with pytest.raises(UsageError, match=r"methods\.name 'a b'"):
        MethodConfig("a b")
    with pytest.raises(UsageError, match=r"methods\.seeds of mlm \[1, 1\]"):
        MethodConfig("mlm", seeds=(1, 1))
    with pytest.raises(UsageError, match=r"pretraining\.budgets 'watts'"):
        PretrainingConfig(budgets=("watts",))
    with pytest.raises(UsageError, match=r"tasks\.train_sizes of chat 1"):
        ComparedTaskConfig("chat", "chat.yaml", train_sizes=(1,))
    with pytest.raises(UsageError, match=r"validation_rate of chat 0"):
        ComparedTaskConfig("chat", "chat.yaml", validation_rate=0)


def test_the_data_must_be_named(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "methods: [{name: electra}]\ntasks: [{name: chat, task: t.yaml}]\n", "utf-8"
    )
    with pytest.raises(UsageError, match=r"no paths\.data"):
        load_comparison(path)
    assert load_comparison(path, ["paths.data=d"]).paths.data == "d"
    path.write_text("methods: [{name: electra, seeds: [one]}]\n", "utf-8")
    with pytest.raises(
        UsageError, match=r"methods\.seeds is 'one' \(str\); expected i"
    ):
        load_comparison(path)
