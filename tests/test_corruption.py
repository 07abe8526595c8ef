"""python -m pytest tests/test_corruption.py"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.objectives.shared.corruption import corrupt_tokens, sample_tokens

LARGEST_NOISE = 1.0 - 2.0**-23


def even_noise(count: int) -> np.ndarray:
    """Noise that covers [0, 1) evenly: draws become exact shares."""
    return ((np.arange(count) + 0.5) / count).astype(np.float32)[np.newaxis, :]


def sample(logits: list[float], noise: np.ndarray, **settings) -> np.ndarray:
    wide = tf.constant(logits, tf.float32) + tf.zeros([*noise.shape, 1])
    return sample_tokens(wide, tf.constant(noise), **settings).numpy()


def shares(ids: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(ids.ravel(), minlength=size) / ids.size


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_shares_are_the_softmax_at_that_temperature(temperature: float) -> None:
    logits = [0.0, 1.0, -2.0, 3.0, 0.5]
    scaled = np.exp(np.array(logits) / temperature)
    expected = scaled / scaled.sum()
    ids = sample(logits, even_noise(20_000), temperature=temperature)
    assert shares(ids, 5) == pytest.approx(expected, abs=1e-4)


def test_random_draws_follow_the_softmax() -> None:
    logits = np.linspace(-2.0, 2.0, 20)
    noise = tf.random.stateless_uniform([100, 400], [1, 2]).numpy()
    ids = sample(logits.tolist(), noise)
    expected = np.exp(logits) / np.exp(logits).sum() * noise.size
    counts = np.bincount(ids.ravel(), minlength=20)
    # 99.9% of chi-square with 19 degrees of freedom.
    assert ((counts - expected) ** 2 / expected).sum() < 43.8


def test_unsampled_ids_are_never_drawn_and_the_rest_is_rescaled() -> None:
    logits = [9.0, 1.0, 9.0, 2.0, 9.0]
    ids = sample(logits, even_noise(10_000), unsampled_token_ids=(0, 2, 4))
    expected = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
    assert shares(ids, 5)[[0, 2, 4]].tolist() == [0, 0, 0]
    assert shares(ids, 5)[[1, 3]] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("temperature", [1e-6, 1.0])
def test_disallowed_id_is_never_drawn_and_the_rest_is_rescaled(
    temperature: float,
) -> None:
    logits = [30.0, 1.0, 1.0 + np.log(3.0), -4e4]
    noise = even_noise(1_000)
    disallowed = tf.zeros(noise.shape, tf.int32)
    ids = sample(logits, noise, temperature=temperature, disallowed_ids=disallowed)
    # Near zero the best of the others is sure; else they keep their odds.
    expected = [0, 0, 1, 0] if temperature < 1 else [0, 0.25, 0.75, 0]
    assert shares(ids, 4) == pytest.approx(expected, abs=2e-3)


def test_disallowed_ids_are_those_of_their_slots() -> None:
    noise = even_noise(3)
    ids = sample([9.0, 8.0, 0.0], noise, temperature=1e-6,
                 disallowed_ids=tf.constant([[0, 1, 2]]))  # fmt: skip
    assert ids.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("unsampled", [(0, 1, 2), (3, 4, 5), (0, 5), ()])
@pytest.mark.parametrize("noise", [0.0, 2.0**-24, 0.5, LARGEST_NOISE])
def test_extreme_noise_stays_among_the_sampled_ids(
    unsampled: tuple[int, ...], noise: float
) -> None:
    allowed = sorted(set(range(6)) - set(unsampled))
    ids = sample([0.0] * 6, np.full((1, 1), noise, np.float32))
    assert ids.item() in range(6)
    ids = sample(
        [0.0] * 6, np.full((1, 1), noise, np.float32), unsampled_token_ids=unsampled
    )
    assert ids.item() in allowed
    if noise == 0.0:
        assert ids.item() == allowed[0]
    if noise == LARGEST_NOISE:
        assert ids.item() == allowed[-1]


@pytest.mark.parametrize("peak", [0, 7, 15_999])
def test_certain_token_is_drawn_in_a_large_vocabulary(peak: int) -> None:
    logits = np.zeros(16_000, np.float32)
    logits[peak] = 60.0
    noise = np.array([[2.0**-23, 0.3, 0.999, LARGEST_NOISE]], np.float32)
    assert sample(logits.tolist(), noise).tolist() == [[peak] * 4]


def test_last_entries_of_a_large_vocabulary_are_reached() -> None:
    # float32 sums of 16,000 equal shares end above or below 1.
    noise = np.array([[0.0, LARGEST_NOISE]], np.float32)
    ids = sample([0.0] * 16_000, noise, unsampled_token_ids=range(5))
    assert ids[0, 0] == 5
    assert 15_990 <= ids[0, 1] <= 15_999


def test_impossible_last_token_is_not_drawn() -> None:
    noise = np.full((1, 1), LARGEST_NOISE, np.float32)
    assert sample([0.0, 0.0, -1e8], noise).tolist() == [[1]]


def test_draw_is_the_same_in_a_graph_and_compiled() -> None:
    logits = tf.random.stateless_normal([3, 5, 40], [1, 2])
    noise = tf.random.stateless_uniform([3, 5], [3, 4])
    eager = sample_tokens(logits, noise, unsampled_token_ids=(0, 1))
    assert eager.dtype == tf.int32 and eager.shape == (3, 5)
    for compiled in (False, True):
        graph = tf.function(
            lambda a, b: sample_tokens(a, b, unsampled_token_ids=(0, 1)),
            jit_compile=compiled,
        )
        assert np.array_equal(eager, graph(logits, noise))


def test_no_gradient_flows_back() -> None:
    logits = tf.random.stateless_normal([2, 3, 10], [1, 2])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        ids = sample_tokens(logits, tf.fill([2, 3], 0.4))
        loss = tf.reduce_sum(tf.cast(ids, tf.float32) * 2.0)
    assert tape.gradient(loss, logits) is None


def corrupt(token_ids, mask_positions, mask_weights, sampled_ids):
    corrupted, is_replaced = corrupt_tokens(
        tf.constant(token_ids, tf.int32),
        tf.constant(mask_positions, tf.int32),
        tf.constant(mask_weights, tf.float32),
        tf.constant(sampled_ids, tf.int32),
    )
    assert corrupted.dtype == is_replaced.dtype == tf.int32
    return corrupted.numpy().tolist(), is_replaced.numpy().tolist()


def test_example_of_the_docstring() -> None:
    assert corrupt([[2, 7, 8, 9, 3]], [[1, 3, 0]], [[1, 1, 0]], [[7, 5, 6]]) == (
        [[2, 7, 8, 5, 3]],
        [[0, 0, 0, 1, 0]],
    )


def test_equal_sample_is_labelled_original() -> None:
    assert corrupt([[2, 7, 8, 3]], [[1, 2]], [[1, 1]], [[7, 8]]) == (
        [[2, 7, 8, 3]],
        [[0, 0, 0, 0]],
    )


def test_unused_slot_leaves_cls_unchanged() -> None:
    assert corrupt([[2, 7, 3], [2, 9, 3]], [[0, 0], [1, 0]], [[0, 0], [1, 0]],
                   [[5, 6], [8, 7]]) == (
        [[2, 7, 3], [2, 8, 3]],
        [[0, 0, 0], [0, 1, 0]],
    )  # fmt: skip


def test_rows_are_kept_apart() -> None:
    assert corrupt(
        [[2, 7, 8, 3], [2, 10, 11, 3]], [[1], [2]], [[1], [1]], [[20], [21]]
    ) == ([[2, 20, 8, 3], [2, 10, 21, 3]], [[0, 1, 0, 0], [0, 0, 1, 0]])


@pytest.mark.parametrize(
    ("samples", "corrupted_id", "is_replaced"),
    [
        ([9, 9], 9, 1),
        ([9, 12], 10, 1),  # 10.5 rounded down: a token that nobody drew.
        ([7, 9], 8, 0),  # The mean may be the original token.
        ([8, 8], 8, 0),
    ],
)
def test_position_drawn_twice_gets_the_rounded_down_mean(
    samples: list[int], corrupted_id: int, is_replaced: int
) -> None:
    assert corrupt(
        [[2, 8, 6, 3]], [[1, 1, 2, 0]], [[1, 1, 1, 0]], [[*samples, 5, 4]]
    ) == ([[2, corrupted_id, 5, 3]], [[0, is_replaced, 1, 0]])


def test_unused_slot_at_a_drawn_position_does_not_count() -> None:
    assert corrupt([[2, 8, 3]], [[1, 1]], [[1, 0]], [[9, 30]]) == (
        [[2, 9, 3]],
        [[0, 1, 0]],
    )


def test_three_draws_of_a_position_are_averaged_at_once() -> None:
    # Not the mean of a mean: (5 + 6 + 9) // 3 = 6.
    assert corrupt([[2, 8, 3]], [[1, 1, 1]], [[1, 1, 1]], [[5, 6, 9]]) == (
        [[2, 6, 3]],
        [[0, 1, 0]],
    )


def test_corruption_is_the_same_in_a_dataset() -> None:
    arguments = ([[2, 7, 8, 9, 3]], [[1, 3, 0]], [[1.0, 1, 0]], [[7, 5, 6]])
    dataset = tf.data.Dataset.from_tensors(arguments).map(corrupt_tokens)
    corrupted, is_replaced = next(iter(dataset))
    assert corrupted.numpy().tolist() == [[2, 7, 8, 5, 3]]
    assert is_replaced.numpy().tolist() == [[0, 0, 0, 1, 0]]
