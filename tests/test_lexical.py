"""python -m pytest tests/test_lexical.py"""

from __future__ import annotations

import math

import numpy as np
import pytest

from electra_keras.finetuning.retrieval.lexical import Bm25, Tfidf


def test_bm25_of_words_is_that_by_hand() -> None:
    scores = Bm25(["연애 상담", "연애 연애 고민 상담", "점심 메뉴"], "word").score(
        ["연애 고민", "모르는 말"]
    )
    # Lengths 2, 4, 2; their mean is 8 / 3.
    love = math.log1p((3 - 2 + 0.5) / (2 + 0.5))
    worry = math.log1p((3 - 1 + 0.5) / (1 + 0.5))

    def part(times: int, length: int) -> float:
        return times * 2.5 / (times + 1.5 * (0.25 + 0.75 * length / (8 / 3)))

    expected = [love * part(1, 2), love * part(2, 4) + worry * part(1, 4), 0.0]
    np.testing.assert_allclose(scores[0], expected, rtol=1e-12)
    assert scores[1].tolist() == [0, 0, 0]


def test_bm25_of_bigrams_sees_parts_of_words() -> None:
    documents = ["헤어졌어", "배고프다"]
    assert Bm25(documents, "word").score(["헤어졌다"])[0].tolist() == [0, 0]
    # " 헤", "헤어", "어졌" against "다 ".
    scores = Bm25(documents, "bigram").score(["헤어졌다"])[0]
    idf = math.log1p((2 - 1 + 0.5) / (1 + 0.5))
    assert scores == pytest.approx([3 * idf, idf])


def test_tfidf_is_1_of_the_same_and_0_of_nothing() -> None:
    tfidf = Tfidf(["보고 싶다", "배고프다"])
    scores = tfidf.score(["보고 싶다", ""], ["보고 싶다", "배고프다"])
    assert scores.shape == (2, 2)
    assert scores[0, 0] == pytest.approx(1.0)
    assert 0.0 < scores[0, 1] < 0.6
    assert scores[1].tolist() == [0.0, 0.0]
