"""Words replaced by a generator, and who notices them.

Reads `answers.ShownModel`s and a text, feeds `server.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.serving.demo.answers import ShownModel, first_row, problem_of
from electra_keras.serving.demo.pieces import show_token

_WITHOUT_GENERATOR = UsageError(
    "the model was exported without its generator",
    expected="the signature `corrupt`",
    fix="Export it again: python -m electra_keras.export --with_generator ...",
)


def corrupt_text(
    models: Sequence[ShownModel], text: str, seed: int
) -> list[dict[str, Any]]:
    """Replaces words of a text, and asks every model which ones they are.

    The first generator among the models writes for all that share its
    vocabulary, so that their answers can be compared; others use their own.

    Args:
        models: One, or some to compare.
        text: Any text without lone surrogates.
        seed: int32; the same seed gives the same words.

    Returns:
        An answer per model: `model`, `generator` (whose it was) and what
        `ShownModel.lay_out` gives; each piece also has `original`, `is_masked`
        and `is_replaced`. Where there is no generator: `model` and `problem`.
    """
    writer = next((model for model in models if model.has_generator), None)
    if writer is None:
        return [_tell_problem(model) for model in models]
    row = _draw(writer, text, seed)
    answers = []
    for model in models:
        if model is writer:
            answers.append(_show(model, writer, text, row))
        elif _can_read(model, writer, row):
            ids = [model.vocabulary[token.decode()] for token in _real_tokens(row)]
            judged = {**row, "replaced_probability": model.judge(ids)}
            answers.append(_show(model, writer, text, judged))
        elif model.has_generator:
            answers.append(_show(model, model, text, _draw(model, text, seed)))
        else:
            answers.append(_tell_problem(model))
    return answers


def _draw(model: ShownModel, text: str, seed: int) -> dict[str, np.ndarray]:
    signature = model.loaded.signatures["corrupt"]
    seeds = tf.constant([seed], tf.int32)
    return first_row(signature(text=tf.constant([text]), seed=seeds))


def _real_tokens(row: dict[str, np.ndarray]) -> np.ndarray:
    return row["tokens"][: int(row["padding_mask"].sum())]


def _can_read(
    model: ShownModel, writer: ShownModel, row: dict[str, np.ndarray]
) -> bool:
    is_same = bool(model.vocabulary) and model.vocabulary == writer.vocabulary
    longest = model.sequence_length
    return is_same and (longest is None or len(_real_tokens(row)) <= longest)


def _show(
    model: ShownModel, writer: ShownModel, text: str, row: dict[str, np.ndarray]
) -> dict[str, Any]:
    shown = model.lay_out(text, row)
    for piece in shown["pieces"]:
        place = piece["place"]
        piece["is_masked"] = bool(row["is_masked"][place])
        piece["is_replaced"] = bool(row["is_replaced"][place])
        piece["original"] = piece["text"]
        if piece["is_replaced"]:
            # Two tokens may share a place in the text; then it is the first's.
            original = show_token(row["original_tokens"][place].decode())
            piece["original"] = piece["text"] or original
            sampled = show_token(piece["token"])
            # "##가" in the place of "가" is another token: show its mark.
            is_alike = sampled == piece["original"]
            piece["text"] = piece["token"] if is_alike else sampled
    return {"model": model.name, "generator": writer.name, **shown}


def _tell_problem(model: ShownModel) -> dict[str, Any]:
    return {"model": model.name, "problem": problem_of(_WITHOUT_GENERATOR)}
