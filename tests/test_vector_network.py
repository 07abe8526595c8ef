"""python -m pytest tests/test_vector_network.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from tasks_fixtures import example

from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.encoding import EncodedRow
from electra_keras.finetuning.mean_states import MeanStates
from electra_keras.finetuning.retrieval.vector_network import (
    UnitMean,
    build_vector_network,
    find_vectors,
    make_vector_function,
)
from electra_keras.finetuning.task_network import fill_encoder
from electra_keras.interchange.sources import open_pretrained


def test_unit_mean_is_over_layers_and_real_tokens() -> None:
    layers = [
        tf.constant([[[1.0, 0.0], [2.0, 1.0], [50.0, 50.0]]]),
        tf.constant([[[0.0, 1.0], [0.0, 2.0], [50.0, 50.0]]]),
    ]
    vector = UnitMean()(layers, tf.constant([[1, 1, 0]]))
    # The sums are 3 and 4.
    np.testing.assert_allclose(vector, [[0.6, 0.8]], rtol=1e-6)


def test_vectors_are_the_means_of_the_pre_trained_network(run_folder: Path) -> None:
    source = open_pretrained(run_folder)
    network = build_vector_network(source.model, seed=1)
    fill_encoder(network, source)
    examples = [example(length, group_ids=0) for length in (5, 2, 9, 3, 3)]
    maker = BatchMaker(examples, {"group_ids": None}, 2, 16)
    found = find_vectors(make_vector_function(network), maker)
    rows = [
        EncodedRow(e["token_ids"], e["segment_ids"], np.ones_like(e["token_ids"]))
        for e in examples
    ]
    means = MeanStates(_Layers(network))(rows)
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(found[0] - found[2]).max() > 0.01


class _Layers:
    """A network by its layers, which is all that `MeanStates` asks for."""

    def __init__(self, network) -> None:
        self.get_layer = network.get_layer
