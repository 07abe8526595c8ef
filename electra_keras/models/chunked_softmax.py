"""Log-probabilities of given tokens, without logits of a whole batch in memory.

Reads states and a token table, feeds `heads.py`. All real tokens times a
vocabulary are gigabytes: ELECTRA-Small's batch of 128 x 128 tokens has 0.5
billion logits. They are made a chunk of tokens at a time, and again when the
gradient is due.
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
    count = tf.shape(states)[0]
    most = max(1, chunk_logits // table.shape[0])
    # Chunks of nearly one size, so that little is added to fill the last one.
    chunks = tf.maximum(1, (count + most - 1) // most)
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


@tf.custom_gradient
def _ask_chunks(states, table, bias, token_ids):
    """`token_log_probabilities` of chunks: (C, N / C, ...) in and out."""

    def ask(chunk):
        hidden, ids = chunk
        logits = _logits(hidden, table, bias)
        total = tf.reduce_logsumexp(logits, axis=-1)
        asked = tf.gather(logits, ids, batch_dims=1) - total[:, tf.newaxis]
        best_ids = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return asked, best_ids, tf.reduce_max(logits, axis=-1) - total, total

    asked, best_ids, best, totals = tf.map_fn(
        ask,
        (states, token_ids),
        fn_output_signature=(tf.float32, tf.int32, tf.float32, tf.float32),
        parallel_iterations=1,  # Of more, each would hold its logits.
    )
    # The shape is lost on the way through the loop.
    asked = tf.ensure_shape(asked, [None, None, token_ids.shape[2]])

    def gradient(upstream, *of_the_best):
        of_states, of_table, of_bias = _gradients(
            (states, table, bias, token_ids), totals, upstream
        )
        return of_states, of_table, of_bias, None

    return (asked, best_ids, best), gradient


def _gradients(inputs, totals, upstream):
    """Gradients of states, table and bias: sums over the chunks.

    A log-probability's gradient by the logits is one at the token, less the
    softmax everywhere.
    """
    states, table, bias, token_ids = inputs
    chunks, asked = tf.shape(states)[0], token_ids.shape[2]

    def add_chunk(chunk, of_states, of_table, of_bias):
        hidden, ids, weights = states[chunk], token_ids[chunk], upstream[chunk]
        logits = _logits(hidden, table, bias)
        softmax = tf.exp(logits - totals[chunk][:, tf.newaxis])
        rows = tf.repeat(tf.range(tf.shape(ids)[0]), asked)
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
            of_states.write(chunk, of_hidden),
            of_table + tf.cast(added, tf.float32),
            of_bias + tf.reduce_sum(of_logits, axis=0),
        )

    start = (
        0,
        tf.TensorArray(states.dtype, size=chunks, element_shape=[None, table.shape[1]]),
        tf.zeros(table.shape),
        tf.zeros(bias.shape),
    )
    _, of_states, of_table, of_bias = tf.while_loop(
        lambda chunk, *sums: chunk < chunks, add_chunk, start, parallel_iterations=1
    )
    return of_states.stack(), tf.cast(of_table, table.dtype), of_bias


def _logits(hidden, table, bias):
    logits = tf.matmul(hidden, table, transpose_b=True)
    return tf.cast(logits, tf.float32) + bias
