"""Answers of an exported model, without the project's networks.

Reads `DIR/<version>/` and texts, feeds `electra_keras.predict`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the ops of the SavedModel.

from electra_keras.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the model says of one text: one probability per token."""

    tokens: tuple[str, ...]
    replaced_probabilities: tuple[float, ...]


def predict(model: str | Path, texts: Sequence[str]) -> list[Prediction]:
    """Asks an exported model which tokens do not belong.

    Args:
        model: A version's folder, such as `models/reviews/1`.
        texts: Any text; long ones are cut at the trained length.

    Raises:
        UsageError: `model` is no SavedModel of ours, or has no head that tells
            replaced tokens.
    """
    model = Path(model)
    if not (model / "saved_model.pb").is_file():
        raise UsageError(
            f"no SavedModel in {model}",
            expected="a version folder written by electra_keras.export, such as "
            "models/reviews/1",
            fix="Check --model; the version number belongs to it.",
        )
    signatures = tf.saved_model.load(str(model)).signatures
    if "serving_default" not in signatures:
        raise UsageError(
            f"{model} has signatures {sorted(signatures)}",
            expected="serving_default, as electra_keras.export writes it",
            fix="Check --model.",
        )
    signature = signatures["serving_default"]
    answer = signature(text=tf.constant(list(texts), tf.string))
    if "replaced_probability" not in answer:
        raise UsageError(
            f"{model} was trained to predict tokens and tells no replaced ones",
            expected="a discriminator, such as train.objective=electra gives",
            fix="Use its mean_embedding, which TF Serving returns.",
        )
    predictions = []
    for tokens, mask, probabilities in zip(
        answer["tokens"].numpy(),
        answer["padding_mask"].numpy(),
        answer["replaced_probability"].numpy(),
        strict=True,
    ):
        length = int(mask.sum())
        predictions.append(
            Prediction(
                tuple(token.decode() for token in tokens[:length]),
                tuple(float(value) for value in probabilities[:length]),
            )
        )
    return predictions
