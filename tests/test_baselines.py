"""python -m pytest tests/test_baselines.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import TINY_ENTRIES
from tasks_fixtures import make_finder, write_texts

from electra_keras.experiments.baselines import (
    FREQUENT_TAG,
    TFIDF,
    find_baseline,
    run_baseline,
)
from electra_keras.experiments.compare_config import ComparedTaskConfig, PathsConfig
from electra_keras.experiments.labelled_pool import (
    LabelledPool,
    LabelledPools,
    load_compared_task,
)
from electra_keras.finetuning.metrics.entities import measure_entities
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.tagged_files import TaggedRow
from electra_keras.finetuning.task_config import KindConfig, TaskConfig
from electra_keras.finetuning.task_data import Split


def test_each_kind_has_its_baseline() -> None:
    names = [
        find_baseline(TaskConfig(KindConfig(kind)))
        for kind in ("classification", "token_classification", "regression")
    ]
    assert names == [TFIDF, FREQUENT_TAG, None]


def test_ngrams_learn_and_are_chosen_by_rows_held_out(tmp_path: Path) -> None:
    write_texts(tmp_path / "train.tsv", 200, 1)
    write_texts(tmp_path / "dev.tsv", 60, 2)
    (tmp_path / "task.yaml").write_text(
        f"files: {{train: {tmp_path}/train.tsv, validation: {tmp_path}/dev.tsv}}\n"
        "columns: {text: text, label: label}\n",
        "utf-8",
    )
    task = ComparedTaskConfig("letters", str(tmp_path / "task.yaml"))
    config = load_compared_task(task, PathsConfig())
    pools = LabelledPools({"letters": config}, make_finder(TINY_ENTRIES), 12)
    pool = pools.pool("letters")
    figures = run_baseline(TFIDF, pool, pool.draw(100, 0))
    assert figures.keys() == {"validation", "test"}
    # "good" has a letter that "bad" has not.
    assert figures["test"]["accuracy"] > 0.9
    assert figures["test"]["task_score"] == figures["test"]["accuracy"]
    assert run_baseline(TFIDF, pool, pool.draw(100, 0)) == figures


class Tags:
    """What a kind of tags does with rows and tags."""

    score = "f1"

    @staticmethod
    def measure(rows, predictions):
        return measure_entities([row.tags for row in rows], predictions)


def row(*words: str) -> TaggedRow:
    pairs = [word.split("/") for word in words]
    return TaggedRow(tuple(w for w, _ in pairs), tuple(t for _, t in pairs), 1)


def test_a_word_gets_its_most_frequent_tag() -> None:
    train = [
        row("서울/B-LC", "가요/O"),
        row("서울/B-LC", "시민/O", "지수/B-PS"),
        row("서울/O", "지수/O"),  # Of equals, B comes before O.
    ]
    test = [row("서울/B-LC", "지수/B-PS", "가요/O", "부산/B-LC")]
    held_out = {"test": Split(LabelledFile("t", test), [], ())}
    pool = LabelledPool(TaskConfig(), Tags(), LabelledFile("f", train), held_out)
    figures = run_baseline(FREQUENT_TAG, pool, train)
    # Two of three entities are found, and nothing else: 2 x 1 x 2/3 / (5/3).
    assert figures["test"]["precision"] == 1.0
    assert figures["test"]["task_score"] == pytest.approx(0.8)
