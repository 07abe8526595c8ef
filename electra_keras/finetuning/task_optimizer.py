"""The optimizer of a task: AdamW whose layers near the text learn slower.

Reads a network of `task_network.py`, feeds `trial.py`.
"""

from __future__ import annotations

import re

import keras

from electra_keras.config import TrainConfig
from electra_keras.training.optimizer import ElectraAdamW, make_optimizer

_BLOCK = re.compile(r"(?:^|/)block_(\d+)/")


def find_layer_rates(
    network: keras.Model, num_layers: int, decay_rate: float, *, compat: str = "none"
) -> dict[str, float]:
    """Finds what the learning rate of each variable is multiplied by.

    The head learns at 1, the last block at `decay_rate`, the block before it at
    its square and so on; embeddings and their projection come below the first
    block.

    Args:
        network: Of a task.
        num_layers: Blocks of its encoder.
        decay_rate: Above 0, up to 1.
        compat: "google": all but the head one power more. There a head lies two
            layers above the last block.

    Returns: Factors by the path of the variable.

    Source: google-research/electra `model/optimization.py:156-176`.
    """
    extra = 1 if compat == "google" else 0
    rates = {}
    for variable in network.trainable_variables:
        path = variable.path
        block = _BLOCK.search(path)
        if block is not None:
            rates[path] = decay_rate ** (num_layers - int(block.group(1)) + extra)
        elif path.startswith("task_head"):
            rates[path] = 1.0
        else:
            rates[path] = decay_rate ** (num_layers + 1 + extra)
    return rates


def make_task_optimizer(
    model: keras.Model, train: TrainConfig, rates: dict[str, float]
) -> ElectraAdamW:
    """Makes and builds the optimizer of a task.

    Args:
        model: Built; biases and LayerNorm are not decayed.
        train: Rates, warm-up and steps; a short run keeps its whole warm-up.
        rates: From `find_layer_rates`.
    """
    optimizer = make_optimizer(
        train, model, warmup_steps=train.warmup_steps, name="task_adam_w"
    )
    optimizer.variable_rates = rates
    return optimizer
