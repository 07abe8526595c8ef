"""The settings of a task as those of a run: steps, windows, optimizer.

Reads `TaskConfig` and the number of batches, feeds `trial.py`.
"""

from __future__ import annotations

import math

from electra_keras.config import ExperimentConfig, TrainConfig
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.model_config import ModelConfig

_LONGEST_WINDOW_STEPS = 100


def make_run_config(
    config: TaskConfig, model: ModelConfig, batches: int, seed: int
) -> ExperimentConfig:
    """Makes the configuration that training reads.

    An epoch is rounded up to whole windows of the curves, of at most 100 steps:
    by less than 1%, and by nothing up to 100 batches.

    Args:
        config: Of the task, its epochs filled in.
        model: Sizes of the network.
        batches: Of an epoch.
        seed: Of the trial.
    """
    training = config.training
    if training.epochs is None:
        raise ValueError("training.epochs is open")
    windows = math.ceil(batches / _LONGEST_WINDOW_STEPS)
    window_steps = math.ceil(batches / windows)
    epoch_steps = windows * window_steps
    train_steps = math.ceil(training.epochs * epoch_steps / window_steps) * window_steps
    train = TrainConfig(
        train_steps=train_steps,
        global_batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        warmup_steps=min(round(training.warmup_rate * train_steps), train_steps - 1),
        weight_decay_rate=training.weight_decay_rate,
        seed=seed,
        compat=training.compat,
        strategy=training.strategy,
        precision=training.precision,
        log_every_steps=window_steps,
        evaluate_every_steps=epoch_steps,
        checkpoint_every_steps=epoch_steps,
        kept_checkpoints=1,
    )
    return ExperimentConfig(model=model, train=train)
