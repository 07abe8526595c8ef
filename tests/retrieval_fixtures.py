"""Small files of questions and answers, for tests of the chatbot."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np

from electra_keras.finetuning.retrieval.chat_pairs import ChatPairs
from electra_keras.finetuning.retrieval.retrieval_config import RetrievalConfig

LETTERS = "가나다라마바사아자차카타파하"
ANSWERS = 40


def write_pairs(path: Path) -> Path:
    """Writes 160 rows: 40 answers of two letters, four questions each.

    Questions share two letters of Latin script with others of their answer and end
    with one of their own; the mood is 1 of answers from the 20th on.
    """
    latin = "abcdefghijklmnop"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Q", "A", "label"])
        for number in range(ANSWERS):
            high, low = divmod(number, 14)
            answer = f"{LETTERS[high]} {LETTERS[low]}"
            pair = f"{latin[number // 7]} {latin[8 + number % 7]}"
            for place in range(4):
                question = f"{pair} {LETTERS[(3 * place + number) % 14]}"
                writer.writerow([question, answer, int(number >= 20)])
    return path


def quick_config(**training: object) -> RetrievalConfig:
    """Settings of a tuning that takes seconds."""
    config = RetrievalConfig(sequence_length=12)
    given = {"epochs": 4.0, "batch_size": 32, "learning_rate": 3e-3, **training}
    return dataclasses.replace(
        config, training=dataclasses.replace(config.training, **given)
    )


def small_chat() -> ChatPairs:
    """Six questions, four answers; the last two questions are held out.

    Question 0 has answers 0 and 1, question 1 has 1, questions 2 and 3 have 2, the
    validation question 4 has 0 and 3, the test question 5 has 2.
    """
    links = [(0, 0), (0, 1), (1, 1), (2, 2), (3, 2), (4, 0), (4, 3), (5, 2)]
    return ChatPairs(
        tuple("가나다라마바"),
        tuple("abcd"),
        tuple("001101"),
        np.array(links),
        {
            "train": np.array([0, 1, 2, 3]),
            "validation": np.array([4]),
            "test": np.array([5]),
        },
        (),
    )
