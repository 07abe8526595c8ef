"""What an exported model says of a text, ready for the page.

Reads a version's folder and texts, feeds `corruption.py` and `server.py`. It
uses the signatures alone, as any client of the model does.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.serving.demo.pieces import Piece, cut_pieces, show_token
from electra_keras.serving.exported import load_exported

_ABOUT = Path("assets.extra") / "export.json"
_VOCABULARY = Path("assets.extra") / VOCABULARY_FILE


@dataclasses.dataclass(frozen=True)
class ShownModel:
    """An exported model and its name on the page.

    Args:
        name: Its folder as it was given, such as "models/reviews/1".
        loaded: The SavedModel; signatures use its variables.
        sequence_length: Tokens at which it cuts a text; None if unknown.
        vocabulary: Ids of its tokens; empty if unknown.
    """

    name: str
    loaded: Any
    sequence_length: int | None
    vocabulary: dict[str, int]

    @classmethod
    def load(cls, folder: str | Path) -> ShownModel:
        """Loads a version.

        Args:
            folder: Such as `models/reviews/1`.

        Raises:
            UsageError: As `load_exported`.
        """
        folder = Path(folder)
        loaded = load_exported(folder)
        about = folder / _ABOUT
        length = json.loads(about.read_text("utf-8")) if about.is_file() else {}
        file = folder / _VOCABULARY
        vocabulary = Vocabulary.load(file).ids if file.is_file() else {}
        return cls(str(folder), loaded, length.get("sequence_length"), vocabulary)

    @property
    def has_generator(self) -> bool:
        """Whether it was exported with its generator."""
        return "corrupt" in self.loaded.signatures

    def describe(self) -> dict[str, Any]:
        """Returns what the page must know before it asks."""
        return {
            "name": self.name,
            "sequence_length": self.sequence_length,
            "has_generator": self.has_generator,
            "has_score": "score" in self.loaded.signatures,
        }

    def look(self, text: str) -> dict[str, Any]:
        """Judges a text as it is.

        Args:
            text: Any text without lone surrogates.

        Returns:
            `model`, `naturalness` (None without the signature `score`),
            `pieces`, `rest` and `is_cut` (see `lay_out`).
        """
        texts = tf.constant([text])
        answer = first_row(self.loaded.signatures["serving_default"](text=texts))
        naturalness = None
        if "score" in self.loaded.signatures:
            score = self.loaded.signatures["score"](text=texts)
            naturalness = float(score["naturalness"].numpy()[0])
        shown = self.lay_out(text, answer)
        return {"model": self.name, "naturalness": naturalness, **shown}

    def judge(self, token_ids: Sequence[int]) -> np.ndarray:
        """Judges a row of ids: float32 (S,), the replaced probabilities."""
        ids = tf.constant([token_ids], tf.int32)
        answer = self.loaded.signatures["tokens"](
            token_ids=ids,
            segment_ids=tf.zeros_like(ids),
            padding_mask=tf.ones_like(ids),
        )
        return answer["replaced_probability"].numpy()[0]

    def lay_out(self, text: str, answer: dict[str, np.ndarray]) -> dict[str, Any]:
        """Lays the tokens of an answer on the text.

        Returns:
            `pieces`: fields of `Piece` and `replaced_probability`; `rest`: the
            text after the last; `is_cut`: whether the model saw none of it.
        """
        length = int(answer["padding_mask"].sum())
        tokens = [token.decode() for token in answer["tokens"][:length]]
        starts, ends = (
            answer[name][:length].tolist() for name in ("token_starts", "token_ends")
        )
        pieces, rest = cut_pieces(text, tokens, starts, ends)
        probability = answer["replaced_probability"]
        # Some characters have no token, so a rest alone does not mean a cut.
        is_full = self.sequence_length is None or length >= self.sequence_length
        return {
            "pieces": [_to_dict(piece, probability[piece.place]) for piece in pieces],
            "rest": rest,
            "is_cut": bool(rest.strip()) and is_full,
        }


def problem_of(error: UsageError) -> dict[str, str]:
    """Returns an error as the API tells it."""
    return {"received": error.received, "expected": error.expected, "fix": error.fix}


def first_row(answer: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Returns the answer for a batch's first text."""
    return {name: value.numpy()[0] for name, value in answer.items()}


def _to_dict(piece: Piece, probability: np.floating) -> dict[str, Any]:
    shown = piece.text or show_token(piece.token)
    fields = {**dataclasses.asdict(piece), "text": shown}
    return {**fields, "replaced_probability": float(probability)}
