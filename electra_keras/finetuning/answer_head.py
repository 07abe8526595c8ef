"""The head that finds answers: a start, its end, and whether there is any.

Feeds `tasks/question_answering.py`; `heads.py` holds the head of other kinds.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.finetuning.tasks.task_kind import Batch
from electra_keras.models.exact_gradients import gelu
from electra_keras.models.initializers import child_seed, glorot_uniform
from electra_keras.models.layers import glorot_dense

HIDDEN_UNITS = 512
# Starts of a window whose ends are looked at.
BEST_STARTS = 20
# Log probability of what can not be; finite, so that no product with 0 is NaN.
IMPOSSIBLE = -1e9


class AnswerHead(keras.layers.Layer):
    """Scores starts of answers, and ends given a start.

    An answer is a part of the context; [CLS] stands for none in this window. The
    question, the last [SEP] and padding can not be chosen.

    Ends are scored by gelu([start; end] W + b) w, of the hidden states of both
    tokens. The two halves of the product go out, and w beside them, so that
    `score_ends` needs no more than these outputs: training scores the ends of the
    right start, prediction those of the best ones. w has no bias, which would
    change no probability.

    Args:
        has_no_answer: Whether it also says that there is none.
        seed: Of the initial weights.

    Call arguments:
        hidden_states: float (B, S, H), the last ones.
        padding_mask: int32 (B, S), 1 for real tokens.
        segment_ids: int32 (B, S), 1 from the context on.

    Returns: By name
        `answer_mask` int32 (B, S), 1 for the context and [CLS];
        `start_logits` float32 (B, S), `IMPOSSIBLE` where the mask is 0;
        `start_states`, `end_states` float (B, S, 512) and `end_weights`
        float (B, 512), the same in every row, for `score_ends`;
        with `has_no_answer`: `no_answer_logits` float32 (B,), higher where there
        is none.

    Source: google-research/electra `finetune/qa/qa_tasks.py:386-494`, with
        `joint_prediction` and `answerable_uses_start_logits`; no dropout there.
    """

    def __init__(self, *, has_no_answer: bool, seed: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.has_no_answer = has_no_answer
        self.seed = child_seed(seed, "task_head")
        self.start = glorot_dense(1, self.seed, "start")
        self.end_hidden = glorot_dense(HIDDEN_UNITS, self.seed, "end_hidden")
        if has_no_answer:
            self.no_answer_hidden = glorot_dense(
                HIDDEN_UNITS, self.seed, "no_answer_hidden"
            )
            self.no_answer = glorot_dense(1, self.seed, "no_answer")

    def build(
        self, hidden_states_shape, padding_mask_shape=None, segment_ids_shape=None
    ):
        hidden_dim = hidden_states_shape[-1]
        self.start.build((None, hidden_dim))
        self.end_hidden.build((None, 2 * hidden_dim))
        self.end_kernel = self.add_weight(
            name="end_kernel",
            shape=(HIDDEN_UNITS, 1),
            initializer=glorot_uniform(self.seed, "end"),
        )
        if self.has_no_answer:
            self.no_answer_hidden.build((None, 2 * hidden_dim))
            self.no_answer.build((None, HIDDEN_UNITS))

    def call(self, hidden_states, padding_mask, segment_ids):
        rows, length = tf.unstack(tf.shape(hidden_states)[:2])
        hidden_dim = hidden_states.shape[-1]
        flat = tf.reshape(hidden_states, [-1, hidden_dim])
        mask = find_answer_mask(padding_mask, segment_ids)
        starts = tf.cast(tf.reshape(self.start(flat), [rows, length]), tf.float32)
        start_logits = tf.where(mask > 0, starts, IMPOSSIBLE)
        kernel, bias, end_kernel = map(
            tf.convert_to_tensor,
            (self.end_hidden.kernel, self.end_hidden.bias, self.end_kernel),
        )
        of_start = tf.matmul(flat, kernel[:hidden_dim])
        of_end = tf.matmul(flat, kernel[hidden_dim:]) + bias
        shape = [rows, length, HIDDEN_UNITS]
        outputs = {
            "answer_mask": mask,
            "start_logits": start_logits,
            "start_states": tf.reshape(of_start, shape),
            "end_states": tf.reshape(of_end, shape),
            "end_weights": tf.tile(end_kernel[tf.newaxis, :, 0], [rows, 1]),
        }
        if self.has_no_answer:
            # What is read at the places where an answer may start.
            shares = tf.cast(tf.nn.softmax(start_logits), hidden_states.dtype)
            read = tf.einsum("bs,bsh->bh", shares, hidden_states)
            both = tf.concat([hidden_states[:, 0], read], axis=-1)
            logits = self.no_answer(gelu(self.no_answer_hidden(both)))
            outputs["no_answer_logits"] = tf.cast(logits[:, 0], tf.float32)
        return outputs


def find_answer_mask(padding_mask: tf.Tensor, segment_ids: tf.Tensor) -> tf.Tensor:
    """Marks tokens of the context, and [CLS].

    Args:
        padding_mask: int32 (B, S).
        segment_ids: int32 (B, S).

    Returns: int32 (B, S). The last real token is [SEP].
    """
    followed = tf.pad(padding_mask[:, 1:], [[0, 0], [0, 1]])
    context = padding_mask * followed * segment_ids
    is_first = tf.equal(tf.range(tf.shape(context)[1]), 0)
    return tf.where(is_first, tf.ones_like(context), context)


def score_ends(outputs: Batch, starts: tf.Tensor) -> tf.Tensor:
    """Scores every token as the end of an answer.

    Args:
        outputs: Of an `AnswerHead`.
        starts: int32 (B,), the token with which it starts.

    Returns: Logits float32 (B, S), `IMPOSSIBLE` where the mask is 0.
    """
    chosen = tf.gather(outputs["start_states"], starts, batch_dims=1)
    hidden = gelu(outputs["end_states"] + chosen[:, tf.newaxis])
    logits = tf.einsum("bsu,bu->bs", hidden, outputs["end_weights"])
    possible = outputs["answer_mask"] > 0
    return tf.where(possible, tf.cast(logits, tf.float32), IMPOSSIBLE)


def find_spans(
    outputs: Batch, may_start: tf.Tensor, max_answer_tokens: int
) -> dict[str, tf.Tensor]:
    """Finds the best end of each of the best starts.

    Args:
        outputs: Of an `AnswerHead`.
        may_start: int32 (B, S), 1 where an answer may start; in the context only.
        max_answer_tokens: Longer answers are not looked at.

    Returns: `starts` and `ends` int32 (B, K), first and last tokens, and `scores`
        float32 (B, K), log probabilities of both; below half of `IMPOSSIBLE` there
        is no such answer. K is 20, or S if that is less.
    """
    length = tf.shape(may_start)[1]
    of_starts = tf.nn.log_softmax(outputs["start_logits"])
    of_starts = tf.where(may_start > 0, of_starts, IMPOSSIBLE)
    start_scores, starts = tf.math.top_k(of_starts, tf.minimum(BEST_STARTS, length))
    places = tf.range(length)[tf.newaxis]

    # One after the other: of all, hidden states would be (B, K, S, 512).
    def find_end(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        first = start[:, tf.newaxis]
        allowed = (places >= first) & (places < first + max_answer_tokens)
        scores = tf.nn.log_softmax(score_ends(outputs, start))
        scores = tf.where(allowed, scores, IMPOSSIBLE)
        ends = tf.argmax(scores, axis=1, output_type=tf.int32)
        return ends, tf.reduce_max(scores, axis=1)

    ends, end_scores = tf.map_fn(
        find_end,
        tf.transpose(starts),
        fn_output_signature=(tf.int32, tf.float32),
        parallel_iterations=1,
    )
    return {
        "starts": starts,
        "ends": tf.transpose(ends),
        "scores": start_scores + tf.transpose(end_scores),
    }
