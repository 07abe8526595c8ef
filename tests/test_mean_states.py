"""python -m pytest tests/test_mean_states.py"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from electra_keras.config import ModelConfig
from electra_keras.finetuning import mean_states
from electra_keras.finetuning.encoding import EncodedRow
from electra_keras.finetuning.mean_states import MeanStates
from electra_keras.models.networks import build_networks
from electra_keras.training.precision import dtype_policy


def make_row(*token_ids: int) -> EncodedRow:
    ids = np.array(token_ids, np.int32)
    return EncodedRow(ids, np.zeros_like(ids), np.ones_like(ids))


ROWS = [make_row(2, 9, 3), make_row(2, 7, 8, 30, 11, 3), make_row(2, 3), make_row(2)]


@pytest.fixture(scope="module")
def network(tiny_model: ModelConfig) -> keras.Model:
    return build_networks(tiny_model, seed=3)[1]


def test_a_text_is_the_mean_over_tokens_and_layers(network: keras.Model) -> None:
    means = MeanStates(network)(ROWS)
    assert means.shape == (4, 32) and means.dtype == np.float32
    encoder = network.get_layer("discriminator_encoder")
    for row, mean in zip(ROWS, means, strict=True):
        # Alone, without padding.
        inputs = {
            "token_ids": row.token_ids[np.newaxis],
            "segment_ids": row.segment_ids[np.newaxis],
            "padding_mask": row.padding_mask[np.newaxis],
        }
        embedded = network.get_layer("embeddings")(
            inputs["token_ids"], inputs["segment_ids"]
        )
        layers = [encoder.projection(embedded)]
        for block in encoder.blocks:
            flat = keras.ops.reshape(layers[-1], (-1, 32))
            bias = encoder.attention_bias(inputs["padding_mask"])
            layers.append(keras.ops.reshape(block(flat, bias), layers[-1].shape))
        last = network(inputs, training=False)["hidden_states"]
        assert layers[-1].numpy() == pytest.approx(last.numpy(), abs=1e-5)
        expected = np.mean([layer.numpy()[0].mean(axis=0) for layer in layers], axis=0)
        assert mean == pytest.approx(expected, abs=1e-5)


def test_a_mixed_precision_network_says_nearly_the_same(
    tiny_model: ModelConfig, network: keras.Model
) -> None:
    with dtype_policy("bfloat16"):
        mixed = build_networks(tiny_model, seed=3)[1]
    means = MeanStates(mixed)(ROWS)
    assert means.dtype == np.float32
    assert means == pytest.approx(MeanStates(network)(ROWS), abs=0.02)


def test_what_the_network_learns_is_seen(tiny_model: ModelConfig) -> None:
    network = build_networks(tiny_model, seed=3)[1]
    states = MeanStates(network)
    before = states(ROWS)
    assert np.array_equal(states(ROWS), before)
    encoder = network.get_layer("discriminator_encoder")
    encoder.projection.kernel.assign(encoder.projection.kernel * 2.0)
    assert np.abs(states(ROWS) - before).max() > 0.01


def test_rows_of_similar_length_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mean_states, "_BATCH_TOKENS", 12)
    batches = mean_states._split_by_length([6, 2, 7, 2, 13, 3, 6])
    assert [batch.tolist() for batch in batches] == [[1, 3, 5], [0, 6], [2], [4]]
    assert mean_states._split_by_length([]) == []
