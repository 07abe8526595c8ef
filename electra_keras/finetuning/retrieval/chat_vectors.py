"""The texts of a chat as rows, and their vectors; figures of held-out questions.

Joins `chat_pairs.py`, `pair_batches.py`, `vector_network.py` and `ranking.py`; feeds
`retrieval_trial.py`, `chatbot.py` and `retrieval_comparison.py`.
"""

from __future__ import annotations

import dataclasses
import functools

import keras
import numpy as np

from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.retrieval.chat_pairs import ChatPairs
from electra_keras.finetuning.retrieval.pair_batches import (
    FEATURES,
    PairBatchMaker,
    encode_chat,
    find_positives,
)
from electra_keras.finetuning.retrieval.ranking import measure_vectors
from electra_keras.finetuning.retrieval.vector_network import (
    VectorFn,
    find_vectors,
    make_vector_function,
)

# Texts that get their vectors at once.
_VECTOR_BATCH = 256


@dataclasses.dataclass(frozen=True)
class EncodedChat:
    """The texts of a chat as rows, for vectors and for batches of pairs.

    Attributes:
        pairs: The texts.
        sequence_length: S, tokens of the longest row.
        examples: N questions, then M answers.
        notes: What was cut, in words.
    """

    pairs: ChatPairs
    sequence_length: int
    examples: list[dict[str, np.ndarray]]
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, pairs: ChatPairs, finder: PieceFinder, sequence_length: int
    ) -> EncodedChat:
        """Encodes with the tokenizer of the pre-trained model."""
        examples, notes = encode_chat(pairs, finder, sequence_length)
        return cls(pairs, sequence_length, examples, notes)

    @functools.cached_property
    def texts(self) -> BatchMaker:
        """Makes batches of all texts."""
        return BatchMaker(self.examples, FEATURES, _VECTOR_BATCH, self.sequence_length)

    def positives(self, batch_size: int, seed: int) -> PairBatchMaker:
        """Makes batches to learn from."""
        return PairBatchMaker(
            *(self.examples, FEATURES, batch_size, self.sequence_length),
            find_positives(self.pairs, seed),
        )


@dataclasses.dataclass(frozen=True)
class ChatVectors:
    """Vectors of all texts of a chat.

    Attributes:
        questions: float32 (N, H) of length 1.
        answers: float32 (M, H) of length 1.
    """

    questions: np.ndarray
    answers: np.ndarray

    @classmethod
    def of(cls, chat: EncodedChat, network: keras.Model) -> ChatVectors:
        """Asks a network of `build_vector_network`."""
        return cls.given_by(make_vector_function(network), chat)

    @classmethod
    def given_by(cls, give: VectorFn, chat: EncodedChat) -> ChatVectors:
        """Asks a graph that is there already."""
        vectors = find_vectors(give, chat.texts)
        return cls(*np.split(vectors, [len(chat.pairs.questions)]))

    def measure(self, pairs: ChatPairs, split: str) -> dict[str, dict[str, float]]:
        """Measures the routes to the answers of held-out questions."""
        return measure_vectors(
            self.questions[pairs.splits[split]],
            self.questions[pairs.splits["train"]],
            self.answers,
            pairs.links_of("train"),
            pairs.right_answers(split),
        )
