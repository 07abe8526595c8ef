"""Networks built without their weights: names and shapes, and no memory.

Used where a configuration is to be known and not run: `planning/`,
`interchange/`, which reads the weights from a checkpoint one at a time, and
`training/tpu_step.py`, which looks at the graph of a step.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

# What a SavedModel's variables are until they are read; TensorFlow has no public
# way to a variable without a value.
from tensorflow.python.ops.resource_variable_ops import UninitializedVariable


def build_weightless(
    build: Callable[[], dict[str, keras.Model]],
) -> dict[str, keras.Model]:
    """Builds networks whose variables have paths and shapes, but no values.

    Args:
        build: Makes the networks, and no other variables.

    Raises:
        Exception: What `build` raises.
    """
    built: dict[str, keras.Model] = {}
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with keras.StatelessScope(initialize_variables=False):
                built.update(build())
        except BaseException as error:  # Raised again in the caller's thread.
            failures.append(error)

    # In a stateless scope Keras puts weights off and keeps a list of them to make
    # later. The list is a thread's own: it ends with this one.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return built


def unfilled_variables() -> contextlib.AbstractContextManager[None]:
    """Gives variables that are created inside a handle and a shape, but no value.

    Unlike networks of `build_weightless` they can be traced by `tf.function`, with
    the optimizer's and the metrics'. Nothing that reads them can be run. Variables
    that are given a value and no initializer, such as counters, keep it.
    """
    return tf.variable_creator_scope(_create_unfilled)


def _create_unfilled(
    create: Callable[..., tf.Variable],
    initial_value: Any = None,
    dtype: Any = None,
    **settings: Any,
) -> tf.Variable:
    if not callable(initial_value):
        return create(initial_value=initial_value, dtype=dtype, **settings)
    with tf.Graph().as_default():  # Where nothing is computed.
        value = tf.convert_to_tensor(initial_value(), dtype)
    kept = ("trainable", "name", "aggregation", "synchronization")
    return UninitializedVariable(
        shape=value.shape, dtype=value.dtype, **{key: settings[key] for key in kept}
    )
