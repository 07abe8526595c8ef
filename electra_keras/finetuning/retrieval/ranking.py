"""Similarities to a ranking of answers, and rankings to recall and MRR.

Reads vectors of `vector_network.py` or scores of `lexical.py`, feeds
`retrieval_trial.py` and `retrieval_comparison.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Questions whose scores are in memory at once: times 10,000 texts 20 MB.
_CHUNK_QUESTIONS = 512
QUESTIONS, ANSWERS, SUM = "questions", "answers", "sum"


def score_by_questions(
    similarities: np.ndarray, links: np.ndarray, answers: int
) -> np.ndarray:
    """Scores an answer by the nearest of the known questions that it was given to.

    Args:
        similarities: float (N, K), of asked and known questions.
        links: int (L, 2), known question and answer.
        answers: M, in all.

    Returns: float (N, M); minus infinity of answers that no known question has.
    """
    scores = np.full((len(similarities), answers), -np.inf, similarities.dtype)
    if not len(links):
        return scores
    links = links[np.argsort(links[:, 1], kind="stable")]
    found, starts = np.unique(links[:, 1], return_index=True)
    scores[:, found] = np.maximum.reduceat(similarities[:, links[:, 0]], starts, axis=1)
    return scores


def add_scores(by_questions: np.ndarray, by_answers: np.ndarray) -> np.ndarray:
    """Adds both routes' cosines; where there is no known question, 0 stands."""
    return np.where(np.isneginf(by_questions), 0.0, by_questions) + by_answers


def find_ranks(
    scores: np.ndarray, right_answers: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Finds where the best right answer of each question stands.

    Args:
        scores: float (N, M), higher is better.
        right_answers: Of each question, int, at least one.

    Returns: int64 (N,) each: wrong answers that score higher, and wrong answers
        that score the same.
    """
    higher = np.zeros(len(scores), np.int64)
    equal = np.zeros(len(scores), np.int64)
    for place, (row, right) in enumerate(zip(scores, right_answers, strict=True)):
        best = row[right].max()
        is_wrong = np.ones(len(row), bool)
        is_wrong[right] = False
        higher[place] = np.count_nonzero(is_wrong & (row > best))
        equal[place] = np.count_nonzero(is_wrong & (row == best))
    return higher, equal


def measure_ranks(higher: np.ndarray, equal: np.ndarray) -> dict[str, float]:
    """Measures rankings; of equal scores the order is a matter of chance.

    Args:
        higher: int (N,), from `find_ranks`.
        equal: int (N,), the same.

    Returns: `recall_at_1`, `recall_at_10`: how probable it is that a right answer is
        among the first ones; `mrr`: the expected mean of 1 / rank.
    """
    recalls = {
        f"recall_at_{k}": float(np.mean(np.clip((k - higher) / (equal + 1), 0, 1)))
        for k in (1, 10)
    }
    last = int((higher + equal).max(initial=0)) + 1
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, last + 1))])
    reciprocal = (harmonic[higher + equal + 1] - harmonic[higher]) / (equal + 1)
    return {**recalls, "mrr": float(reciprocal.mean())}


def measure_vectors(
    asked: np.ndarray,
    known: np.ndarray,
    answers: np.ndarray,
    links: np.ndarray,
    right_answers: Sequence[np.ndarray],
) -> dict[str, dict[str, float]]:
    """Measures the three routes from a question to an answer.

    Args:
        asked: float32 (N, H) of length 1, questions that are held out.
        known: float32 (K, H), questions with answers.
        answers: float32 (M, H), all answers.
        links: int (L, 2), known question and answer.
        right_answers: Of each asked question.

    Returns: Figures of `measure_ranks` by route: "questions", the answer of the
        nearest known question; "answers", the nearest answer; "sum" of both.
    """
    ranks: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for first in range(0, len(asked), _CHUNK_QUESTIONS):
        part = slice(first, first + _CHUNK_QUESTIONS)
        by_questions = score_by_questions(asked[part] @ known.T, links, len(answers))
        by_answers = asked[part] @ answers.T
        for route, scores in (
            (QUESTIONS, by_questions),
            (ANSWERS, by_answers),
            (SUM, add_scores(by_questions, by_answers)),
        ):
            ranks.setdefault(route, []).append(find_ranks(scores, right_answers[part]))
    return {
        route: measure_ranks(*(np.concatenate(x) for x in zip(*found, strict=True)))
        for route, found in ranks.items()
    }
