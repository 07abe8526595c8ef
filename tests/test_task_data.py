"""python -m pytest tests/test_task_data.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from conftest import TINY_ENTRIES
from tasks_fixtures import make_finder, text_task

from electra_keras.errors import UsageError
from electra_keras.finetuning.task_data import load_task_data

FINDER = make_finder(TINY_ENTRIES)


def test_files_are_read_and_encoded(tmp_path: Path) -> None:
    data = load_task_data(text_task(tmp_path), FINDER)
    assert {name: len(split.rows) for name, split in data.splits.items()} == {
        "train": 96,
        "validation": 40,
    }
    assert data.kind.state["values"] == ["bad", "good"]
    assert len(data.splits["train"].examples) == 96
    again = load_task_data(text_task(tmp_path), FINDER)
    assert again.fingerprint == data.fingerprint


def test_what_has_no_file_is_held_out(tmp_path: Path) -> None:
    config = text_task(tmp_path, "files.validation=null", "files.test_rate=0.3")
    data = load_task_data(config, FINDER)
    sizes = {name: len(split.rows) for name, split in data.splits.items()}
    assert sum(sizes.values()) == 96
    assert 15 < sizes["test"] < 45 and 3 < sizes["validation"] < 20
    texts = [{row.text for row in split.rows} for split in data.splits.values()]
    assert not texts[0] & texts[1] and not texts[0] & texts[2]


def test_strange_labels_are_listed_or_refused(tmp_path: Path) -> None:
    config = text_task(tmp_path, "files.max_set_aside_rate=0.1")
    path = tmp_path / "validation.tsv"
    path.write_text(path.read_text("utf-8") + "a\tugly\n\tbad\nb\n", "utf-8")
    data = load_task_data(config, FINDER)
    assert [
        str(x).partition(".tsv:")[2]
        for x in data.splits["validation"].labelled.set_aside
    ] == [
        "43: empty text",
        "44: ragged columns (1 instead of 2)",
        "42: unknown label (ugly)",
    ]
    files = dataclasses.replace(config.files, max_set_aside_rate=0.01)
    with pytest.raises(UsageError, match="3 of 43 rows"):
        load_task_data(dataclasses.replace(config, files=files), FINDER)


def test_without_a_training_file_there_is_no_task(tmp_path: Path) -> None:
    config = text_task(tmp_path, "files.train=null")
    with pytest.raises(UsageError, match=r"no files\.train"):
        load_task_data(config, FINDER)
