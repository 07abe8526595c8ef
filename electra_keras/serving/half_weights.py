"""A network whose weights are kept in bfloat16, and cast where they are used.

Wraps a trained network for `signatures.py`, when `export.py` is asked for a
version of half the size. All that is computed is float32.
"""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import tensorflow as tf


class HalfWeights:
    """The network, reading from rounded copies of its variables.

    Args:
        network: From `models/networks.py`, float32, built. It is left alone.

    Attributes:
        output: Outputs of the network, by name.
        variables: The copies, of the same paths, bfloat16: 8 bits of mantissa.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self.output = network.output
        self.variables = [_round(variable) for variable in network.variables]

    def __call__(self, inputs: dict[str, tf.Tensor], training: bool = False) -> Any:
        """Calls the network with the copies, cast to float32."""
        state = [
            (variable, tf.cast(half.value, tf.float32))
            for variable, half in zip(
                self._network.variables, self.variables, strict=True
            )
        ]
        with keras.StatelessScope(state_mapping=state):
            return self._network(inputs, training=training)


def _round(variable: keras.Variable) -> keras.Variable:
    """A rounded copy of the same path, by which a version's files name it."""
    *scopes, name = variable.path.split("/")
    with contextlib.ExitStack() as stack:
        for scope in scopes:
            stack.enter_context(keras.name_scope(scope))
        return keras.Variable(
            variable.value, dtype="bfloat16", trainable=False, name=name
        )
