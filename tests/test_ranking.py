"""python -m pytest tests/test_ranking.py"""

from __future__ import annotations

import numpy as np
import pytest

from electra_keras.finetuning.retrieval import ranking
from electra_keras.finetuning.retrieval.ranking import (
    add_scores,
    find_ranks,
    measure_ranks,
    measure_vectors,
    score_by_questions,
)

NEVER = -np.inf


def test_an_answer_has_the_score_of_its_nearest_question() -> None:
    similarities = np.array([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]])
    links = np.array([[0, 2], [1, 0], [2, 2], [0, 0]])
    scores = score_by_questions(similarities, links, 4)
    assert scores.tolist() == [[0.9, NEVER, 0.5, NEVER], [0.7, NEVER, 0.7, NEVER]]
    none = score_by_questions(similarities, np.zeros((0, 2), int), 2)
    assert none.tolist() == [[NEVER, NEVER]] * 2


def test_sums_count_no_question_as_zero() -> None:
    added = add_scores(np.array([[0.5, NEVER]]), np.array([[0.25, 0.5]]))
    assert added.tolist() == [[0.75, 0.5]]


def test_ranks_are_those_of_the_best_right_answer() -> None:
    scores = np.array([[0.9, 0.5, 0.5, 0.1], [0.2, 0.2, 0.2, 0.2], [1.0, 3.0, 2.0, 0]])
    right = [np.array([1, 3]), np.array([0]), np.array([1, 2])]
    higher, equal = find_ranks(scores, right)
    assert higher.tolist() == [1, 0, 0]
    assert equal.tolist() == [1, 3, 0]


def test_figures_of_ties_are_expectations() -> None:
    figures = measure_ranks(np.array([0, 0, 20, 9]), np.array([0, 3, 0, 1]))
    # Sure, one of four, never, never; within ten: 1, 1, 0 and one of two.
    assert figures["recall_at_1"] == pytest.approx((1 + 0.25) / 4)
    assert figures["recall_at_10"] == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    four = (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    two = (1 / 10 + 1 / 11) / 2
    assert figures["mrr"] == pytest.approx((1 + four + 1 / 21 + two) / 4)


def test_chance_is_one_in_all() -> None:
    figures = measure_ranks(*find_ranks(np.zeros((5, 50)), [np.array([3])] * 5))
    assert figures["recall_at_1"] == pytest.approx(1 / 50)
    assert figures["recall_at_10"] == pytest.approx(10 / 50)


def test_three_routes_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    known = np.array([[0.8, 0.6], [0, 1]], np.float32)
    answers = np.array([[0, 1], [1, 0], [0.6, 0.8]], np.float32)
    links, right = np.array([[0, 0], [1, 1]]), [np.array([x]) for x in (0, 1, 2)]
    whole = measure_vectors(asked, known, answers, links, right)
    # By questions 0 and 1 are found, 2 has no question; by answers only 2.
    assert whole["questions"]["recall_at_1"] == pytest.approx(2 / 3)
    assert whole["answers"]["recall_at_1"] == pytest.approx(1 / 3)
    # Sums: 0.8, 1, 0.6; 1.6, 1, 0.8; 0.96 + 0.8, 0.8 + 0.6, 1.
    assert whole["sum"]["recall_at_1"] == 0.0
    assert whole["sum"]["mrr"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 3) / 3)
    monkeypatch.setattr(ranking, "_CHUNK_QUESTIONS", 2)
    assert measure_vectors(asked, known, answers, links, right) == whole
