"""Examples through the network of a task, in batches of rows of similar length.

Reads `batches.py`, feeds `tuner.py` and `tuned_model.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.task_network import INPUTS
from electra_keras.finetuning.tasks.task_kind import Batch, Outputs, TaskKind
from electra_keras.models.shared_blocks import BlockMode, shared_blocks

PredictFn = Callable[[Batch], tuple[Batch, tf.Tensor, tf.Tensor]]


def make_predict_function(network: keras.Model, kind: TaskKind) -> PredictFn:
    """Makes a graph: a batch to its outputs, the sum of its loss and its count.

    Outputs are those that `kind.reduce` makes.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def predict(batch: Batch) -> tuple[Batch, tf.Tensor, tf.Tensor]:
        with shared_blocks(BlockMode(False)):
            outputs = network({n: batch[n] for n in INPUTS}, training=False)
        kept = kind.reduce(batch, outputs)
        return kept, kind.loss(batch, outputs), kind.count(batch)

    return predict


def predict_examples(
    predict: PredictFn, maker: BatchMaker
) -> tuple[list[Outputs], float]:
    """Asks the network about every example.

    Args:
        predict: From `make_predict_function`.
        maker: Of the examples.

    Returns: Outputs of each example in their order, those of tokens padded as the
        batch was; and the mean loss.
    """
    found: list[Outputs] = [{} for _ in maker.examples]
    total, count = 0.0, 0.0
    for places in maker.sorted_order():
        batch = maker.make(places)
        outputs, loss, items = predict({n: tf.constant(v) for n, v in batch.items()})
        total, count = total + float(loss), count + float(items)
        arrays = {name: value.numpy() for name, value in outputs.items()}
        for row, place in enumerate(places):
            found[place] = {name: array[row] for name, array in arrays.items()}
    return found, total / max(count, 1.0)
