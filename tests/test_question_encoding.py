"""python -m pytest tests/test_question_encoding.py"""

from __future__ import annotations

import numpy as np
import pytest

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.squad_files import QuestionRow
from electra_keras.finetuning.task_config import EncodingConfig
from electra_keras.finetuning.tasks.question_encoding import (
    choose_windows,
    encode_questions,
    find_windows,
)

# 왜 5, 가 6, 나 7, 다 8, ##에 9.
ENTRIES = (*SPECIAL_TOKENS, "왜", "가", "나", "다", "##에")
FINDER = PieceFinder(Tokenizer(Vocabulary(ENTRIES)))


def ask(context: str, *answers: tuple[int, str]) -> QuestionRow:
    return QuestionRow("a", "왜", context, answers, 1)


def test_one_window_with_its_answer() -> None:
    config = EncodingConfig(sequence_length=16)
    (window,) = encode_questions([ask("가  나에 다", (3, "나"))], FINDER, config)
    assert window.row.token_ids.tolist() == [2, 5, 3, 6, 7, 9, 8, 3]
    assert window.row.segment_ids.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert window.context_start == 3
    assert window.starts.tolist() == [0, 0, 0, 0, 3, 4, 6, 0]
    assert window.ends.tolist() == [0, 0, 0, 1, 4, 5, 7, 0]
    assert window.is_fullest.tolist() == [0, 0, 0, 1, 1, 1, 1, 0]
    # The particle is a word piece of its own and stays outside.
    assert (window.answer_start, window.answer_end) == (4, 4)


def test_windows_overlap_and_each_knows_its_answer() -> None:
    config = EncodingConfig(sequence_length=8, doc_stride_tokens=2)
    rows = [ask("가 나 다 가 나 다", (8, "나 다")), ask("가")]
    windows = encode_questions(rows, FINDER, config)
    assert [window.question for window in windows] == [0, 0, 1]
    assert [w.row.token_ids.tolist() for w in windows] == [
        [2, 5, 3, 6, 7, 8, 6, 3],
        [2, 5, 3, 8, 6, 7, 8, 3],
        [2, 5, 3, 6, 3],
    ]
    answers = [(window.answer_start, window.answer_end) for window in windows]
    assert answers == [(0, 0), (5, 6), (0, 0)]
    assert windows[1].starts.tolist() == [0, 0, 0, 4, 6, 8, 10, 0]
    # Every token of the context may start an answer in just one window.
    assert [w.is_fullest[3:-1].tolist() for w in windows[:2]] == [
        [1, 1, 1, 0],
        [0, 1, 1, 1],
    ]


def test_every_window_is_a_new_part() -> None:
    assert find_windows(6, 4, 2) == [(0, 4), (2, 6)]
    assert find_windows(7, 4, 2) == [(0, 4), (2, 6), (4, 7)]
    assert find_windows(4, 4, 2) == [(0, 4)]
    assert find_windows(0, 4, 2) == [(0, 0)]
    assert choose_windows(7, [(0, 4), (2, 6), (4, 7)]).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert choose_windows(0, [(0, 0)]).tolist() == []


def test_a_stride_beyond_the_window_loses_nothing() -> None:
    config = EncodingConfig(sequence_length=6, doc_stride_tokens=128)
    windows = encode_questions([ask("가 나 다 가 나")], FINDER, config)
    kept = [w.row.token_ids[w.context_start : -1].tolist() for w in windows]
    assert kept == [[6, 7], [8, 6], [7]]


def test_long_questions_are_cut_and_rows_need_room() -> None:
    row = QuestionRow("a", "왜 왜 왜", "가", (), 1)
    config = EncodingConfig(sequence_length=6, max_question_tokens=2)
    (window,) = encode_questions([row], FINDER, config)
    assert window.row.token_ids.tolist() == [2, 5, 5, 3, 6, 3]
    assert window.row.token_ids.dtype == window.starts.dtype == np.int32
    with pytest.raises(ValueError, match="no room for context beside 2 tokens"):
        encode_questions([row], FINDER, EncodingConfig(5, 2))
