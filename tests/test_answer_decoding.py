"""python -m pytest tests/test_answer_decoding.py"""

from __future__ import annotations

import math

import numpy as np
import pytest

from electra_keras.finetuning.squad_files import QuestionRow
from electra_keras.finetuning.tasks.answer_decoding import (
    Answer,
    choose_threshold,
    decode_answers,
)

ROW = QuestionRow("a", "누가", "왕이  서울에 산다", ((0, "왕"),), 1)
# [CLS] 누가 [SEP] 왕 ##이 서울 ##에 [SEP], then a window of 서울 ##에 산다.
FIRST = {
    "question": np.int32(0),
    "starts": np.array([0, 0, 0, 0, 1, 4, 6, 0]),
    "ends": np.array([0, 0, 0, 1, 2, 6, 7, 0]),
}
SECOND = {
    "question": np.int32(0),
    "starts": np.array([0, 0, 0, 4, 6, 8, 0]),
    "ends": np.array([0, 0, 0, 6, 7, 10, 0]),
}
NOTHING = -1e9


def found(*spans: tuple[int, int, float], **more: float) -> dict[str, np.ndarray]:
    starts, ends, scores = zip(*spans, strict=True)
    return {
        "starts": np.array(starts),
        "ends": np.array(ends),
        "scores": np.array(scores, np.float32),
        **{name: np.float32(value) for name, value in more.items()},
    }


def test_the_best_span_of_all_windows_as_the_context_has_it() -> None:
    outputs = [
        found((3, 3, math.log(0.25)), (3, 5, math.log(0.125))),
        found((3, 3, math.log(0.5)), (5, 5, NOTHING)),
    ]
    assert decode_answers([ROW], [FIRST, SECOND], outputs) == [
        Answer("서울", 4, 6, 0.5, 0.0)
    ]
    outputs[1]["scores"][0] = math.log(0.125)
    (answer,) = decode_answers([ROW], [FIRST, SECOND], outputs)
    # Without its particle, which is a word piece of its own.
    assert (answer.text, answer.start, answer.end) == ("왕", 0, 1)
    outputs[0]["scores"][1] = 0.0
    (answer,) = decode_answers([ROW], [FIRST, SECOND], outputs)
    assert answer == Answer("왕이  서울", 0, 6, 1.0, 0.0)


def test_one_window_that_has_an_answer_is_enough() -> None:
    outputs = [
        found((3, 3, -1.0), no_answer_logits=2.5),
        found((3, 3, -2.0), no_answer_logits=-0.5),
    ]
    (answer,) = decode_answers([ROW], [FIRST, SECOND], outputs)
    assert answer.text == "왕" and answer.no_answer_score == -0.5


def test_questions_keep_their_windows() -> None:
    other = QuestionRow("b", "어디", "서울에 산다", (), 2)
    window = {
        "question": np.int32(1),
        "starts": np.array([0, 0, 0, 0, 2, 4, 0]),
        "ends": np.array([0, 0, 0, 2, 3, 6, 0]),
    }
    outputs = [found((5, 6, -1.0)), found((4, 4, -9.0)), found((5, 5, -1.0))]
    answers = decode_answers([ROW, other], [FIRST, SECOND, window], outputs)
    assert [answer.text for answer in answers] == ["서울에", "산다"]


def test_a_context_without_tokens_has_no_answer() -> None:
    (answer,) = decode_answers([ROW], [FIRST], [found((0, 0, NOTHING))])
    assert answer == Answer("", 0, 0, 0.0, 0.0)


def ask(*scores: float) -> dict[str, Answer]:
    return {
        str(place): Answer("왕", 0, 1, 1.0, score) for place, score in enumerate(scores)
    }


@pytest.mark.parametrize(
    ("has_answer", "threshold"),
    [
        # Between those with answers and those without.
        ((True, True, False, False), 1.5),
        # Answers are never wrong here: above all scores.
        ((True, True, True, True), 3.5),
        # No answer is ever right: below all.
        ((False, False, False, False), -1.5),
        # 3 right with either; the lower threshold counts.
        ((True, False, True, False), 0.0),
    ],
)
def test_the_threshold_lies_between_two_questions(
    has_answer: tuple[bool, ...], threshold: float
) -> None:
    right = {
        str(place): ["왕"] if answered else []
        for place, answered in enumerate(has_answer)
    }
    assert choose_threshold(ask(-1.0, 1.0, 2.0, 3.0), right, "korquad") == threshold
