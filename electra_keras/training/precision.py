"""In which number format networks are built: float32, or mixed with bfloat16.

Reads `TrainConfig.precision`, used by `run.py`. What is exported or evaluated later
is built anew in float32.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@contextlib.contextmanager
def dtype_policy(precision: str) -> Iterator[None]:
    """Sets Keras' policy for the layers that are made inside.

    Args:
        precision: "float32" or "bfloat16".
    """
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)
