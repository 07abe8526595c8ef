"""A chatbot that answers: the mood of what is said, and the answers that fit best.

Reads `chatbot_folder.py`; `examples/love_chatbot.py` shows it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from electra_keras.errors import UsageError
from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.retrieval.chat_pairs import ChatPairs, normalize_space
from electra_keras.finetuning.retrieval.chat_vectors import ChatVectors
from electra_keras.finetuning.retrieval.chatbot_folder import ChatbotFolder
from electra_keras.finetuning.retrieval.moods import MoodClassifier
from electra_keras.finetuning.retrieval.pair_batches import FEATURES
from electra_keras.finetuning.retrieval.vector_network import (
    find_vectors,
    make_vector_function,
)
from electra_keras.finetuning.tasks.task_kind import make_example
from electra_keras.finetuning.tasks.text_encoding import encode_texts
from electra_keras.finetuning.text_files import TextRow
from electra_keras.finetuning.tuned_model import TunedModel, load_tuned


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer, and why.

    Attributes:
        text: The answer.
        question: The known question that was nearest.
        similarity: Cosine of that question and what was said, from -1 to 1.
    """

    text: str
    question: str
    similarity: float


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a chatbot makes of a text.

    Attributes:
        mood: The most probable one.
        probability: Of it, from 0 to 1.
        answers: The best first, none twice.
    """

    mood: str
    probability: float
    answers: list[Answer]


class Chatbot:
    """Answers with what the nearest known question was answered.

    All questions of the file are known to it, the held-out ones too.

    Args:
        folder: Of `tune_chatbot`.
        mood_model: A fine-tuning for the mood, of kind classification, which tells
            it better; None: logistic regression on the vectors of all questions.

    Raises:
        UsageError: A folder is not what it should be.
    """

    def __init__(
        self, folder: str | Path, mood_model: str | Path | None = None
    ) -> None:
        self._tuned = None if mood_model is None else _load_moods(mood_model)
        read = ChatbotFolder.read(folder)
        network = read.load_network(read.best.seed)
        self._give = make_vector_function(network)
        self._finder = read.finder
        self._sequence_length = read.config.sequence_length
        self._pairs = read.chat.pairs
        self._questions = ChatVectors.of(read.chat, network).questions
        if self._tuned is None:
            self._moods = MoodClassifier(self._questions, self._pairs.moods)

    def reply(self, text: str, answers: int = 3) -> Reply:
        """Answers a text.

        Args:
            text: What is said.
            answers: At most so many.

        Raises:
            UsageError: There is nothing in the text.
        """
        text = normalize_space(text)
        if not text:
            raise UsageError(
                "an empty text", expected="something to answer", fix="Say something."
            )
        encoded = encode_texts(
            [TextRow(text, None, "", "", 0)], self._finder, self._sequence_length
        )
        examples = [make_example(row, group_ids=np.int32(0)) for row in encoded.rows]
        maker = BatchMaker(examples, FEATURES, 1, self._sequence_length)
        vector = find_vectors(self._give, maker)
        mood, probability = self._tell_mood(text, vector)
        similarities = self._questions @ vector[0]
        found = choose_answers(similarities, self._pairs, answers)
        return Reply(mood, probability, found)

    def _tell_mood(self, text: str, vector: np.ndarray) -> tuple[str, float]:
        if self._tuned is None:
            return self._moods.classify(vector)[0]
        (predicted,) = self._tuned.predict([(text,)])
        return predicted["name"], max(predicted["probabilities"])


def _load_moods(folder: str | Path) -> TunedModel:
    tuned = load_tuned(folder)
    kind = tuned.kind.config.task.kind
    if kind != "classification" or len(tuned.kind.inputs) != 1:
        raise UsageError(
            f"a fine-tuning of {kind} in {folder} for the mood",
            expected="a classification of single texts",
            fix="Tune one as in configs/tasks/love_chat.yaml.",
        )
    return tuned


def choose_answers(
    similarities: np.ndarray | Sequence[float], pairs: ChatPairs, count: int
) -> list[Answer]:
    """Takes the answers of the nearest questions, none twice.

    Args:
        similarities: (N,), of all questions.
        pairs: Questions and answers.
        count: At most so many.
    """
    similarities = np.asarray(similarities)
    links = pairs.links[np.argsort(-similarities[pairs.links[:, 0]], kind="stable")]
    found: dict[int, Answer] = {}
    for question, answer in links.tolist():
        if len(found) == count:
            break
        if answer not in found:
            found[answer] = Answer(
                pairs.answers[answer],
                pairs.questions[question],
                float(similarities[question]),
            )
    return list(found.values())
