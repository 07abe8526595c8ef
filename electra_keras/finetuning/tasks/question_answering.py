"""Question answering: the part of a context that answers a question, or none.

Joins `squad_files.py`, `question_encoding.py`, `answer_head.py` and
`answer_decoding.py`; found by `registry.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.finetuning.answer_head import AnswerHead, find_spans, score_ends
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.metrics.answers import measure_answers
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.squad_files import QuestionRow, read_squad_file
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.tasks.answer_decoding import (
    choose_threshold,
    decode_answers,
)
from electra_keras.finetuning.tasks.question_encoding import (
    EncodedWindow,
    encode_questions,
)
from electra_keras.finetuning.tasks.task_kind import (
    Batch,
    Encoded,
    Example,
    Outputs,
    TaskKind,
    make_example,
)

# As the reference weighs it beside the mean of start and end.
_NO_ANSWER_WEIGHT = 0.5
# [CLS], [SEP] twice, a token of a question and some of a context.
_SHORTEST_ROW_TOKENS = 8


class QuestionAnswering(TaskKind[QuestionRow]):
    """A part of the context, by its start and its end given the start.

    State: `has_no_answer`, whether training has questions without an answer, and
    `no_answer_threshold`: no answer is given where the head's logit that there is
    none is above it in every window; None until the validation file has decided.
    A prediction is a dict: `answer`, "" if none is given; `start` and `end`, code
    points of the context; `probability`; with `has_no_answer` also
    `no_answer_score`.

    In the reference a window that does not show the answer counts as answerable
    if its question is; here as one without, as all that it shows.
    """

    score = "f1"
    features: ClassVar[dict[str, int | None]] = {
        "answer_starts": None,
        "answer_ends": None,
        "is_fullest": 0,
    }

    @staticmethod
    def read(path: str, config: TaskConfig) -> LabelledFile[QuestionRow]:
        """Reads JSON of SQuAD or KorQuAD."""
        return read_squad_file(path)

    @staticmethod
    def key(row: QuestionRow) -> str:
        """Its context: questions about one stay together."""
        return row.context

    @staticmethod
    def learn(rows: Sequence[QuestionRow], config: TaskConfig) -> dict[str, Any]:
        """Finds out whether there are questions without an answer."""
        if not any(row.answers for row in rows):
            raise UsageError(
                f"{len(rows)} training questions, none with an answer",
                expected="answers to learn from",
                fix="Check files.train.",
            )
        has_no_answer = not all(row.answers for row in rows)
        threshold = config.answers.no_answer_threshold if has_no_answer else None
        return {"has_no_answer": has_no_answer, "no_answer_threshold": threshold}

    def warnings(self, rows: Sequence[QuestionRow]) -> list[str]:
        """Tells of a threshold that nothing is compared with."""
        given = self.config.answers.no_answer_threshold
        if given is None or self.state["has_no_answer"]:
            return []
        return [
            f"answers.no_answer_threshold {given} is not used: every training "
            "question has an answer"
        ]

    @property
    def inputs(self) -> tuple[str, ...]:
        """A question, and the text that may answer it."""
        return ("question", "context")

    def make_row(self, texts: Sequence[str], place: int) -> QuestionRow:
        """Makes a question about a context."""
        return QuestionRow(str(place), texts[0], texts[1], (), place)

    def encode(self, rows: Sequence[QuestionRow], finder: PieceFinder) -> Encoded:
        """Encodes windows; one that shows no whole first answer has its at [CLS].

        A question gets at most half of a row.

        Raises:
            UsageError: Rows are too short to hold a question and a context.
        """
        length = self.sequence_length
        if length < _SHORTEST_ROW_TOKENS:
            raise UsageError(
                f"encoding.sequence_length {length} of question_answering",
                expected=f"at least {_SHORTEST_ROW_TOKENS} tokens",
                fix="Set it higher, or take a model that was trained on longer rows.",
            )
        config = dataclasses.replace(
            self.config.encoding,
            max_question_tokens=self.most_question_tokens,
            sequence_length=length,
        )
        windows = encode_questions(rows, finder, config)
        return Encoded([_make(window) for window in windows], _notes(rows, windows))

    @property
    def most_question_tokens(self) -> int:
        """What is kept of a question: at most half of a row."""
        half = (self.sequence_length - 3) // 2
        return min(self.config.encoding.max_question_tokens, half)

    def build_head(self, hidden_dim: int, dropout_rate: float, seed: int) -> AnswerHead:
        """Builds scores of starts and ends; without dropout, as the reference."""
        has_no_answer = self.state["has_no_answer"]
        return AnswerHead(has_no_answer=has_no_answer, seed=seed, name="task_head")

    def loss(self, batch: Batch, outputs: Batch) -> tf.Tensor:
        """Sums the cross-entropy, in nats.

        That is the mean of start and end, the end given the right start, and half
        of that of whether the window holds an answer.
        """
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits
        starts, ends = batch["answer_starts"], batch["answer_ends"]
        losses = 0.5 * entropy(starts, outputs["start_logits"])
        losses += 0.5 * entropy(ends, score_ends(outputs, starts))
        if self.state["has_no_answer"]:
            losses += _NO_ANSWER_WEIGHT * tf.nn.sigmoid_cross_entropy_with_logits(
                tf.cast(starts == 0, tf.float32), outputs["no_answer_logits"]
            )
        return tf.reduce_sum(losses * batch["weights"])

    def reduce(self, batch: Batch, outputs: Batch) -> Batch:
        """Finds the best spans of each window; an answer starts where it is fullest."""
        spans = find_spans(
            outputs, batch["is_fullest"], self.config.answers.max_answer_tokens
        )
        kept = ("no_answer_logits",) if self.state["has_no_answer"] else ()
        return {**spans, **{name: outputs[name] for name in kept}}

    def choose(
        self,
        rows: Sequence[QuestionRow],
        examples: Sequence[Example],
        outputs: Sequence[Outputs],
    ) -> dict[str, Any]:
        """Chooses the threshold with the best F1, unless the task gives one."""
        answers = self.config.answers
        is_open = self.state["has_no_answer"] and answers.no_answer_threshold is None
        if not is_open:
            return {}
        found = decode_answers(rows, examples, outputs)
        named = {row.id: answer for row, answer in zip(rows, found, strict=True)}
        threshold = choose_threshold(named, _right(rows), answers.script)
        return {"no_answer_threshold": threshold}

    def predict(
        self,
        rows: Sequence[QuestionRow],
        examples: Sequence[Example],
        outputs: Sequence[Outputs],
    ) -> list[dict[str, Any]]:
        """Takes the best answer, or none above the threshold."""
        # Without a choice: where an answer is as likely as none.
        threshold = self.state["no_answer_threshold"] or 0.0
        predictions: list[dict[str, Any]] = []
        for answer in decode_answers(rows, examples, outputs):
            predicted = {
                "answer": answer.text,
                "start": answer.start,
                "end": answer.end,
                "probability": answer.probability,
            }
            if self.state["has_no_answer"]:
                predicted["no_answer_score"] = round(answer.no_answer_score, 6)
                if answer.no_answer_score > threshold:
                    predicted |= {"answer": "", "start": 0, "end": 0}
            predictions.append(predicted)
        return predictions

    def measure(
        self, rows: Sequence[QuestionRow], predictions: Sequence[dict[str, Any]]
    ) -> dict[str, float]:
        """Gives exact match and F1 as the script that `answers.script` names."""
        answers = [predicted["answer"] for predicted in predictions]
        named = {row.id: answer for row, answer in zip(rows, answers, strict=True)}
        return measure_answers(named, _right(rows), self.config.answers.script)


def _right(rows: Sequence[QuestionRow]) -> dict[str, list[str]]:
    return {row.id: [text for _, text in row.answers] for row in rows}


def _make(window: EncodedWindow) -> Example:
    return make_example(
        window.row,
        answer_starts=np.int32(window.answer_start),
        answer_ends=np.int32(window.answer_end),
        is_fullest=window.is_fullest,
        question=np.int32(window.question),
        starts=window.starts,
        ends=window.ends,
    )


def _notes(
    rows: Sequence[QuestionRow], windows: Sequence[EncodedWindow]
) -> tuple[str, ...]:
    """What does not fit, in words."""
    shown = {window.question for window in windows if window.answer_start}
    asked = [place for place, row in enumerate(rows) if row.answers]
    unseen = len({*asked} - shown)
    if not unseen:
        return ()
    return (
        f"{unseen:,} of {len(asked):,} answers are whole in no window: they are not "
        "learned, and hardly found",
    )
