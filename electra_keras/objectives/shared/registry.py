"""The name of an objective in, its class out.

Used by `training/run.py`. Every file of `objectives/` is an objective, so adding
one means adding a file.
"""

from __future__ import annotations

import importlib
import pkgutil

from electra_keras import objectives
from electra_keras.errors import UsageError
from electra_keras.objectives.shared.objective import Objective


def objective_names() -> list[str]:
    """Lists what `train.objective` can be."""
    modules = pkgutil.iter_modules(objectives.__path__)
    return sorted(module.name for module in modules if not module.ispkg)


def find_objective(name: str) -> type[Objective]:
    """Returns the class that a file of `objectives/` defines.

    Raises:
        UsageError: There is no such file.
    """
    if name not in objective_names():
        raise UsageError(
            f"train.objective {name!r}",
            expected=f"one of {', '.join(objective_names())}",
            fix="Choose one of these.",
        )
    module = importlib.import_module(f"{objectives.__name__}.{name}")
    (found,) = (
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Objective)
        and kind.__module__ == module.__name__
    )
    return found
