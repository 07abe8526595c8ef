"""python -m pytest tests/test_shared_blocks.py"""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.models.encoder import Encoder
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.models.shared_blocks import BlockMode, shared_blocks

B, S, H = 2, 5, 8
MODES = [
    BlockMode(jit_compile=compiled, recompute=recompute)
    for compiled in (False, True)
    for recompute in (False, True)
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    encoder = Encoder(
        H, 3, 2, 16, embedding_dim=H, dropout_rate=0.2, attention_dropout_rate=0.2
    )
    encoder.build((None, None, H))
    for place, variable in enumerate(encoder.variables):
        noise = tf.random.stateless_normal(variable.shape, [place, 1]) * 0.3
        variable.assign(noise + (1.0 if variable.name == "gamma" else 0.0))
    return encoder


def run(
    encoder: Encoder, mode: BlockMode | None, *, training: bool = True
) -> list[np.ndarray]:
    """Hidden states, and the gradients of input and weights."""

    @tf.function(autograph=False)
    def step(embeddings):
        padding_mask = tf.constant([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
        with tf.GradientTape() as tape, noise_key(step_key(1, tf.constant(3))):
            tape.watch(embeddings)
            if mode is None:
                states = encoder(embeddings, padding_mask, training=training)
            else:
                with shared_blocks(mode):
                    states = encoder(embeddings, padding_mask, training=training)
            loss = tf.reduce_sum(states**2 * tf.range(1.0, H + 1.0))
        weights = [v.value for v in encoder.trainable_variables]
        return states, *tape.gradient(loss, [embeddings, *weights])

    values = step(tf.random.stateless_normal([B, S, H], [1, 2]))
    return [value.numpy() for value in values]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_shared_blocks_give_what_layers_give(
    encoder: Encoder, mode: BlockMode, training: bool
) -> None:
    expected = run(encoder, None, training=training)
    received = run(encoder, mode, training=training)
    assert len(received) == len(expected) == 2 + 3 * 12
    for one, other in zip(received, expected, strict=True):
        assert np.abs(other).max() > 1e-4
        assert one == pytest.approx(other, rel=1e-4, abs=1e-4)


def test_blocks_draw_other_noise_though_they_share_a_function(encoder: Encoder) -> None:
    assert len({tuple(block.draw_ids) for block in encoder.blocks}) == 3
    dropped = run(encoder, BlockMode())[0]
    assert not np.allclose(dropped, run(encoder, BlockMode(), training=False)[0])


def nodes(encoder: Encoder, mode: BlockMode) -> int:
    """Nodes of the graph and its functions."""

    @tf.function(autograph=False)
    def call(embeddings):
        with shared_blocks(mode), noise_key(step_key(1, tf.constant(3))):
            return encoder(embeddings, tf.ones([B, S], tf.int32), training=True)

    graph = call.get_concrete_function(tf.TensorSpec([B, S, H])).graph.as_graph_def()
    functions = graph.library.function
    return len(graph.node) + sum(len(function.node_def) for function in functions)


def test_a_block_is_traced_once_however_many_there_are() -> None:
    sizes = {"embedding_dim": H, "dropout_rate": 0.2, "attention_dropout_rate": 0.2}
    few, many = (Encoder(H, count, 2, 16, **sizes) for count in (2, 8))
    for encoder in (few, many):
        encoder.build((None, None, H))
    # Twelve weights are read, and the function called with a number for noise.
    assert nodes(many, BlockMode()) - nodes(few, BlockMode()) < 6 * 30


def test_frozen_blocks_are_shared_too(encoder: Encoder) -> None:
    expected = run(encoder, None)[:2]
    encoder.trainable = False
    try:
        received = run(encoder, BlockMode())
    finally:
        encoder.trainable = True
    assert len(received) == 2
    for one, other in zip(received, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-4)


def test_mixed_precision_keeps_weights_of_layer_norm_in_float32() -> None:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = Encoder(
            *(H, 2, 2, 16),
            embedding_dim=H,
            dropout_rate=0.0,
            attention_dropout_rate=0.0,
        )
        encoder.build((None, None, H))
    finally:
        keras.config.set_dtype_policy(policy)
    for variable in encoder.variables:
        if variable.name == "gamma":
            # Rounded to bfloat16 it would be 1.
            variable.assign(tf.fill(variable.shape, 1.0 + 2.0**-10))
    plain, shared = (run(encoder, mode)[0] for mode in (None, BlockMode()))
    assert plain == pytest.approx(shared, abs=1e-6)
    assert plain.dtype == np.float32
    # After the last LayerNorm, a row's sum of squares is H x gamma squared.
    squares = (plain.astype(np.float64) ** 2).sum(-1)
    assert squares == pytest.approx(H * (1.0 + 2.0**-10) ** 2, rel=1e-4)
