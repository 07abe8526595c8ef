"""Networks built without their weights: names and shapes, and no memory.

Used where a configuration is to be known and not run: `planning/`, and
`interchange/`, which reads the weights from a checkpoint one at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import keras


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
