"""Log-probabilities of given tokens, without logits of a whole batch in memory.

Reads states and a token table, feeds `heads.py`. All real tokens times a
vocabulary are gigabytes: ELECTRA-Small's batch of 128 x 128 tokens has 0.5
billion logits. They are made a chunk of tokens at a time, and again when the
gradient is due. Answers are written into tensors of a known size: what
`tf.map_fn` and `tf.TensorArray` make, lists of tensors, is not for a TPU.
"""

from __future__ import annotations

import tensorflow as tf

# 64 MiB of float32 logits. The gradient holds about four such blocks.
CHUNK_LOGITS = 2**24


def token_log_probabilities(
    states: tf.Tensor,
    table: tf.Tensor,
    bias: tf.Tensor,
    token_ids: tf.Tensor,
    *,
    chunk_logits: int = CHUNK_LOGITS,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Asks softmax(states x table^T + bias) for some tokens and for its best.

    Args:
        states: float (N, E).
        table: float (V, E), the states' dtype.
        bias: float32 (V,).
        token_ids: int32 (N, K). What is asked for, per state.
        chunk_logits: At most so many logits at a time, but at least a state's.

    Returns:
        log_probabilities float32 (N, K), nats; best_ids int32 (N,);
        best_log_probabilities float32 (N,). The first has a gradient.
    """
    count = states.shape[0]
    if count is None:
        count = tf.shape(states)[0]
    most = max(1, chunk_logits // table.shape[0])
    # Chunks of nearly one size, so that little is added to fill the last one.
    chunks = _at_least_one((count + most - 1) // most)
    size = (count + chunks - 1) // chunks
    padding = [[0, chunks * size - count], [0, 0]]
    answers = _ask_chunks(
        tf.reshape(tf.pad(states, padding), [chunks, size, states.shape[1]]),
        table,
        bias,
        tf.reshape(tf.pad(token_ids, padding), [chunks, size, token_ids.shape[1]]),
    )
    asked, best_ids, best = (
        tf.reshape(answer, [chunks * size, *answer.shape[2:]])[:count]
        for answer in answers
    )
    return asked, tf.stop_gradient(best_ids), tf.stop_gradient(best)


def _at_least_one(count: tf.Tensor | int) -> tf.Tensor | int:
    return max(1, count) if isinstance(count, int) else tf.maximum(1, count)


@tf.custom_gradient
def _ask_chunks(states, table, bias, token_ids):
    """`token_log_probabilities` of chunks: (C, N / C, ...) in and out."""
    chunks, size, asked = _sizes(token_ids)

    def ask(chunk, *answers):
        logits = _logits(states[chunk], table, bias)
        total = tf.reduce_logsumexp(logits, axis=-1)
        found = (
            tf.gather(logits, token_ids[chunk], batch_dims=1) - total[:, tf.newaxis],
            tf.argmax(logits, axis=-1, output_type=tf.int32),
            tf.reduce_max(logits, axis=-1) - total,
            total,
        )
        return chunk + 1, *map(_write, answers, [chunk] * len(found), found)

    start = (
        0,
        tf.zeros([chunks, size, asked]),
        tf.zeros([chunks, size], tf.int32),
        tf.zeros([chunks, size]),
        tf.zeros([chunks, size]),
    )
    _, asked_for, best_ids, best, totals = _for_each_chunk(chunks, ask, start)

    def gradient(upstream, *of_the_best):
        of_states, of_table, of_bias = _gradients(
            (states, table, bias, token_ids), totals, upstream
        )
        return of_states, of_table, of_bias, None

    return (asked_for, best_ids, best), gradient


def _gradients(inputs, totals, upstream):
    """Gradients of states, table and bias: sums over the chunks.

    A log-probability's gradient by the logits is one at the token, less the
    softmax everywhere.
    """
    states, table, bias, token_ids = inputs
    chunks, size, asked = _sizes(token_ids)

    def add_chunk(chunk, of_states, of_table, of_bias):
        hidden, ids, weights = states[chunk], token_ids[chunk], upstream[chunk]
        logits = _logits(hidden, table, bias)
        softmax = tf.exp(logits - totals[chunk][:, tf.newaxis])
        rows = tf.repeat(tf.range(size), asked)
        of_logits = tf.tensor_scatter_nd_add(
            -softmax * tf.reduce_sum(weights, axis=-1, keepdims=True),
            tf.stack([rows, tf.reshape(ids, [-1])], axis=-1),
            tf.reshape(weights, [-1]),
        )
        narrow = tf.cast(of_logits, hidden.dtype)
        of_hidden = tf.matmul(narrow, table)
        added = tf.matmul(narrow, hidden, transpose_a=True)
        return (
            chunk + 1,
            _write(of_states, chunk, of_hidden),
            of_table + tf.cast(added, tf.float32),
            of_bias + tf.reduce_sum(of_logits, axis=0),
        )

    start = (
        0,
        tf.zeros([chunks, size, table.shape[1]], states.dtype),
        tf.zeros(table.shape),
        tf.zeros(bias.shape),
    )
    _, of_states, of_table, of_bias = _for_each_chunk(chunks, add_chunk, start)
    return of_states, tf.cast(of_table, table.dtype), of_bias


def _for_each_chunk(chunks, body, start):
    """Runs the body with 0 to C - 1 as its first argument, one after the other."""
    return tf.while_loop(
        lambda chunk, *rest: chunk < chunks,
        body,
        start,
        parallel_iterations=1,  # Of more, each would hold its logits.
    )


def _write(values, chunk, new):
    """Puts one chunk, (N / C, ...), in its place in (C, N / C, ...)."""
    return tf.tensor_scatter_nd_update(values, [[chunk]], new[tf.newaxis])


def _sizes(values):
    """The three sizes of a tensor, static where they are known."""
    shape = tf.shape(values)
    return [
        shape[axis] if size is None else size for axis, size in enumerate(values.shape)
    ]


def _logits(hidden, table, bias):
    logits = tf.matmul(hidden, table, transpose_b=True)
    return tf.cast(logits, tf.float32) + bias
