"""python -m pytest tests/test_workers.py; two workers: tests/test_data_parallel.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.training.workers import Workers


def test_one_worker_hears_itself(tmp_path: Path) -> None:
    workers = Workers(tf.distribute.get_strategy())
    assert workers.gather(3) == [3]
    workers.check_same_step(3, tmp_path)


def test_other_steps_of_others_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = Workers(tf.distribute.get_strategy())
    monkeypatch.setattr(workers, "gather", lambda step: [step, 7.0, step])
    with pytest.raises(UsageError, match="from steps 5 and 7; expected one run folder"):
        workers.check_same_step(5, tmp_path)
