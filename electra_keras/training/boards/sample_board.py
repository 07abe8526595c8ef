"""Readable rows in TensorBoard: every token with what the networks made of it.

Reads `samples.py`, shown by `held_out.py` under `samples/`. TensorBoard strips all
styles from its text, so that a cell's colour is a coloured sign in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from electra_keras.data.vocabulary import Vocabulary
from electra_keras.objectives.shared.objective import Batch, Objective
from electra_keras.training.samples import SampleToken, escape_markup, trace_tokens

_MOST_SAMPLES = 4
_MOST_TOKENS = 128
_TOKENS_A_LINE = 10
# Least probability and its colour, as `serving/display.py` shades.
_COLOURS = ((0.5, "🟥"), (0.3, "🟧"), (0.15, "🟨"), (0.0, "⬜"))
_RIGHT, _WRONG = "🟢", "🔴"
_LEGEND = (
    "sampled, guess: 🟢 the original, 🔴 another token. "
    "replaced: the discriminator's probability, 🟥 from 50%, 🟧 from 30%, 🟨 from 15%."
)


class SampleBoard:
    """Shows the first rows of a batch as tables.

    Args:
        vocabulary: Of the data.
    """

    def __init__(self, vocabulary: Vocabulary):
        self._vocabulary = vocabulary

    def show(self, objective: Objective, batch: Batch, outputs: Batch) -> None:
        """Writes `samples/1`, `samples/2`..."""
        samples = trace_tokens(batch, outputs, self._vocabulary)
        for number, sample in enumerate(samples[:_MOST_SAMPLES], 1):
            tf.summary.text(f"samples/{number}", draw_sample(sample))


def draw_sample(sample: Sequence[SampleToken]) -> str:
    """Formats a row as Markdown tables, some tokens each.

    A table's lines are the original, what the masked LM was shown and, where the
    objective has them, samples, guesses and the discriminator's probability.
    """
    shown = sample[:_MOST_TOKENS]
    parts = [_LEGEND]
    for first in range(0, len(shown), _TOKENS_A_LINE):
        parts.append(_draw_table(shown[first : first + _TOKENS_A_LINE]))
    if len(sample) > len(shown):
        parts.append(f"{len(sample) - len(shown)} more tokens")
    return "\n\n".join(parts)


def _draw_table(tokens: Sequence[SampleToken]) -> str:
    lines = {
        "original": [escape_markup(token.original) for token in tokens],
        "masked": [
            escape_markup(token.masked) if token.is_masked else "" for token in tokens
        ],
        "sampled": [_draw_filled(token, token.corrupted) for token in tokens],
        "guess": [_draw_filled(token, token.guess) for token in tokens],
        "replaced": [_draw_probability(token) for token in tokens],
    }
    # The first two are always there; of others, those that the objective gives.
    given = {
        "sampled": tokens[0].corrupted is not None,
        "guess": any(token.guess is not None for token in tokens),
        "replaced": tokens[0].replaced_probability is not None,
    }
    rows = [
        f"| **{name}** | {' | '.join(cells)} |"
        for name, cells in lines.items()
        if given.get(name, True)
    ]
    rows.insert(1, "|---" * (len(tokens) + 1) + "|")
    return "\n".join(rows)


def _draw_filled(token: SampleToken, filled: str | None) -> str:
    """What was put at a masked position; nothing elsewhere."""
    if not token.is_masked or filled is None:
        return ""
    sign = _RIGHT if filled == token.original else _WRONG
    return f"{sign} {escape_markup(filled)}"


def _draw_probability(token: SampleToken) -> str:
    probability = token.replaced_probability
    if probability is None:
        return ""
    colour = next((sign for least, sign in _COLOURS if probability >= least), "")
    return f"{colour} {probability:.0%}"
