"""What an exported model says of a text, ready for the page.

Reads a version's folder and texts, feeds `server.py`. Only the signatures are
used, as any client of the model would.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the ops of the SavedModel.

from electra_keras.errors import UsageError
from electra_keras.serving.demo.pieces import Piece, cut_pieces, show_token

_ABOUT = Path("assets.extra") / "export.json"
_WITHOUT_GENERATOR = UsageError(
    "the model was exported without its generator",
    expected="the signature `corrupt`",
    fix="Export it again: python -m electra_keras.export --with_generator ...",
)


@dataclasses.dataclass(frozen=True)
class ShownModel:
    """An exported model and its name on the page.

    Args:
        name: Its folder as it was given, such as "models/reviews/1".
        loaded: The SavedModel; signatures use its variables.
        sequence_length: Tokens at which it cuts a text; None if unknown.
    """

    name: str
    loaded: Any
    sequence_length: int | None

    @classmethod
    def load(cls, folder: str | Path) -> ShownModel:
        """Loads a version.

        Args:
            folder: Such as `models/reviews/1`.

        Raises:
            UsageError: It is no SavedModel of ours, or it was trained to
                predict tokens and tells no replaced ones.
        """
        folder = Path(folder)
        if not (folder / "saved_model.pb").is_file():
            raise UsageError(
                f"no SavedModel in {folder}",
                expected="a version folder written by electra_keras.export, such as "
                "models/reviews/1",
                fix="Check the path; the version number belongs to it.",
            )
        loaded = tf.saved_model.load(str(folder))
        needed = {"token_starts", "token_ends", "replaced_probability"}
        signature = loaded.signatures.get("serving_default")
        received = set(signature.structured_outputs) if signature else set()
        if not needed <= received:
            raise UsageError(
                f"serving_default of {folder} answers {sorted(received)}",
                expected=f"also {sorted(needed - received)}",
                fix="Export a discriminator, such as train.objective=electra gives, "
                "with this version of electra_keras.export.",
            )
        about = folder / _ABOUT
        length = json.loads(about.read_text("utf-8")) if about.is_file() else {}
        return cls(str(folder), loaded, length.get("sequence_length"))

    def describe(self) -> dict[str, Any]:
        """Returns what the page must know before it asks."""
        return {
            "name": self.name,
            "sequence_length": self.sequence_length,
            "has_generator": "corrupt" in self.loaded.signatures,
            "has_score": "score" in self.loaded.signatures,
        }

    def look(self, text: str) -> dict[str, Any]:
        """Judges a text as it is.

        Args:
            text: Any text without lone surrogates.

        Returns:
            `model`, `naturalness` (None without the signature `score`),
            `pieces`, `rest` and `is_cut` (see `_lay_out`).
        """
        texts = tf.constant([text])
        answer = _first_row(self.loaded.signatures["serving_default"](text=texts))
        naturalness = None
        if "score" in self.loaded.signatures:
            score = self.loaded.signatures["score"](text=texts)
            naturalness = float(score["naturalness"].numpy()[0])
        shown = self._lay_out(text, answer)
        return {"model": self.name, "naturalness": naturalness, **shown}

    def corrupt(self, text: str, seed: int) -> dict[str, Any]:
        """Lets the generator replace words, and judges what comes out.

        Args:
            text: As for `look`.
            seed: int32; the same seed gives the same words.

        Returns:
            As from `look`, without `naturalness`; each piece also has
            `original`, `is_masked` and `is_replaced`. Without a generator:
            `model` and `problem`.
        """
        if "corrupt" not in self.loaded.signatures:
            return {"model": self.name, "problem": problem_of(_WITHOUT_GENERATOR)}
        signature = self.loaded.signatures["corrupt"]
        answer = _first_row(
            signature(text=tf.constant([text]), seed=tf.constant([seed], tf.int32))
        )
        shown = self._lay_out(text, answer)
        for piece in shown["pieces"]:
            place = piece["place"]
            piece["is_masked"] = bool(answer["is_masked"][place])
            piece["is_replaced"] = bool(answer["is_replaced"][place])
            piece["original"] = piece["text"]
            if piece["is_replaced"]:
                original = show_token(answer["original_tokens"][place].decode())
                piece["original"] = piece["text"] or original
                sampled = show_token(piece["token"])
                # "##가" in the place of "가" is another token: show its mark.
                same = sampled == piece["original"]
                piece["text"] = piece["token"] if same else sampled
        return {"model": self.name, **shown}

    def _lay_out(self, text: str, answer: dict[str, np.ndarray]) -> dict[str, Any]:
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


def _first_row(answer: dict[str, tf.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy()[0] for name, value in answer.items()}


def _to_dict(piece: Piece, probability: np.floating) -> dict[str, Any]:
    shown = piece.text or show_token(piece.token)
    fields = {**dataclasses.asdict(piece), "text": shown}
    return {**fields, "replaced_probability": float(probability)}
