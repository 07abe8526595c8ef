"""Where training runs: one device, or all local devices in step.

Reads `TrainConfig.strategy`, feeds `run.py`.
"""

from __future__ import annotations

import tensorflow as tf

from electra_keras.config import TrainConfig
from electra_keras.errors import UsageError


def make_strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """Makes the strategy and checks that the batch splits evenly.

    Raises:
        UsageError: `global_batch_size` is no multiple of the replicas and the
            parts in which each works through its share.
    """
    if config.strategy == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        strategy = tf.distribute.MirroredStrategy(devices)
    else:
        strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    parts = replicas * config.micro_batches
    if config.global_batch_size % parts:
        raise UsageError(
            f"train.global_batch_size {config.global_batch_size} on {replicas} "
            f"replicas, each in {config.micro_batches} parts",
            expected=f"a multiple of {parts}",
            fix="Change the batch size, or train.micro_batches.",
        )
    return strategy
