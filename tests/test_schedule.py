"""python -m pytest tests/test_schedule.py"""

from __future__ import annotations

import pytest

from electra_keras.finetuning.schedule import make_run_config
from electra_keras.finetuning.task_loading import load_task
from electra_keras.model_config import ModelConfig


@pytest.mark.parametrize(
    ("batches", "epochs", "window", "epoch", "total"),
    [
        (32, 3, 32, 32, 96),
        (100, 1, 100, 100, 100),
        (157, 3, 79, 158, 474),
        (3125, 2, 98, 3136, 6272),
        (3125, 0.5, 98, 3136, 1568),
        (1, 3, 1, 1, 3),
    ],
)
def test_epochs_are_whole_windows(
    batches: int, epochs: float, window: int, epoch: int, total: int
) -> None:
    config = load_task(overrides=[f"training.epochs={epochs}"])
    train = make_run_config(config, ModelConfig(), batches, 7).train
    assert train.log_every_steps == window
    assert train.evaluate_every_steps == train.checkpoint_every_steps == epoch
    assert train.train_steps == total
    assert train.seed == 7


def test_the_whole_warm_up_is_kept() -> None:
    config = load_task(overrides=["training.warmup_rate=0.5", "training.epochs=1"])
    assert make_run_config(config, ModelConfig(), 40, 0).train.warmup_steps == 20
    google = load_task(overrides=["training.compat=google"])
    train = make_run_config(google, ModelConfig(), 40, 0).train
    assert train.overlapped_warmup and not train.adam_bias_correction
