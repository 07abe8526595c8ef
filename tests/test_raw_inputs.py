"""python -m pytest tests/test_raw_inputs.py"""

from __future__ import annotations

import pytest

from electra_keras.errors import UsageError
from electra_keras.finetuning.raw_inputs import check_texts


def test_each_row_has_the_texts_of_the_task() -> None:
    check_texts([("a", "b"), ("c", "d")], ["question", "context"])
    check_texts([], ["text"])
    with pytest.raises(UsageError, match="1 text a row; expected question and context"):
        check_texts([("a", "b"), ("c",)], ["question", "context"])
    with pytest.raises(UsageError, match="2 texts a row; expected text"):
        check_texts([("a", "b")], ["text"])
