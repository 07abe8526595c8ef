"""python -m pytest tests/test_chatbot.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from retrieval_fixtures import small_chat

from electra_keras.errors import UsageError
from electra_keras.finetuning.retrieval.chatbot import (
    Answer,
    Chatbot,
    choose_answers,
)


def test_answers_are_those_of_the_nearest_questions_none_twice() -> None:
    similarities = [0.5, 0.9, 0.8, 0.7, 0.1, 0.2]
    assert choose_answers(similarities, small_chat(), 3) == [
        Answer("b", "나", 0.9),
        Answer("c", "다", 0.8),
        Answer("a", "가", 0.5),
    ]
    assert len(choose_answers(similarities, small_chat(), 9)) == 4


def test_a_known_question_gets_its_own_answer(chatbot_folder: Path) -> None:
    chatbot = Chatbot(chatbot_folder)
    reply = chatbot.reply("  a  i 가 ", answers=2)
    assert reply.answers[0].question == "a i 가"
    assert reply.answers[0].text == "가 가"
    assert reply.answers[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert reply.answers[1].similarity < 1.0
    assert reply.mood == "0" and 0.5 < reply.probability <= 1.0
    with pytest.raises(UsageError, match="an empty text"):
        chatbot.reply("  ")
