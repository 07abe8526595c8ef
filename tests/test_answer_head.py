"""python -m pytest tests/test_answer_head.py"""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.finetuning.answer_head import (
    IMPOSSIBLE,
    AnswerHead,
    find_answer_mask,
    find_spans,
    score_ends,
)

# [CLS] question [SEP] a b c [SEP], and a shorter row with padding.
PADDING_MASK = tf.constant([[1] * 7, [1, 1, 1, 1, 1, 0, 0]])
SEGMENT_IDS = tf.constant([[0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0]])
ANSWER_MASK = [[1, 0, 0, 1, 1, 1, 0], [1, 0, 0, 1, 0, 0, 0]]


def exact_gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def make_outputs(length: int, **values: object) -> dict[str, tf.Tensor]:
    """Outputs of a head of one unit, for one row."""
    outputs = {
        "answer_mask": tf.ones((1, length), tf.int32),
        "start_logits": tf.zeros((1, length)),
        "start_states": tf.zeros((1, length, 1)),
        "end_states": tf.zeros((1, length, 1)),
        "end_weights": tf.ones((1, 1)),
    }
    return outputs | {name: tf.constant(value) for name, value in values.items()}


def test_question_last_separator_and_padding_are_no_answers() -> None:
    assert find_answer_mask(PADDING_MASK, SEGMENT_IDS).numpy().tolist() == ANSWER_MASK
    # A context without tokens, and a row that only fills up.
    empty = find_answer_mask(
        tf.constant([[1, 1, 1, 1], [1, 0, 0, 0]]),
        tf.constant([[0, 0, 0, 1], [0, 0, 0, 0]]),
    )
    assert empty.numpy().tolist() == [[1, 0, 0, 0], [1, 0, 0, 0]]


def test_ends_are_scored_as_of_both_states_joined() -> None:
    head = AnswerHead(has_no_answer=True, seed=7)
    states = np.random.default_rng(1).normal(size=(2, 7, 8)).astype(np.float32)
    outputs = head(tf.constant(states), PADDING_MASK, SEGMENT_IDS)
    names = {v.path.split("/", 1)[1]: v.numpy() for v in head.weights}
    assert {name: value.shape for name, value in names.items()} == {
        "start/kernel": (8, 1),
        "start/bias": (1,),
        "end_hidden/kernel": (16, 512),
        "end_hidden/bias": (512,),
        "end_kernel": (512, 1),
        "no_answer_hidden/kernel": (16, 512),
        "no_answer_hidden/bias": (512,),
        "no_answer/kernel": (512, 1),
        "no_answer/bias": (1,),
    }
    mask = np.array(ANSWER_MASK, bool)
    logits = np.where(mask, (states @ names["start/kernel"])[:, :, 0], -1e9)
    np.testing.assert_allclose(outputs["start_logits"], logits, rtol=1e-5, atol=1e-6)
    starts = np.array([4, 3])
    chosen = np.repeat(states[[0, 1], starts][:, None], 7, axis=1)
    both = np.concatenate([chosen, states], axis=-1)
    ends = exact_gelu(both @ names["end_hidden/kernel"]) @ names["end_kernel"]
    ends = np.where(mask, ends[:, :, 0], -1e9)
    scored = score_ends(outputs, tf.constant(starts, tf.int32))
    np.testing.assert_allclose(scored, ends, rtol=1e-4, atol=1e-5)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    read = np.concatenate([states[:, 0], (shares[:, :, None] * states).sum(1)], -1)
    doubts = exact_gelu(read @ names["no_answer_hidden/kernel"])
    doubts = (doubts @ names["no_answer/kernel"])[:, 0]
    np.testing.assert_allclose(outputs["no_answer_logits"], doubts, rtol=1e-4)


def test_without_unanswerable_questions_nothing_says_that_there_is_no_answer() -> None:
    head = AnswerHead(has_no_answer=False, seed=7)
    outputs = head(tf.zeros((2, 7, 8)), PADDING_MASK, SEGMENT_IDS)
    assert "no_answer_logits" not in outputs
    assert len(head.weights) == 5
    # The same seed gives the same start, whatever else the head has.
    other = AnswerHead(has_no_answer=True, seed=7)
    other(tf.zeros((2, 7, 8)), PADDING_MASK, SEGMENT_IDS)
    np.testing.assert_array_equal(head.start.kernel, other.start.kernel)


def test_the_best_end_is_of_its_start() -> None:
    # gelu(x) is x where x is large, 0 where it is very negative.
    outputs = make_outputs(
        4,
        start_logits=[[0.0, 3.0, 2.0, 1.0]],
        start_states=[[[0.0], [0.0], [-80.0], [0.0]]],
        end_states=[[[0.0], [20.0], [40.0], [60.0]]],
    )
    found = find_spans(outputs, tf.constant([[0, 1, 1, 0]]), 2)
    starts = -np.log(np.exp([0.0, 3.0, 2.0, 1.0]).sum()) + np.array([3.0, 2.0])
    assert found["starts"].numpy()[0, :2].tolist() == [1, 2]
    # From 1 the end is 2, since 3 would be longer than 2 tokens; from 2 all
    # ends are alike, and the first one counts.
    assert found["ends"].numpy()[0, :2].tolist() == [2, 2]
    ends = np.array([40.0 - 60.0, -np.log(4.0)])
    np.testing.assert_allclose(found["scores"][0, :2], starts + ends, rtol=1e-5)
    assert (found["scores"].numpy()[0, 2:] < IMPOSSIBLE / 2).all()


def test_long_windows_have_twenty_starts() -> None:
    falling = np.arange(50, 0, -1, np.float32)[np.newaxis]
    outputs = make_outputs(50, start_logits=falling)
    found = find_spans(outputs, tf.ones((1, 50), tf.int32), 1)
    assert found["starts"].numpy().tolist() == [list(range(20))]
    assert found["ends"].numpy().tolist() == [list(range(20))]
    assert found["starts"].dtype == found["ends"].dtype == tf.int32


def test_half_precision_scores_are_float32() -> None:
    head = AnswerHead(has_no_answer=True, seed=7, dtype="mixed_bfloat16")
    states = np.random.default_rng(1).normal(size=(2, 7, 8)).astype(np.float32)
    outputs = head(tf.constant(states), PADDING_MASK, SEGMENT_IDS)
    exact = AnswerHead(has_no_answer=True, seed=7)
    expected = exact(tf.constant(states), PADDING_MASK, SEGMENT_IDS)
    assert outputs["start_logits"].dtype == tf.float32
    assert outputs["no_answer_logits"].dtype == tf.float32
    starts = tf.constant([3, 3])
    assert score_ends(outputs, starts).dtype == tf.float32
    assert score_ends(outputs, starts).numpy()[0, 3:6] == pytest.approx(
        score_ends(expected, starts).numpy()[0, 3:6], abs=0.05
    )
