"""python -m pytest tests/test_labelled_pool.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import TINY_ENTRIES
from tasks_fixtures import make_finder, write_texts

from electra_keras.errors import UsageError
from electra_keras.experiments.compare_config import ComparedTaskConfig, PathsConfig
from electra_keras.experiments.labelled_pool import (
    LabelledPools,
    count_training_rows,
    hash_task,
    load_compared_task,
)


@pytest.fixture
def task(tmp_path: Path) -> ComparedTaskConfig:
    write_texts(tmp_path / "train.tsv", 60, 1)
    write_texts(tmp_path / "dev.tsv", 20, 2)
    (tmp_path / "task.yaml").write_text(
        f"files: {{train: {tmp_path}/train.tsv, validation: {tmp_path}/dev.tsv}}\n"
        "columns: {text: text, label: label}\n",
        "utf-8",
    )
    return ComparedTaskConfig(
        "letters",
        str(tmp_path / "task.yaml"),
        train_sizes=(8, None),
        validation_rate=0.2,
    )


def test_the_validation_file_is_the_test(
    task: ComparedTaskConfig, tmp_path: Path
) -> None:
    config = load_compared_task(task, PathsConfig())
    assert config.files.test == f"{tmp_path}/dev.tsv"
    assert config.files.validation is None
    pools = LabelledPools({"letters": config}, make_finder(TINY_ENTRIES), 12)
    pool = pools.pool("letters")
    assert len(pool.held_out["test"].rows) == 20
    held_out = len(pool.held_out["validation"].rows)
    assert (len(pool.train.rows), held_out) == (60 - held_out, held_out)
    assert held_out == 13
    assert count_training_rows(task, config) == 60 - held_out
    assert pool.config.encoding.sequence_length == 12


def test_all_methods_and_sizes_see_the_same(task: ComparedTaskConfig) -> None:
    config = load_compared_task(task, PathsConfig())
    pools = LabelledPools({"letters": config}, make_finder(TINY_ENTRIES), 12)
    small = pools.data("letters", 8, 0)
    assert pools.data("letters", 8, 0) is small
    rows = small.splits["train"].rows
    assert [row.label for row in rows].count("good") == 4
    assert rows == pools.pool("letters").draw(8, 0)
    whole = pools.data("letters", None, 0)
    assert whole.splits["test"] is small.splits["test"]
    assert whole.splits["validation"] is small.splits["validation"]
    assert whole.kind is small.kind and whole.kind.state["values"] == ["bad", "good"]
    assert {row.line for row in rows} < {r.line for r in whole.splits["train"].rows}
    assert whole.fingerprint != small.fingerprint
    other = pools.data("letters", 8, 1)
    assert other.splits["train"].rows != rows
    again = pools.data("letters", 8, 0)  # Let go of, and drawn once more.
    assert again is not small
    for ours, theirs in zip(
        again.splits["train"].examples, small.splits["train"].examples, strict=True
    ):
        np.testing.assert_array_equal(ours["token_ids"], theirs["token_ids"])


def test_what_decides_a_result_is_hashed(
    task: ComparedTaskConfig, tmp_path: Path
) -> None:
    config = load_compared_task(task, PathsConfig())
    known = hash_task(config)
    (tmp_path / "moved").mkdir()
    for name in ("train.tsv", "dev.tsv"):
        (tmp_path / "moved" / name).write_bytes((tmp_path / name).read_bytes())
    moved = load_compared_task(task, PathsConfig(labelled=f"{tmp_path}/moved"))
    assert moved.files.train == f"{tmp_path}/moved/train.tsv"
    assert hash_task(moved) == known
    write_texts(tmp_path / "moved" / "train.tsv", 62, 1)
    assert hash_task(moved) != known
    with pytest.raises(UsageError, match=r"no labelled file at .*gone/train\.tsv"):
        hash_task(load_compared_task(task, PathsConfig(labelled=f"{tmp_path}/gone")))


def test_rows_to_report_on_are_needed(task: ComparedTaskConfig, tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(
        f"files: {{train: {tmp_path}/train.tsv}}\n"
        "columns: {text: text, label: label}\n",
        "utf-8",
    )
    with pytest.raises(UsageError, match=r"task letters without files\.validation"):
        load_compared_task(task, PathsConfig())
    rate = ("files.test_rate=0.25",)
    chat = ComparedTaskConfig("c", task.task, settings=rate, validation_rate=0.2)
    config = load_compared_task(chat, PathsConfig())
    assert (config.files.test, config.files.test_rate) == (None, 0.25)
    many = ComparedTaskConfig("c", task.task, settings=rate, train_sizes=(50,))
    with pytest.raises(UsageError, match="50 training rows of 4"):
        count_training_rows(many, load_compared_task(many, PathsConfig()))
