"""NaN and infinity: which tensor it is.

Used by `watchdog.py`, which stops the run before such weights are saved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras
import tensorflow as tf

_GRADIENT = "gradient_norm"


def find_not_finite_values(logs: Mapping[str, float]) -> list[str]:
    """Names the losses, then the gradients' norm, that are NaN or infinite.

    Args:
        logs: Metrics by name; others than these are not looked at.
    """
    losses = sorted(
        (name for name in logs if name == "loss" or name.endswith("_loss")),
        key=lambda name: name == "loss",  # Its parts say more.
    )
    names = [*losses, *([_GRADIENT] if _GRADIENT in logs else [])]
    return [f"{n} is {logs[n]}" for n in names if not math.isfinite(logs[n])]


def find_not_finite_variables(networks: Mapping[str, keras.Model]) -> list[str]:
    """Names the weights that hold a NaN or an infinity, each once, by path."""
    variables = {
        variable.path: tf.convert_to_tensor(variable.value)
        for network in networks.values()
        for variable in network.variables
    }
    floats = {
        path: value for path, value in variables.items() if value.dtype.is_floating
    }
    # One number for all: only where it is wrong are they looked at one by one.
    if math.isfinite(float(tf.linalg.global_norm(list(floats.values())))):
        return []
    return [
        path
        for path, value in floats.items()
        if not bool(tf.reduce_all(tf.math.is_finite(value)))
    ]


def describe_not_finite(values: list[str], variables: list[str], in_all: int) -> str:
    """Says it in one line: the first tensor, then what else there is.

    Args:
        values: Of `find_not_finite_values`.
        variables: Of `find_not_finite_variables`.
        in_all: Variables that there are.
    """
    if not values:
        others = len(variables) - 1
        more = f", and {others} more of {in_all} variables" if others else ""
        return f"variable {variables[0]} is not finite{more}"
    text = ", ".join(values)
    if len(variables) == in_all:  # The update has spread it.
        return f"{text}; and so are all {in_all} variables"
    if variables:
        text += (
            f"; {len(variables)} of {in_all} variables are not finite, such as "
            f"{variables[0]}"
        )
    return text
