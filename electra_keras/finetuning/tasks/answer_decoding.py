"""Spans of windows to answers: parts of the contexts as they were given.

Reads what `answer_head.py` finds in each window, feeds `question_answering.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from electra_keras.finetuning.answer_head import IMPOSSIBLE
from electra_keras.finetuning.metrics.answers import find_no_answer_threshold
from electra_keras.finetuning.squad_files import QuestionRow
from electra_keras.finetuning.tasks.task_kind import Example, Outputs


@dataclasses.dataclass(frozen=True)
class Answer:
    """The best answer to a question.

    Attributes:
        text: A part of the context; "" if no window has a token for it.
        start: Code point of the context where it starts.
        end: After which it ends.
        probability: Of both ends in the window that shows it, from 0 to 1.
        no_answer_score: The lowest of its windows: each says how much rather it
            holds no answer. 0 if the network does not say so.
    """

    text: str
    start: int
    end: int
    probability: float
    no_answer_score: float


def decode_answers(
    rows: Sequence[QuestionRow],
    examples: Sequence[Example],
    outputs: Sequence[Outputs],
) -> list[Answer]:
    """Takes the best span over all windows of a question.

    Korean particles are cut off where they are word pieces of their own.

    Args:
        rows: N questions.
        examples: Of their windows, with `question`, the place of the row, and
            `starts` and `ends`, int32 (T,), code points of tokens.
        outputs: Of each window what `find_spans` returns, without the batch, and
            maybe `no_answer_logits`, float32 ().

    Returns: N answers. Of spans that are as good the one of the first window.
    """
    windows: list[list[tuple[Example, Outputs]]] = [[] for _ in rows]
    for example, output in zip(examples, outputs, strict=True):
        windows[int(example["question"])].append((example, output))
    return [_decode(row, found) for row, found in zip(rows, windows, strict=True)]


def _decode(row: QuestionRow, windows: list[tuple[Example, Outputs]]) -> Answer:
    doubts = [float(output.get("no_answer_logits", 0.0)) for _, output in windows]
    # `max` keeps the first of equals.
    score, start, end = max(
        (span for window in windows for span in _spans(*window)),
        key=lambda span: span[0],
        default=(-np.inf, 0, 0),
    )
    probability = round(float(np.exp(score)), 6)
    return Answer(row.context[start:end], start, end, probability, min(doubts))


def _spans(example: Example, output: Outputs) -> Iterator[tuple[float, int, int]]:
    """Scores of the spans of a window, and their code points."""
    for start, end, score in zip(
        output["starts"], output["ends"], output["scores"], strict=True
    ):
        if score > IMPOSSIBLE / 2:
            first, last = example["starts"][start], example["ends"][end]
            yield float(score), int(first), int(last)


def choose_threshold(
    answers: Mapping[str, Answer], right: Mapping[str, Sequence[str]], script: str
) -> float:
    """Chooses the score above which no answer is given, by the best F1.

    Args:
        answers: The best answer of each question, by id.
        right: Right ones by id; empty where there is none.
        script: "squad" or "korquad".

    Returns: A threshold between the scores of two questions, so that the last
        bits of a score on another machine change nothing; of some that are as
        good the lowest. Below all scores if no answer is best.
    """
    texts = {name: answer.text for name, answer in answers.items()}
    scores = {name: answer.no_answer_score for name, answer in answers.items()}
    last, _ = find_no_answer_threshold(texts, scores, right, script)
    lowest, highest = min(scores.values()), max(scores.values())
    below = max(last, lowest - 1.0)
    above = min((s for s in scores.values() if s > last), default=highest + 1.0)
    return (below + above) / 2.0
