"""Rows on their way through the networks, token by token, for people to read.

Reads a batch and the objective's outputs, feeds `evaluation.py` (`samples.md`) and
`boards/sample_board.py` (TensorBoard).
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import tensorflow as tf

from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.shared.objective import Batch, Objective

# What Markdown or HTML would take for markup.
_MARKUP = re.compile(r"[&<>|*_`~\\\[\]#!]")


@dataclasses.dataclass(frozen=True)
class SampleToken:
    """One token on its way through the networks.

    Attributes:
        original: The token of the text.
        masked: What the masked LM was shown.
        is_masked: Whether it had to be filled in.
        corrupted: What the main network was shown. None: the masked row.
        replaced_probability: What the discriminator said. None: there is none.
        guess: What the main network puts at a masked position. None: it
            predicts no tokens, or the position is not masked.
    """

    original: str
    masked: str
    is_masked: bool
    corrupted: str | None = None
    replaced_probability: float | None = None
    guess: str | None = None


def run_quietly(objective: Objective, batch: Batch, *, seed: int) -> Batch:
    """Runs the networks on a batch, without dropout, eagerly.

    Args:
        objective: Its networks are asked.
        batch: Masked, (B, ...) each.
        seed: Of what the generator draws; the same one draws alike each time.

    Returns:
        What the objective's `forward` does.
    """
    with noise_key(step_key(seed, tf.constant(0), 0)):
        return objective.forward(batch, training=False)


def trace_tokens(
    batch: Batch, outputs: Batch, vocabulary: Vocabulary
) -> list[list[SampleToken]]:
    """Puts together what the networks saw and said of each row's real tokens.

    Args:
        batch: Masked, (B, ...) each; a row of padding alone is left out.
        outputs: Of `run_quietly` on it.
        vocabulary: Of the data.
    """
    batch = {name: value.numpy() for name, value in batch.items()}
    columns = _columns(batch, outputs, vocabulary)
    samples: list[list[SampleToken]] = []
    for row, tokens in enumerate(batch["padding_mask"].sum(axis=1)):
        if tokens:
            rows = {name: c[row, :tokens].tolist() for name, c in columns.items()}
            places = zip(*rows.values(), strict=True)
            samples.append(
                [SampleToken(**dict(zip(rows, v, strict=True))) for v in places]
            )
    return samples


def _columns(
    batch: dict[str, np.ndarray], outputs: Batch, vocabulary: Vocabulary
) -> dict[str, np.ndarray]:
    """What there is to show of each token: (B, S) by attribute of `SampleToken`."""
    entries = np.array(vocabulary.entries, object)
    used = batch["mask_weights"] > 0
    places = (np.nonzero(used)[0], batch["mask_positions"][used])
    is_masked = np.zeros(batch["token_ids"].shape, bool)
    is_masked[places] = True
    columns = {
        "original": entries[batch["token_ids"]],
        "masked": entries[batch["masked_token_ids"]],
        "is_masked": is_masked,
    }
    if "corrupted_token_ids" in outputs:
        columns["corrupted"] = entries[outputs["corrupted_token_ids"].numpy()]
    if "replaced_logits" in outputs:
        probabilities = tf.sigmoid(outputs["replaced_logits"])
        columns["replaced_probability"] = probabilities.numpy()
    if "guessed_ids" in outputs:
        columns["guess"] = np.full(is_masked.shape, None, object)
        columns["guess"][places] = entries[outputs["guessed_ids"].numpy()[used]]
    return columns


def samples_markdown(samples: list[list[SampleToken]]) -> str:
    """Formats samples: the text, then a table of the masked tokens.

    A column stands for what the objective gives: samples of a generator, the
    discriminator's judgement, the main network's guess.
    """
    parts = []
    for number, sample in enumerate(samples, 1):
        parts.append(f"### Sample {number}\n")
        text = join_pieces([escape_markup(token.original) for token in sample])
        parts.append(text + "\n")
        masked = [_cells(token) for token in sample if token.is_masked]
        if masked:
            parts.append(f"| {' | '.join(masked[0])} |")
            parts.append("|---" * len(masked[0]) + "|")
        parts += [f"| {' | '.join(cells.values())} |" for cells in masked]
        parts.append(f"\n{' '.join(_summaries(sample))}\n")
    return "\n".join(parts)


def _cells(token: SampleToken) -> dict[str, str]:
    """A masked token's line in the table, by column."""
    cells = {
        "original": escape_markup(token.original),
        "masked": escape_markup(token.masked),
    }
    if token.corrupted is not None:
        cells["sampled"] = escape_markup(token.corrupted)
    if token.replaced_probability is not None:
        same = token.original == token.corrupted
        cells["truth"] = "original" if same else "replaced"
        cells["discriminator says"] = f"{token.replaced_probability:.0%} replaced"
    if token.guess is not None:
        cells["guess"] = escape_markup(token.guess)
    return cells


def _summaries(sample: list[SampleToken]) -> list[str]:
    """Says what a table of the masked tokens leaves out."""
    lines = []
    others = [
        token.replaced_probability
        for token in sample
        if token.replaced_probability is not None and token.original == token.corrupted
    ]
    if sample[0].replaced_probability is not None:
        mean = sum(others) / max(1, len(others))
        lines.append(f"Mean over the {len(others)} original tokens: {mean:.0%}.")
    guesses = [token for token in sample if token.guess is not None]
    if guesses:
        right = sum(token.guess == token.original for token in guesses)
        lines.append(f"Guessed right: {right} of {len(guesses)} masked tokens.")
    return lines


def escape_markup(token: str) -> str:
    """Writes a token so that Markdown shows it as it is.

    Entities and no backslashes: those do not keep a bar from ending a table's
    cell everywhere. `##` and special tokens mean nothing there and stay readable.
    """
    if token in SPECIAL_TOKENS:
        return token
    prefix = "##" if token.startswith("##") and len(token) > 2 else ""
    rest = token.removeprefix(prefix)
    return prefix + _MARKUP.sub(lambda found: f"&#{ord(found[0])};", rest)


def join_pieces(pieces: list[str]) -> str:
    """Joins word pieces to readable text."""
    text = ""
    for piece in pieces:
        text += piece.removeprefix("##") if piece.startswith("##") else " " + piece
    return text.strip()
