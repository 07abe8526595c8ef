"""python -m pytest tests/test_resumable_fit.py; test_trial.py stops and resumes."""

from __future__ import annotations

from pathlib import Path

from electra_keras.finetuning.resumable_fit import Patience
from electra_keras.training.history import History


def test_patience_counts_evaluations_without_a_better_one(tmp_path: Path) -> None:
    history = History(tmp_path)
    patience = Patience(tmp_path, 2)
    assert not patience.is_exhausted()
    for step, score in enumerate((0.5, 0.7, 0.6)):
        history.append("validation", step, {"task_score": score})
        assert not patience.is_exhausted()
    history.append("validation", 3, {"task_score": 0.7})
    assert patience.is_exhausted()
    assert not Patience(tmp_path, 0).is_exhausted()
