"""python -m pytest tests/test_two_tower.py"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig
from electra_keras.models.networks import build_embeddings
from electra_keras.models.two_tower import build_two_tower_generator

# Five real tokens and two of padding; dense: blocks of three and two.
ROW = {
    "token_ids": [[2, 7, 8, 9, 3, 0, 0]],
    "segment_ids": [[0, 0, 0, 1, 1, 0, 0]],
    "padding_mask": [[1, 1, 1, 1, 1, 0, 0]],
    "mask_positions": [[0, 1, 2, 3, 4, 5, 6]],
}
BLOCK_IDS = [[1, 1, 1, 2, 2, 0, 0]]


@pytest.fixture(scope="module")
def generator(tiny_model: ModelConfig) -> keras.Model:
    return build_two_tower_generator(tiny_model, build_embeddings(tiny_model))


def ask(generator: keras.Model, rows: dict[str, Any]) -> dict[str, np.ndarray]:
    inputs = {name: tf.constant(value) for name, value in rows.items()}
    return {k: v.numpy() for k, v in generator(inputs, training=False).items()}


def reached(generator: keras.Model, rows: dict[str, Any], place: int) -> list[int]:
    """Which positions notice another token (and segment) at a place."""
    other = {name: np.array(value) for name, value in rows.items()}
    other["token_ids"][0, place] = 11
    other["segment_ids"][0, place] ^= 1
    before, after = ask(generator, rows), ask(generator, other)
    is_other = (before["hidden_states"] != after["hidden_states"]).any(axis=2)[0]
    logits = (before["mask_logits"] != after["mask_logits"]).any(axis=2)[0]
    assert np.array_equal(is_other, logits)
    return np.nonzero(is_other)[0].tolist()


def test_a_token_is_predicted_from_all_others_and_never_from_itself(
    generator: keras.Model,
) -> None:
    for place in range(5):
        others = [t for t in range(5) if t != place]
        assert reached(generator, ROW, place) == others
    for place in (5, 6):  # Padding.
        assert not set(reached(generator, ROW, place)) & set(range(5))


def test_blocks_of_dense_rows_know_nothing_of_each_other(
    generator: keras.Model,
) -> None:
    rows = {**ROW, "block_ids": BLOCK_IDS}
    for block in ([0, 1, 2], [3, 4]):
        for place in block:
            # Padding, too, is a block, whose states are used for nothing.
            others = [t for t in block if t != place]
            assert reached(generator, rows, place) == others


def test_there_is_nothing_beyond_the_ends(generator: keras.Model) -> None:
    half = generator.output["hidden_states"].shape[-1] // 2
    for rows, starts, ends in (
        (ROW, {0, 5, 6}, {4, 5, 6}),
        ({**ROW, "block_ids": BLOCK_IDS}, {0, 3, 5, 6}, {2, 4, 5, 6}),
    ):
        states = ask(generator, rows)["hidden_states"][0]
        for side, empty in ((states[:, :half], starts), (states[:, half:], ends)):
            assert set(np.nonzero(~side.any(axis=1))[0].tolist()) == empty


def test_what_comes_before_is_what_a_row_that_ends_there_knows(
    generator: keras.Model,
) -> None:
    """The one-way masks are right in every layer, and positions stay in place."""
    half = generator.output["hidden_states"].shape[-1] // 2
    whole = ask(generator, ROW)["hidden_states"][0, :, :half]
    for tokens in range(1, 5):
        row = {name: np.array(value)[:, : tokens + 1] for name, value in ROW.items()}
        row["padding_mask"][0, tokens] = 1
        row["token_ids"][0, tokens] = 12  # What is predicted may be anything.
        states = ask(generator, row)["hidden_states"][0, tokens, :half]
        assert states == pytest.approx(whole[tokens], abs=1e-6)


def test_head_gives_the_probabilities_of_the_logits(generator: keras.Model) -> None:
    said = ask(generator, ROW)
    asked = tf.constant(ROW["token_ids"])[:, :, tf.newaxis]
    head = generator.get_layer("masked_lm_head")
    log_q = head.log_probabilities(tf.constant(said["hidden_states"]), asked)[0]
    log_softmax = tf.nn.log_softmax(said["mask_logits"]).numpy()
    expected = np.take_along_axis(log_softmax, asked.numpy(), axis=2)
    assert log_q.numpy() == pytest.approx(expected, abs=1e-5)


def test_towers_have_the_generators_sizes_and_names(generator: keras.Model) -> None:
    shapes = {v.path: tuple(v.shape) for v in generator.variables}
    towers = {path.split("/")[0] for path in shapes} - {"embeddings"}
    assert towers == {
        "generator_left_to_right_encoder",
        "generator_right_to_left_encoder",
        "masked_lm_head",
    }
    for tower in ("left_to_right", "right_to_left"):
        kernel = f"generator_{tower}_encoder/block_0/query_key_value/kernel"
        assert shapes[kernel] == (24, 72)
    assert shapes["masked_lm_head/transform/kernel"] == (48, 16)
    first, second = (
        v.numpy() for v in generator.variables if "query_key_value/kernel" in v.path
    )
    assert not np.array_equal(first, second)
