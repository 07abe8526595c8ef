"""python -m pytest tests/test_exported.py"""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.serving.exported import load_exported


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no SavedModel in .* number belongs to it"):
        load_exported(tmp_path)


def test_models_that_tell_no_replaced_tokens_are_refused(tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    with pytest.raises(UsageError, match=r"answers \[\]; expected also .*token_ends"):
        load_exported(tmp_path / "other")
