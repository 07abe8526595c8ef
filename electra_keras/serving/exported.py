"""An export read back: `DIR/<version>/` to a SavedModel that can be asked.

Used by `prediction.py` and `demo/answers.py`. Needs none of the project's networks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the ops of the SavedModel.

from electra_keras.errors import UsageError

_NEEDED = {"token_starts", "token_ends", "replaced_probability"}


def load_exported(folder: str | Path) -> Any:
    """Loads a version that tells replaced tokens.

    Args:
        folder: Such as `models/reviews/1`.

    Returns:
        The SavedModel; its `signatures` use its variables, so keep it.

    Raises:
        UsageError: It is no SavedModel of ours, or it was trained to predict
            tokens and tells no replaced ones.
    """
    folder = Path(folder)
    if not (folder / "saved_model.pb").is_file():
        raise UsageError(
            f"no SavedModel in {folder}",
            expected="a version folder written by electra_keras.export, such as "
            "models/reviews/1",
            fix="Check the path; the version number belongs to it.",
        )
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures.get("serving_default")
    received = set(signature.structured_outputs) if signature else set()
    if not received >= _NEEDED:
        raise UsageError(
            f"serving_default of {folder} answers {sorted(received)}",
            expected=f"also {sorted(_NEEDED - received)}, which models that were "
            "trained to predict tokens do not tell",
            fix="Export a discriminator, such as train.objective=electra gives, "
            "with this version of electra_keras.export.",
        )
    return loaded
