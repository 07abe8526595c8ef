"""Where training runs: one device, all local ones in step, several machines, TPUs.

Reads `TrainConfig.strategy`, feeds `run.py`. What is computed does not depend on it:
only the number of replicas is asked, by `pretrainer.py`, to cut a batch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import tensorflow as tf

from electra_keras.config import TrainConfig
from electra_keras.data.dataset import BatchShare
from electra_keras.errors import UsageError

_TF_CONFIG = "TF_CONFIG"
_TF_CONFIG_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_TPU_NAME = "TPU_NAME"


def make_strategy(config: TrainConfig) -> tf.distribute.Strategy:
    """Makes the strategy and checks that the batch splits evenly.

    Of several machines it must be made before TensorFlow runs anything.

    Raises:
        UsageError: There is no such device, TF_CONFIG is missing or wrong, or
            `global_batch_size` is no multiple of the replicas and the parts in
            which each works through its share.
    """
    strategy = _MAKERS[config.strategy]()
    check_split(config, strategy.num_replicas_in_sync)
    return strategy


def check_split(config: TrainConfig, replicas: int) -> None:
    """Checks that the batch splits evenly.

    Raises:
        UsageError: `global_batch_size` is no multiple of the replicas and the
            parts in which each works through its share.
    """
    parts = replicas * config.micro_batches
    if config.global_batch_size % parts:
        raise UsageError(
            f"train.global_batch_size {config.global_batch_size} on {replicas} "
            f"replicas, each in {config.micro_batches} parts",
            expected=f"a multiple of {parts}",
            fix="Change the batch size, or train.micro_batches.",
        )


def _make_mirrored() -> tf.distribute.Strategy:
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(devices)


def _make_multi_worker() -> tf.distribute.Strategy:
    text = os.environ.get(_TF_CONFIG, "")
    try:
        found = json.loads(text)
        workers, task = found["cluster"]["worker"], found["task"]
        address = workers[task["index"]]
        if task["type"] != "worker" or not isinstance(address, str):
            raise ValueError(task["type"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise UsageError(
            f"{_TF_CONFIG}={text or 'nothing'}",
            expected="the addresses of all workers and which of them this one is",
            fix=f"Set it on each, such as {_TF_CONFIG}='{_TF_CONFIG_EXAMPLE}'.",
        ) from error
    return tf.distribute.MultiWorkerMirroredStrategy()


def _make_tpu() -> tf.distribute.Strategy:
    name = os.environ.get(_TPU_NAME, "local")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise UsageError(
            f"train.strategy tpu, and no TPU named {name!r} ({error})",
            expected="a TPU, and a TensorFlow that was built for it",
            fix=f"Set {_TPU_NAME} to its name or address, or choose another strategy.",
        ) from error


_MAKERS: dict[str, Callable[[], tf.distribute.Strategy]] = {
    "none": tf.distribute.get_strategy,
    "mirrored": _make_mirrored,
    "multi_worker": _make_multi_worker,
    "tpu": _make_tpu,
}


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Tells whether this process is the one that writes: the first worker."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_id


def distribute(
    strategy: tf.distribute.Strategy,
    make_dataset: Callable[[BatchShare], tf.data.Dataset],
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Gives each worker its share of every batch, and each replica its own.

    TensorFlow's own way would read the whole batch on every worker, and mask it.
    """

    def make(context: tf.distribute.InputContext) -> tf.data.Dataset:
        pipelines = context.num_input_pipelines
        return make_dataset(
            BatchShare(
                context.input_pipeline_id,
                pipelines,
                context.num_replicas_in_sync // pipelines,
            )
        )

    return strategy.distribute_datasets_from_function(make)
