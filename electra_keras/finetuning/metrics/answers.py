"""Figures of question answering: exact match and F1, as the official scripts.

Reads the answers of a validation file (`squad_files.py`) and those predicted.
SQuAD compares words without articles, KorQuAD 1.0 characters.
"""

from __future__ import annotations

import collections
import re
import string
from collections.abc import Callable, Mapping, Sequence

Answers = Mapping[str, Sequence[str]]

_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_PUNCTUATION = str.maketrans("", "", string.punctuation)
# KorQuAD parts words at these; other punctuation leaves no gap.
_KORQUAD_GAPS = str.maketrans(dict.fromkeys("'\"《》<>〈〉()‘’", " "))


def normalize_squad(answer: str) -> str:
    """Normalises as SQuAD: lower case, no ASCII punctuation, no articles."""
    text = _ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION))
    return " ".join(text.split())


def normalize_korquad(answer: str) -> str:
    """Normalises as KorQuAD 1.0: no quotes and brackets, no ASCII punctuation."""
    text = answer.translate(_KORQUAD_GAPS).lower().translate(_PUNCTUATION)
    return " ".join(text.split())


def split_squad(answer: str) -> list[str]:
    """The words of an answer, which F1 of SQuAD counts."""
    return normalize_squad(answer).split()


def split_korquad(answer: str) -> list[str]:
    """The characters of an answer, which F1 of KorQuAD counts; no spaces."""
    return list("".join(normalize_korquad(answer).split()))


_SCRIPTS: dict[str, tuple[Callable[[str], str], Callable[[str], list[str]]]] = {
    "squad": (normalize_squad, split_squad),
    "korquad": (normalize_korquad, split_korquad),
}


def compare_answer(
    prediction: str, answers: Sequence[str], script: str = "squad"
) -> tuple[float, float]:
    """Compares one answer with those that are right; the best counts.

    Args:
        prediction: "" if no answer is given.
        answers: Empty if there is none. As in the script of SQuAD 2.0, those
            that normalise to nothing do not count.
        script: "squad" or "korquad".

    Returns: Exact match, 0 or 1, and F1, from 0 to 1.
    """
    normalize, split = _SCRIPTS[script]
    # Of SQuAD 1.1 and KorQuAD no answer normalises to nothing.
    right = [answer for answer in answers if normalize(answer)] or [""]
    exact = max(normalize(prediction) == normalize(answer) for answer in right)
    f1 = max(_overlap(split(prediction), split(answer)) for answer in right)
    return float(exact), f1


def _overlap(prediction: list[str], answer: list[str]) -> float:
    if not prediction or not answer:
        return float(prediction == answer)
    shared = (collections.Counter(prediction) & collections.Counter(answer)).total()
    # precision * recall is 0 then.
    return 2.0 * shared / (len(prediction) + len(answer))


def measure_answers(
    predictions: Mapping[str, str], answers: Answers, script: str = "squad"
) -> dict[str, float]:
    """Measures predictions.

    Args:
        predictions: By id of the question; "" for no answer. A question without
            one counts as wrong, as in SQuAD 1.1, also if it has no answer.
        answers: Right ones by id; empty where there is none.
        script: "squad" or "korquad".

    Returns: `exact` and `f1`, from 0 to 1 (the scripts print percent); if some
        questions have no answer also `answerable_f1` and `unanswerable_f1`;
        `unpredicted`, the number of questions without a prediction.

    Raises:
        ValueError: There are no questions.
    """
    if not answers:
        raise ValueError("no questions")
    scores = {
        name: compare_answer(predictions[name], right, script)
        if name in predictions
        else (0.0, 0.0)
        for name, right in answers.items()
    }
    metrics = {
        "exact": sum(exact for exact, _ in scores.values()) / len(scores),
        "f1": sum(f1 for _, f1 in scores.values()) / len(scores),
        "unpredicted": float(sum(name not in predictions for name in answers)),
    }
    if not all(answers.values()):
        for key, wanted in (("answerable_f1", True), ("unanswerable_f1", False)):
            part = [f for n, (_, f) in scores.items() if bool(answers[n]) is wanted]
            metrics[key] = sum(part) / len(part) if part else 0.0
    return metrics


def find_no_answer_threshold(
    predictions: Mapping[str, str],
    no_answer_scores: Mapping[str, float],
    answers: Answers,
    script: str = "squad",
) -> tuple[float, float]:
    """Finds the score above which giving no answer is best, as SQuAD 2.0 does.

    Args:
        predictions: The best answer of each question, by id, not "".
        no_answer_scores: How much rather there is none, by id.
        answers: Right ones by id; empty where there is none.
        script: "squad" or "korquad".

    Returns: The threshold and the F1 reached with it: no answer is given where
        the score is above it. Of thresholds that are as good the lowest; -inf
        says that no answer is ever given.

    Raises:
        ValueError: There are no questions, or ids differ.
    """
    names = sorted(answers, key=lambda name: (no_answer_scores[name], name))
    if not names or {*predictions} != {*answers}:
        raise ValueError("predictions of other questions than those asked")
    # To start with, no question gets an answer.
    total = float(sum(not answers[name] for name in names))
    best, threshold = total, float("-inf")
    for place, name in enumerate(names):
        _, f1 = compare_answer(predictions[name], answers[name], script)
        total += f1 - (not answers[name])
        score = no_answer_scores[name]
        # Equal scores fall on the same side.
        after = names[place + 1] if place + 1 < len(names) else None
        if total > best and (after is None or no_answer_scores[after] > score):
            best, threshold = total, score
    return threshold, best / len(names)
