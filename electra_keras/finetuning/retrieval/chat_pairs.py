"""A file of questions with their answers and moods, read and split by question.

Reads through `text_files.py`, feeds everything else of this room.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from electra_keras.errors import UsageError
from electra_keras.finetuning.retrieval.retrieval_config import RetrievalConfig
from electra_keras.finetuning.set_aside import LabelledFile, check_share
from electra_keras.finetuning.splitting import hold_out
from electra_keras.finetuning.text_files import TextRow, read_text_file

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class ChatPairs:
    """Distinct questions and answers, and which belong together.

    Texts that differ in white space alone are one text.

    Attributes:
        questions: N of them, in the order of the file.
        answers: M of them.
        moods: Of each question; of one with several the first.
        links: int64 (L, 2), question and answer, each pair once.
        splits: Places of questions by split, int64, ascending; none in two.
        notes: What was read, mended and set aside, a line each.
    """

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    moods: tuple[str, ...]
    links: np.ndarray
    splits: dict[str, np.ndarray]
    notes: tuple[str, ...]

    def links_of(self, split: str) -> np.ndarray:
        """Links of a split's questions, which count from 0 there: int64 (K, 2)."""
        places = np.full(len(self.questions), -1)
        places[self.splits[split]] = np.arange(len(self.splits[split]))
        own = self.links[places[self.links[:, 0]] >= 0]
        return np.stack([places[own[:, 0]], own[:, 1]], axis=1)

    def right_answers(self, split: str) -> list[np.ndarray]:
        """The answers that the file gives to each question of a split."""
        links = self.links_of(split)
        found: list[list[int]] = [[] for _ in self.splits[split]]
        for question, answer in links.tolist():
            found[question].append(answer)
        return [np.array(answers, np.int64) for answers in found]


def read_chat_pairs(path: str | Path, config: RetrievalConfig) -> ChatPairs:
    """Reads tsv, csv or jsonl; what cannot be used is set aside and told.

    Held out are whole questions, by a hash of their text: none is both learned
    and measured, and the same ones are held out whatever the order of the file.
    Its paraphrases may stay in training, as a chatbot would have them.

    Raises:
        UsageError: As `read_text_file`, or a split without questions.
    """
    task = config.as_task
    labelled = read_text_file(str(path), task)
    check_share(labelled, task.files.max_set_aside_rate)
    train, validation = hold_out(
        labelled, task.files.validation_rate, _question, "validation"
    )
    train, test = hold_out(train, task.files.test_rate, _question, "test")
    parts = {"train": train, "validation": validation, "test": test}
    for name, part in parts.items():
        if not part.rows:
            raise UsageError(
                f"no question for {name} among the {len(labelled.rows)} rows of {path}",
                expected="enough different questions to learn from and to hold out",
                fix="Give more rows.",
            )
    return _join(labelled, parts)


def _join(
    labelled: LabelledFile[TextRow], parts: dict[str, LabelledFile[TextRow]]
) -> ChatPairs:
    questions: dict[str, int] = {}
    answers: dict[str, int] = {}
    moods: list[str] = []
    links: dict[tuple[int, int], None] = {}
    for row in labelled.rows:
        question, answer = _question(row), normalize_space(row.text_pair or "")
        if question not in questions:
            moods.append(str(row.label))
        links[
            questions.setdefault(question, len(questions)),
            answers.setdefault(answer, len(answers)),
        ] = None
    splits = {
        name: np.unique([questions[_question(row)] for row in part.rows])
        for name, part in parts.items()
    }
    told = ", ".join(f"{len(places):,} for {name}" for name, places in splits.items())
    notes = [
        f"{labelled.path}: {len(labelled.rows):,} rows, {len(questions):,} questions "
        f"({told}), {len(answers):,} answers"
    ]
    for reason, count in labelled.count_reasons().items():
        first = next(s for s in labelled.set_aside if s.reason == reason)
        notes.append(f"set aside: {count:,} {reason}; the first: {first}")
    return ChatPairs(
        tuple(questions),
        tuple(answers),
        tuple(moods),
        np.array(list(links), np.int64),
        splits,
        tuple(notes),
    )


def normalize_space(text: str) -> str:
    """Makes every run of white space one space, and none at the ends."""
    return " ".join(text.split())


def _question(row: TextRow) -> str:
    return normalize_space(row.text)
