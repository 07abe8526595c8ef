"""python -m pytest tests/test_answers.py"""

from __future__ import annotations

import pytest

from electra_keras.finetuning.metrics.answers import (
    compare_answer,
    find_no_answer_threshold,
    measure_answers,
    normalize_korquad,
    normalize_squad,
    split_korquad,
)


def test_normalisation_of_squad() -> None:
    assert normalize_squad("The  Cat's, an 'A-Team'!") == "cats ateam"
    assert normalize_squad("theatre a") == "theatre"


def test_normalisation_of_korquad() -> None:
    assert normalize_korquad("《파우스트》(서곡), The-A") == "파우스트 서곡 thea"
    assert normalize_korquad("‘1839년’") == "1839년"
    assert split_korquad("새 노래") == ["새", "노", "래"]


@pytest.mark.parametrize(
    ("prediction", "answers", "script", "expected"),
    [
        ("the cat", ["Cat!"], "squad", (1.0, 1.0)),
        ("black cat sat", ["cat"], "squad", (0.0, 0.5)),
        ("cat", ["dog", "cat cat"], "squad", (0.0, 2 / 3)),
        ("dog", ["cat"], "squad", (0.0, 0.0)),
        ("", [], "squad", (1.0, 1.0)),
        ("cat", [], "squad", (0.0, 0.0)),
        ("", ["cat"], "squad", (0.0, 0.0)),
        ("the", ["cat", "the"], "squad", (0.0, 0.0)),
        ("1839년에", ["1839년"], "korquad", (0.0, 10 / 11)),
        ("1839년에", ["1839년"], "squad", (0.0, 0.0)),
        ("새노래", ["새 노래"], "korquad", (0.0, 1.0)),
        ("<새 노래>", ["새 노래"], "korquad", (1.0, 1.0)),
    ],
)
def test_the_best_answer_counts(
    prediction: str, answers: list[str], script: str, expected: tuple[float, float]
) -> None:
    assert compare_answer(prediction, answers, script) == pytest.approx(expected)


def test_the_mean_over_questions() -> None:
    answers = {"a": ["cat"], "b": ["black cat"], "c": ["dog"]}
    assert measure_answers({"a": "cat", "b": "cat"}, answers) == {
        "exact": pytest.approx(1 / 3),
        "f1": pytest.approx((1 + 2 / 3) / 3),
        "unpredicted": 1.0,
    }
    with pytest.raises(ValueError, match="no questions"):
        measure_answers({}, {})


def test_questions_without_an_answer_have_figures_of_their_own() -> None:
    answers: dict[str, list[str]] = {"a": ["cat"], "b": [], "c": []}
    assert measure_answers({"a": "cat", "b": "", "c": "dog"}, answers) == {
        "exact": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
        "unpredicted": 0.0,
        "answerable_f1": 1.0,
        "unanswerable_f1": 0.5,
    }


def test_the_best_threshold() -> None:
    answers: dict[str, list[str]] = {"a": ["cat"], "b": [], "c": ["dog"], "d": []}
    predictions = {"a": "cat", "b": "cat", "c": "dog", "d": "dog"}
    scores = {"a": -3.0, "b": 2.0, "c": 0.5, "d": 1.0}
    assert find_no_answer_threshold(predictions, scores, answers) == (0.5, 1.0)
    # Equal scores cannot be told apart: the answer of "c" comes with that of "d".
    scores["d"] = 0.5
    assert find_no_answer_threshold(predictions, scores, answers) == (-3.0, 0.75)


def test_thresholds_at_the_ends() -> None:
    scores = {"a": 1.0, "b": 2.0}
    predictions = {"a": "x", "b": "x"}
    never, always = {"a": [], "b": []}, {"a": ["x"], "b": ["x"]}
    minus = float("-inf")
    assert find_no_answer_threshold(predictions, scores, never) == (minus, 1.0)
    assert find_no_answer_threshold(predictions, scores, always) == (2.0, 1.0)
    with pytest.raises(ValueError, match="other questions"):
        find_no_answer_threshold({"a": "x"}, scores, always)
