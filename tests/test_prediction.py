"""python -m pytest tests/test_prediction.py"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.prediction import make_predict_function, predict_examples
from electra_keras.finetuning.task_loading import load_task
from electra_keras.finetuning.task_network import build_task_network
from electra_keras.finetuning.tasks.classification import Classification


def test_outputs_come_back_in_the_order_of_the_examples(tiny_model) -> None:
    # Eight labels, and batches of eight tokens.
    values = list("abcdefgh")
    state = {"values": values, "names": values, "weights": [1.0] * 8}
    config = load_task(None, ("encoding.sequence_length=16",))
    kind = Classification(config, state)
    network = build_task_network(tiny_model, kind, seed=1)
    examples = [
        {
            "token_ids": np.array([2, *range(6, 6 + words), 3], np.int32),
            "segment_ids": np.zeros(words + 2, np.int32),
            "label_ids": np.int32(words),
        }
        for words in (7, 1, 3, 2, 5)
    ]
    maker = BatchMaker(examples, kind.features, 2, 16)
    outputs, loss = predict_examples(make_predict_function(network, kind), maker)
    losses = []
    for example, output in zip(examples, outputs, strict=True):
        assert {*output} == {"logits"}  # Hidden states stay in the graph.
        alone = network(
            {
                "token_ids": example["token_ids"][np.newaxis],
                "segment_ids": example["segment_ids"][np.newaxis],
                "padding_mask": np.ones((1, len(example["token_ids"])), np.int32),
            }
        )["logits"]
        np.testing.assert_allclose(output["logits"], alone[0], atol=1e-5)
        losses.append(
            tf.nn.sparse_softmax_cross_entropy_with_logits(
                example["label_ids"], alone[0]
            )
        )
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
