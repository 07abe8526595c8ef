"""Distributions in TensorBoard: what the discriminator says, and some weights.

Shown by `held_out.py`, under `discriminator/` and `weights/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import keras
import tensorflow as tf

from electra_keras.objectives.shared.objective import Batch, Objective

# Of larger tables as many values, evenly apart, tell the same.
_MOST_VALUES = 20_000
_BLOCK = re.compile(r"(.*encoder)/block_(\d+)/(query_key_value|output)/kernel")
_OTHERS = re.compile(r"embeddings/token_embeddings|\w+_head/transform/kernel")


class HistogramBoard:
    """Shows probabilities, and weights of the first and the last blocks."""

    def show(self, objective: Objective, batch: Batch, outputs: Batch) -> None:
        """Writes a histogram each."""
        for name, values in split_probabilities(batch, outputs).items():
            tf.summary.histogram(f"discriminator/{name}", values)
        for variable in choose_weights(objective.networks):
            tf.summary.histogram(f"weights/{variable.path}", thin_out(variable.value))


def split_probabilities(batch: Batch, outputs: Batch) -> dict[str, tf.Tensor]:
    """The probabilities of "replaced", for original and for replaced tokens.

    Args:
        batch: Masked; `padding_mask` int32 (B, S).
        outputs: Of the objective; `replaced_logits`, `is_replaced` (B, S).

    Returns:
        float32 (N,) each; nothing where there is no discriminator, and no entry
        where there is no such token.
    """
    if "replaced_logits" not in outputs or "is_replaced" not in outputs:
        return {}
    probabilities = tf.sigmoid(outputs["replaced_logits"])
    is_real = tf.cast(batch["padding_mask"], tf.bool)
    is_replaced = tf.cast(outputs["is_replaced"], tf.bool)
    found = {
        "probability_of_original": probabilities[is_real & ~is_replaced],
        "probability_of_replaced": probabilities[is_real & is_replaced],
    }
    return {name: values for name, values in found.items() if values.shape[0]}


def choose_weights(networks: dict[str, keras.Model]) -> Iterator[keras.Variable]:
    """Chooses what to look at: token table, first and last blocks, heads."""
    variables = {
        variable.path: variable
        for network in networks.values()
        for variable in network.variables
    }
    last: dict[str, int] = {}
    for path in variables:
        if found := _BLOCK.fullmatch(path):
            last[found[1]] = max(int(found[2]), last.get(found[1], 0))
    for path, variable in variables.items():
        block = _BLOCK.fullmatch(path)
        is_end = block is not None and int(block[2]) in (0, last[block[1]])
        if is_end or _OTHERS.fullmatch(path):
            yield variable


def thin_out(values: tf.Tensor) -> tf.Tensor:
    """Takes values evenly apart: float (N,), at most 20,000."""
    flat = tf.reshape(tf.convert_to_tensor(values), [-1])
    return flat[:: -(-flat.shape[0] // _MOST_VALUES)]
