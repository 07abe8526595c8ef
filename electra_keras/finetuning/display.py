"""Predictions of a task for people: a line a row.

Reads predictions of a kind of task or of an exported one; feeds
`electra_keras.predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def describe(inputs: Sequence[str], predicted: Any) -> str:
    """Tells a prediction in a line.

    Args:
        inputs: The texts of the row.
        predicted: A dict with `label`, `answer` or `tag`; a list of tags, one a
            word; or a number.
    """
    text = " | ".join(" ".join(part.split()) for part in inputs)
    if isinstance(predicted, dict):
        return f"{_of_answer(predicted)}\t{text}"
    if isinstance(predicted, list):
        return _of_tags(inputs[0].split(), predicted)
    return f"{predicted:.3f}\t{text}"


def _of_answer(predicted: dict[str, Any]) -> str:
    if "label" in predicted:
        name, label = predicted["name"], predicted["label"]
        told = name if name == label else f"{name} ({label})"
        return f"{told} {max(predicted['probabilities']):.0%}"
    if "answer" in predicted:
        answer = predicted["answer"] or "(no answer)"
        return f"{answer} {predicted['probability']:.0%}"
    if "number" in predicted:
        return f"{predicted['number']:.3f}"
    pairs = zip(predicted["tokens"], predicted["tag"], strict=True)
    return " ".join(f"{token}/{tag}" for token, tag in pairs if tag)


def _of_tags(words: Sequence[str], tags: Sequence[str]) -> str:
    return " ".join(
        word if tag == "O" else f"{word}/{tag}"
        for word, tag in zip(words, tags, strict=True)
    )
