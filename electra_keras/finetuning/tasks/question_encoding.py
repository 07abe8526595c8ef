"""Questions to rows: windows over the context, with the place of the answer.

Reads rows of `squad_files.py` through `encoding.py`, feeds the batches; the
character offsets lead predicted tokens back to a part of the context.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from electra_keras.finetuning.encoding import EncodedRow, PieceFinder, Pieces
from electra_keras.finetuning.squad_files import QuestionRow
from electra_keras.finetuning.task_config import EncodingConfig


@dataclasses.dataclass(frozen=True)
class EncodedWindow:
    """One window of one question: [CLS] question [SEP] context [SEP].

    Attributes:
        question: Place of the question among those given.
        row: Its word pieces.
        context_start: Token at which the context starts.
        starts: int32 (T,), code points of the context where each token starts;
            0 outside of it.
        ends: int32 (T,), after which each ends; 0 outside of it.
        is_fullest: int32 (T,), 1 where no other window shows more context around
            the token; only there an answer may start.
        answer_start: Token with which the first answer starts; 0, which is
            [CLS], if this window does not hold all of it.
        answer_end: Its last token, or 0.
    """

    question: int
    row: EncodedRow
    context_start: int
    starts: np.ndarray
    ends: np.ndarray
    is_fullest: np.ndarray
    answer_start: int
    answer_end: int


def encode_questions(
    rows: Sequence[QuestionRow], finder: PieceFinder, config: EncodingConfig
) -> list[EncodedWindow]:
    """Encodes questions.

    Args:
        rows: The questions.
        finder: Tokenizes them.
        config: Its `sequence_length`, not None, `max_question_tokens` and
            `doc_stride_tokens`.

    Returns: Windows, those of a question one after another.

    Raises:
        ValueError: A row has no room for context beside the question.
    """
    questions = finder.find_pieces([row.question for row in rows])
    # Questions of a context follow each other: it is tokenized once.
    contexts = list(dict.fromkeys(row.context for row in rows))
    found = dict(zip(contexts, finder.find_pieces(contexts), strict=True))
    return [
        window
        for place, (row, question) in enumerate(zip(rows, questions, strict=True))
        for window in _encode(place, row, question, found[row.context], finder, config)
    ]


def _encode(
    place: int,
    row: QuestionRow,
    question: Pieces,
    context: Pieces,
    finder: PieceFinder,
    config: EncodingConfig,
) -> Iterator[EncodedWindow]:
    asked = question.token_ids[: config.max_question_tokens]
    room = (config.sequence_length or 0) - len(asked) - 3
    if room < 1:
        raise ValueError(
            f"no room for context beside {len(asked)} tokens of a question"
        )
    # A stride beyond the window would leave tokens out.
    stride = min(config.doc_stride_tokens, room)
    spans = find_windows(len(context.token_ids), room, stride)
    answer = _find_tokens(row, context)
    chosen = choose_windows(len(context.token_ids), spans)
    for number, (first, last) in enumerate(spans):
        shift = len(asked) + 2
        encoded = finder.join(asked, context.token_ids[first:last])
        length = len(encoded.token_ids)
        starts, ends, fullest = (np.zeros(length, np.int32) for _ in range(3))
        starts[shift : length - 1] = context.starts[first:last]
        ends[shift : length - 1] = context.ends[first:last]
        fullest[shift : length - 1] = chosen[first:last] == number
        holds = answer is not None and first <= answer[0] and answer[1] < last
        start, end = (
            (answer[0] - first + shift, answer[1] - first + shift)
            if holds and answer is not None
            else (0, 0)
        )
        yield EncodedWindow(place, encoded, shift, starts, ends, fullest, start, end)


def find_windows(tokens: int, room: int, stride: int) -> list[tuple[int, int]]:
    """Parts a context into windows of at most `room` tokens, `stride` apart.

    Returns: First token and the token after the last; one at least, and none
        that starts after another has reached the end.
    """
    spans = [(0, min(room, tokens))]
    while spans[-1][1] < tokens:
        first = spans[-1][0] + stride
        spans.append((first, min(first + room, tokens)))
    return spans


def choose_windows(tokens: int, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Chooses for each token the window that shows most on its poorer side.

    Of equal ones the longer, then the first, as in the reference.

    Returns: int64 (tokens,), places in `spans`.
    """
    first, last = np.array(spans)[:, :, np.newaxis].transpose(1, 0, 2)
    place = np.arange(tokens)
    poorer = np.minimum(place - first, last - 1 - place)
    scores = np.where(poorer < 0, -1.0, poorer + 0.01 * (last - first))
    return np.argmax(scores, axis=0)


def _find_tokens(row: QuestionRow, context: Pieces) -> tuple[int, int] | None:
    """First and last token of the first answer; None if it has none."""
    if not row.answers:
        return None
    start, text = row.answers[0]
    end = start + len(text)
    inside = np.flatnonzero((context.ends > start) & (context.starts < end))
    return (int(inside[0]), int(inside[-1])) if inside.size else None
