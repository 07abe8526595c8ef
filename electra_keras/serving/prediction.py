"""Answers of an exported model, without the project's networks.

Reads `DIR/<version>/` and texts, feeds `electra_keras.predict`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from electra_keras.serving.exported import load_exported


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the model says of one text, token by token.

    Attributes:
        tokens: Word pieces, with [CLS] and [SEP].
        replaced_probabilities: One per token.
        starts: First character of each token in the text, in code points.
        ends: The character after its last.
    """

    tokens: tuple[str, ...]
    replaced_probabilities: tuple[float, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]


def predict(model: str | Path, texts: Sequence[str]) -> list[Prediction]:
    """Asks an exported model which tokens do not belong.

    Args:
        model: A version's folder, such as `models/reviews/1`.
        texts: Any text; long ones are cut at the trained length.

    Raises:
        UsageError: As `load_exported`.
    """
    loaded = load_exported(model)
    # A shell may pass bytes that are not UTF-8.
    given = [text.encode("utf-8", "surrogateescape") for text in texts]
    answer = loaded.signatures["serving_default"](text=tf.constant(given, tf.string))
    names = ("tokens", "replaced_probability", "token_starts", "token_ends")
    columns = [answer[name].numpy().tolist() for name in names]
    lengths = answer["padding_mask"].numpy().sum(axis=1)
    predictions = []
    for length, *row in zip(lengths, *columns, strict=True):
        tokens, probabilities, starts, ends = (tuple(x[:length]) for x in row)
        texts_of_tokens = tuple(token.decode() for token in tokens)
        predictions.append(Prediction(texts_of_tokens, probabilities, starts, ends))
    return predictions
