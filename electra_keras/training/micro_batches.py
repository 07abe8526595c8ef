"""A batch in, the sum of its parts' gradients out: gradient accumulation.

Used by `pretrainer.py`. The parts are worked through one after the other in a
loop of the graph, so that only one part's activations are in memory and the
graph does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from electra_keras.objectives.shared.objective import Batch
from electra_keras.training.optimizer import densify


def sum_over_parts(
    learn: Callable[[Batch, tf.Tensor | int], list[Any]],
    batch: Batch,
    parts: int,
    variables: Sequence[keras.Variable],
) -> list[Any]:
    """Cuts a batch and sums up gradients.

    Args:
        learn: From a part and its number, integer (), to the gradient of each
            variable, or None for one that gets none.
        batch: (B, ...) each; B is static and a multiple of `parts`.
        parts: 1 leaves the batch as it is.
        variables: What the gradients are of.

    Returns:
        The gradient of each variable, dense if there are several parts.
    """
    if parts == 1:
        return learn(batch, 0)
    cut = {name: _cut(value, parts) for name, value in batch.items()}
    zeros = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
    has_gradient = [True] * len(zeros)

    def add_part(index: tf.Tensor, sums: list[tf.Tensor]):
        part = {name: tf.gather(value, index) for name, value in cut.items()}
        gradients = learn(part, index)
        has_gradient[:] = [gradient is not None for gradient in gradients]
        return index + 1, [
            total if gradient is None else total + densify(gradient)
            for total, gradient in zip(sums, gradients, strict=True)
        ]

    _, sums = tf.while_loop(
        lambda index, sums: index < parts,
        add_part,
        (tf.constant(0), zeros),
        parallel_iterations=1,
        maximum_iterations=parts,
    )
    return [
        total if is_given else None
        for total, is_given in zip(sums, has_gradient, strict=True)
    ]


def _cut(values: tf.Tensor, parts: int) -> tf.Tensor:
    rows, *shape = values.shape
    return tf.reshape(values, [parts, rows // parts, *shape])
