"""Steps cut into windows, which are what Keras calls epochs.

Reads `TrainConfig`, feeds `run.py`. The metrics of a window are one point of
the curves.
"""

from __future__ import annotations

from electra_keras.config import ExperimentConfig


def split_windows(
    start_step: int, config: ExperimentConfig
) -> list[tuple[int, int, int]]:
    """Splits what is left into (first step, steps, window) for `fit`.

    A window is `log_every_steps` long and is what Keras calls an epoch. The
    last one may be shorter and then is a call of its own. So is the first one of a
    run that was stopped in the middle of a window: it ends where it would have.
    """
    total = config.train.train_steps
    window = min(config.train.log_every_steps, total)
    windows = []
    if start_step % window:
        rest = min(window - start_step % window, total - start_step)
        if rest > 0:
            windows.append((start_step, rest, rest))
        start_step += rest
    whole = (total - start_step) // window * window
    if whole > 0:
        windows.append((start_step, whole, window))
    if start_step + whole < total:
        rest = total - start_step - whole
        windows.append((start_step + whole, rest, rest))
    return windows


def evaluation_epochs(
    first: int, steps: int, window: int, config: ExperimentConfig
) -> list[int]:
    """Which of Keras' epochs (counted from 1) end with an evaluation."""
    every = config.train.evaluate_every_steps
    epochs = []
    for index in range(steps // window):
        end = first + (index + 1) * window
        if is_due(end, every, config) or end == config.train.train_steps:
            epochs.append(first // window + index + 1)
    return epochs


def is_due(step: int, every: int, config: ExperimentConfig) -> bool:
    """Whether something is due at the end of a window, wherever the run began.

    Args:
        step: Optimizer steps done, at the end of a window.
        every: Optimizer steps between two of it.
        config: Says how long windows are.
    """
    window = config.train.log_every_steps
    begin = (step - 1) // window * window
    return step // every > begin // every
