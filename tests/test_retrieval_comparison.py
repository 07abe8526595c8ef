"""python -m pytest tests/test_retrieval_comparison.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from electra_keras.finetuning.retrieval.chatbot_folder import ChatbotFolder
from electra_keras.finetuning.retrieval.retrieval_comparison import Comparison, compare

LEXICAL = ("TF-IDF", "BM25 of words", "BM25 of bigrams")


@pytest.fixture(scope="module")
def folder(chatbot_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(chatbot_folder, tmp_path_factory.mktemp("c") / "bot")


def test_every_way_is_in_the_table(folder: Path) -> None:
    read = ChatbotFolder.read(folder)
    found = compare(read)
    routes = [f"{way}, {x}" for way in LEXICAL for x in ("questions", "answers")]
    for network in ("plain ELECTRA", "tuned ELECTRA"):
        routes += [f"{network}, {x}" for x in ("questions", "answers", "sum")]
    assert list(found.rows) == ["chance", *routes, "tuned ELECTRA + TF-IDF, questions"]
    assert found.questions == len(read.chat.pairs.splits["test"])
    assert (found.answers, found.seeds, found.notes) == (40, 2, [])
    assert found.rows["chance"]["recall_at_10"] == pytest.approx(10 / 40)
    assert found.reachable > 0.9
    tuned, plain = (
        found.rows[f"{x} ELECTRA, questions"]["mrr"] for x in ("tuned", "plain")
    )
    assert tuned > plain
    assert list(found.moods) == [
        *("the most frequent", "TF-IDF", "plain ELECTRA", "tuned ELECTRA")
    ]
    assert found.moods["tuned ELECTRA"] > 0.6
    saved = json.loads((folder / "evaluation.json").read_text("utf-8"))
    assert saved == dataclasses.asdict(found)


def test_without_the_pre_trained_model_its_rows_are_left_out(folder: Path) -> None:
    read = ChatbotFolder.read(folder)
    gone = dataclasses.replace(read.pretrained, source="gone")
    found = compare(dataclasses.replace(read, pretrained=gone), "validation")
    assert not [name for name in found.rows if name.startswith("plain")]
    assert found.notes[0].startswith("plain ELECTRA was left out: no model at gone")


def test_the_table_is_markdown() -> None:
    row = {"recall_at_1": 0.25, "recall_at_10": 0.5, "mrr": 0.3125}
    found = Comparison("test", 1200, 40, 0.5, 3, {"x": row}, {"x": 0.75}, ["left out"])
    assert found.to_text() == (
        "1,200 test questions, 40 answers; an answer of 50.0% of the questions is "
        "that of a training question; tuned: median of 3\n\n"
        "| way | recall@1 | recall@10 | MRR |\n|---|---|---|---|\n"
        "| x | 0.250 | 0.500 | 0.312 |\n\n"
        "| mood | accuracy |\n|---|---|\n| x | 0.750 |\nleft out"
    )
