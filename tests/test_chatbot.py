"""python -m pytest tests/test_chatbot.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from retrieval_fixtures import small_chat
from tasks_fixtures import text_task

from electra_keras.errors import UsageError
from electra_keras.finetuning.retrieval.chatbot import (
    Answer,
    Chatbot,
    choose_answers,
)
from electra_keras.finetuning.tuned_model import load_tuned
from electra_keras.finetuning.tuning import tune


def test_answers_are_those_of_the_nearest_questions_none_twice() -> None:
    similarities = [0.5, 0.9, 0.8, 0.7, 0.1, 0.2]
    assert choose_answers(similarities, small_chat(), 3) == [
        Answer("b", "나", 0.9),
        Answer("c", "다", 0.8),
        Answer("a", "가", 0.5),
    ]
    assert len(choose_answers(similarities, small_chat(), 9)) == 4


def test_a_fine_tuning_may_tell_the_mood(
    chatbot_folder: Path, run_folder: Path, tmp_path: Path
) -> None:
    task = text_task(tmp_path, "training.epochs=1")
    tune(task, run_folder, tmp_path / "moods")
    reply = Chatbot(chatbot_folder, tmp_path / "moods").reply("a i 가")
    (expected,) = load_tuned(tmp_path / "moods").predict([("a i 가",)])
    assert reply.mood == expected["label"] and reply.mood in ("good", "bad")
    assert reply.probability == max(expected["probabilities"])
    with pytest.raises(UsageError, match="no fine-tuning in"):
        Chatbot(chatbot_folder, chatbot_folder)


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
