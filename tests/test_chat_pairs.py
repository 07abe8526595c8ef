"""python -m pytest tests/test_chat_pairs.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from retrieval_fixtures import small_chat, write_pairs

from electra_keras.errors import UsageError
from electra_keras.finetuning.retrieval.chat_pairs import read_chat_pairs
from electra_keras.finetuning.retrieval.retrieval_config import RetrievalConfig


def test_splits_hold_whole_questions_whatever_the_order(tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "pairs.csv")
    pairs = read_chat_pairs(path, RetrievalConfig())
    assert (len(pairs.questions), len(pairs.answers)) == (160, 40)
    assert len(pairs.links) == 160
    sizes = {name: len(places) for name, places in pairs.splits.items()}
    assert sum(sizes.values()) == 160
    assert all(5 < sizes[name] < 30 for name in ("validation", "test"))
    header, *lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([header, *lines[::-1]]) + "\n", "utf-8")
    turned = read_chat_pairs(path, RetrievalConfig())
    for name, places in pairs.splits.items():
        assert {pairs.questions[p] for p in places} == {
            turned.questions[p] for p in turned.splits[name]
        }


def test_white_space_makes_no_other_text_and_bad_rows_are_told(tmp_path: Path) -> None:
    path = write_pairs(tmp_path / "pairs.csv")
    with path.open("a", encoding="utf-8") as file:
        file.write("  a   i 가,가  가 ,0\n, ,0\n")
    pairs = read_chat_pairs(path, RetrievalConfig())
    assert (len(pairs.questions), len(pairs.answers)) == (160, 40)
    assert pairs.notes[0].startswith(f"{path}: 161 rows, 160 questions (")
    assert pairs.notes[1].startswith("set aside: 1 empty text; the first: ")


def test_links_of_a_split_count_its_own_questions() -> None:
    pairs = small_chat()
    assert pairs.links_of("train").tolist() == [[0, 0], [0, 1], [1, 1], [2, 2], [3, 2]]
    assert pairs.links_of("validation").tolist() == [[0, 0], [0, 3]]
    assert [list(x) for x in pairs.right_answers("validation")] == [[0, 3]]
    assert [list(x) for x in pairs.right_answers("test")] == [[2]]


def test_a_file_too_small_to_hold_any_out_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("Q,A,label\n안녕,네,0\n", "utf-8")
    with pytest.raises(UsageError, match=r"no question for \w+ among the 1 rows"):
        read_chat_pairs(path, RetrievalConfig())


def test_moods_are_those_of_the_questions(tmp_path: Path) -> None:
    pairs = read_chat_pairs(write_pairs(tmp_path / "p.csv"), RetrievalConfig())
    answers = dict(pairs.links.tolist())
    for question, mood in enumerate(pairs.moods):
        assert mood == str(int(answers[question] >= 20))
    assert isinstance(pairs.links, np.ndarray)
