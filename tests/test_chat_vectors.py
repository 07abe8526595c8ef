"""python -m pytest tests/test_chat_vectors.py"""

from __future__ import annotations

import numpy as np
import pytest
from conftest import TINY_ENTRIES
from retrieval_fixtures import small_chat
from tasks_fixtures import make_finder

from electra_keras.finetuning.retrieval.chat_vectors import ChatVectors, EncodedChat


def test_texts_are_questions_then_answers_and_long_ones_are_cut() -> None:
    chat = EncodedChat.of(small_chat(), make_finder(TINY_ENTRIES), 3)
    assert len(chat.texts.examples) == 10 and chat.notes == ()
    assert chat.texts is chat.texts
    maker = chat.positives(4, seed=0)
    assert (maker.batch_size, len(maker.positives), maker.batches) == (4, 7, 4)


def test_held_out_questions_are_asked_of_training_questions() -> None:
    pairs = small_chat()
    # Training questions 0 and 2, the validation question 4 and the test question 5
    # have directions of their own; 4 is as 0 and 5 is as 2.
    directions = np.eye(6, dtype=np.float32)
    vectors = ChatVectors(directions[[0, 1, 2, 3, 0, 2]], directions[[5, 4, 2, 3]])
    validation = vectors.measure(pairs, "validation")
    # Question 0 has answers 0 and 1, which tie; 0 is right.
    assert validation["questions"]["recall_at_1"] == pytest.approx(1 / 2)
    assert validation["answers"]["recall_at_1"] == pytest.approx(1 / 3)
    test = vectors.measure(pairs, "test")
    for route in ("questions", "answers", "sum"):
        assert test[route]["recall_at_1"] == 1.0
