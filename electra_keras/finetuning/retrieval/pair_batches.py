"""Texts that belong together, and batches in which each lies beside its partner.

Reads `chat_pairs.py`, feeds `contrastive.py` through `retrieval_trial.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.retrieval.chat_pairs import ChatPairs
from electra_keras.finetuning.tasks.task_kind import Example, make_example
from electra_keras.finetuning.tasks.text_encoding import encode_texts
from electra_keras.finetuning.text_files import TextRow

# What comes into batches beside the inputs of the network.
FEATURES: dict[str, int | None] = {"group_ids": None}


def encode_chat(
    pairs: ChatPairs, finder: PieceFinder, sequence_length: int
) -> tuple[list[Example], tuple[str, ...]]:
    """Encodes all questions, then all answers.

    Returns: Examples of `task_kind.py`, N + M of them, with `group_ids` of
        `find_groups`; and what was cut, in words.
    """
    texts = [*pairs.questions, *pairs.answers]
    found = encode_texts(
        [TextRow(text, None, "", "", 0) for text in texts], finder, sequence_length
    )
    groups = find_groups(pairs)
    examples = [
        make_example(row, group_ids=np.int32(group))
        for row, group in zip(found.rows, groups, strict=True)
    ]
    return examples, found.notes


def find_groups(pairs: ChatPairs) -> np.ndarray:
    """Numbers groups of texts that no loss may push apart.

    Of a group are a question, its answers, their other questions and so on, as far
    as links of training questions lead; a text that has none is a group of its own.

    Returns: int64 (N + M,), of questions, then of answers: the smallest place in
        the group.
    """
    count = len(pairs.questions)
    parents = list(range(count + len(pairs.answers)))

    def find(place: int) -> int:
        while parents[place] != place:
            parents[place] = place = parents[parents[place]]
        return place

    learned = pairs.splits["train"]
    for question, answer in pairs.links_of("train").tolist():
        one, two = find(int(learned[question])), find(count + answer)
        parents[max(one, two)] = min(one, two)
    return np.array([find(place) for place in range(len(parents))])


def find_positives(pairs: ChatPairs, seed: int) -> np.ndarray:
    """Lists what is learned to lie together, of training questions alone.

    Each question with each of its answers; and the questions of an answer in a
    ring, each with the next one in an order by seed: with n of them n pairs, so
    that a frequent answer does not take over.

    Returns: int64 (P, 2), places among questions, then answers.
    """
    draw = np.random.default_rng(seed)
    links = pairs.links_of("train")
    questions, answers = pairs.splits["train"][links[:, 0]], links[:, 1]
    found = [np.stack([questions, len(pairs.questions) + answers], axis=1)]
    for answer in np.unique(answers):
        alike = draw.permutation(questions[answers == answer])
        ring = np.stack([alike, np.roll(alike, -1)], axis=1)
        found.append(ring[: len(ring) if len(ring) > 2 else len(ring) // 2])
    return np.concatenate(found)


@dataclasses.dataclass(frozen=True)
class PairBatchMaker(BatchMaker):
    """Makes batches of `batch_size` texts, the partners side by side.

    Rows 2i and 2i + 1 of a batch are a pair; what is left over of an epoch is
    filled up with rows of weight 0.

    Attributes:
        positives: int64 (P, 2), from `find_positives`.
    """

    positives: np.ndarray

    @property
    def batches(self) -> int:
        """Of an epoch."""
        return -(-2 * len(self.positives) // self.batch_size)

    def train_order(self, seed: int, epoch: int) -> list[np.ndarray]:
        """Draws which pairs come together, as `BatchMaker` draws rows."""
        lengths = self._lengths(self.examples)
        longer = np.maximum(*lengths[self.positives.T])
        rows = [{"token_ids": np.empty(length, np.int8)} for length in longer.tolist()]
        maker = BatchMaker(rows, {}, self.batch_size // 2, self.sequence_length)
        order = maker.train_order(seed, epoch)
        return [self.positives[places].reshape(-1) for places in order]

    @staticmethod
    def _lengths(examples: Sequence[Example]) -> np.ndarray:
        return np.array([len(example["token_ids"]) for example in examples])
