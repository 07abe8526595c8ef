"""python -m pytest tests/test_chunked_softmax.py"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.models import chunked_softmax
from electra_keras.models.chunked_softmax import token_log_probabilities

N, E, V, K = 37, 8, 50, 2
choose = np.random.default_rng(0)
STATES, TABLE, BIAS, WEIGHTS = (
    tf.constant(choose.normal(size=shape), tf.float32)
    for shape in ((N, E), (V, E), (V,), (N, K))
)
TOKEN_IDS = tf.constant(choose.integers(0, V, (N, K)), tf.int32)
# All at once; 6 tokens each, the last chunk filled up; one by one.
CHUNKS = (10**6, 300, 1)

Ask = Callable[..., tuple[tf.Tensor, tf.Tensor, tf.Tensor]]


def ask_all_at_once(states, table, bias, token_ids):
    """The same without chunks."""
    log_softmax = tf.nn.log_softmax(tf.matmul(states, table, transpose_b=True) + bias)
    return (
        tf.gather(log_softmax, token_ids, batch_dims=1),
        tf.argmax(log_softmax, axis=-1, output_type=tf.int32),
        tf.reduce_max(log_softmax, axis=-1),
    )


def answers_and_gradients(ask: Ask) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        tape.watch((STATES, TABLE, BIAS))
        answers = ask(STATES, TABLE, BIAS, TOKEN_IDS)
        total = tf.reduce_sum(answers[0] * WEIGHTS)
    gradients = tape.gradient(total, (STATES, TABLE, BIAS))
    return [*answers, *gradients]


@pytest.fixture(scope="module")
def expected() -> list[np.ndarray]:
    return [value.numpy() for value in answers_and_gradients(ask_all_at_once)]


@pytest.mark.parametrize("chunk_logits", CHUNKS)
def test_chunks_change_neither_answers_nor_gradients(
    chunk_logits: int, expected: list[np.ndarray]
) -> None:
    def ask(*inputs):
        return token_log_probabilities(*inputs, chunk_logits=chunk_logits)

    received = answers_and_gradients(ask)
    for mine, theirs in zip(received, expected, strict=True):
        assert mine.shape == theirs.shape
        assert mine.numpy() == pytest.approx(theirs, abs=3e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs_give_the_same(jit_compile: bool, expected: list[np.ndarray]) -> None:
    @tf.function(jit_compile=jit_compile)
    def run():
        return answers_and_gradients(
            lambda *inputs: token_log_probabilities(*inputs, chunk_logits=300)
        )

    for mine, theirs in zip(run(), expected, strict=True):
        assert mine.numpy() == pytest.approx(theirs, abs=3e-6)


def test_no_more_logits_than_a_chunk_are_made_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []
    logits_of = chunked_softmax._logits

    def note_size(*inputs):
        logits = logits_of(*inputs)
        sizes.append(tf.size(logits).numpy())
        return logits

    monkeypatch.setattr(chunked_softmax, "_logits", note_size)
    answers_and_gradients(
        lambda *inputs: token_log_probabilities(*inputs, chunk_logits=300)
    )
    # 37 tokens in 7 chunks of 6, once forward and once for the gradient.
    assert sizes == [6 * V] * 14


def test_the_best_have_no_gradient() -> None:
    with tf.GradientTape() as tape:
        tape.watch(STATES)
        _, _, best = token_log_probabilities(STATES, TABLE, BIAS, TOKEN_IDS)
        total = tf.reduce_sum(best)
    assert tape.gradient(total, STATES) is None


def test_large_logits_stay_finite() -> None:
    answers = answers_and_gradients(
        lambda states, *rest: token_log_probabilities(states * 1e4, *rest)
    )
    for value in answers:
        assert np.isfinite(value.numpy()).all()


def test_half_precision_stays_in_its_dtype(expected: list[np.ndarray]) -> None:
    with tf.GradientTape() as tape:
        states, table = tf.cast(STATES, tf.bfloat16), tf.cast(TABLE, tf.bfloat16)
        tape.watch((states, table, BIAS))
        answer, _, best = token_log_probabilities(states, table, BIAS, TOKEN_IDS)
        total = tf.reduce_sum(answer * WEIGHTS)
    gradients = tape.gradient(total, (states, table, BIAS))
    assert answer.dtype == best.dtype == tf.float32
    assert [value.dtype for value in gradients] == ["bfloat16", "bfloat16", "float32"]
    wanted = (expected[0], *expected[3:])
    for mine, theirs in zip((answer, *gradients), wanted, strict=True):
        mine = tf.cast(mine, tf.float32).numpy()
        assert np.abs(mine - theirs).max() < 0.05 * np.abs(theirs).max()
