"""python -m pytest tests/test_randomness.py"""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.models.randomness import (
    BatchRows,
    keep_mask,
    key_for,
    noise_key,
    row_uniform,
    step_key,
)


def draw(name: str = "a", seed: int = 1, step: int = 0, replica: int = 0) -> np.ndarray:
    with noise_key(step_key(seed, tf.constant(step), replica)):
        return row_uniform(64, 1, name).numpy()


def test_same_key_and_name_give_the_same_numbers() -> None:
    assert np.array_equal(draw(), draw())
    with noise_key(step_key(1, tf.constant(0), 0)):
        first, second = row_uniform(64, 1, "a"), row_uniform(64, 1, "a")
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "other", [{"name": "b"}, {"seed": 2}, {"step": 1}, {"step": -1}, {"replica": 1}]
)
def test_another_name_seed_step_or_replica_gives_others(other: dict) -> None:
    assert (draw() == draw(**other)).mean() < 0.05


def test_step_and_replica_are_not_interchangeable() -> None:
    assert not np.array_equal(draw(step=1, replica=2), draw(step=2, replica=1))


def test_without_a_key_the_error_says_what_to_do() -> None:
    with pytest.raises(RuntimeError) as error:
        key_for("dropout_7")
    assert str(error.value) == (
        "dropout_7 needs noise and no key is open; call the model inside `with "
        "noise_key(step_key(seed, step, replica_id)):`, or with training=False."
    )


def test_inner_key_ends_with_its_block_also_after_an_error() -> None:
    outer, inner = (step_key(1, tf.constant(step), 0) for step in (0, 1))
    with noise_key(outer):
        before = row_uniform(8, 1, "a")
        with pytest.raises(ValueError, match="stop"), noise_key(inner):
            assert not np.array_equal(before, row_uniform(8, 1, "a"))
            raise ValueError("stop")
        assert np.array_equal(before, row_uniform(8, 1, "a"))
    with pytest.raises(RuntimeError, match="no key is open"):
        row_uniform(8, 1, "a")


def test_key_is_open_in_its_own_thread_only() -> None:
    errors = []

    def other_thread() -> None:
        try:
            key_for("a")
        except RuntimeError as error:
            errors.append(error)

    with noise_key(step_key(1, tf.constant(0), 0)):
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
    assert len(errors) == 1


@pytest.mark.parametrize("compiled", [False, True])
def test_noise_is_the_same_in_a_graph_and_compiled(compiled: bool) -> None:
    @tf.function(jit_compile=compiled)
    def graph(step):
        with noise_key(step_key(1, step, 0)):
            return row_uniform(64, 1, "a"), keep_mask([5, 7], 0.3, key_for("a"))

    numbers, mask = graph(tf.constant(3))
    with noise_key(step_key(1, tf.constant(3), 0)):
        assert np.array_equal(mask, keep_mask([5, 7], 0.3, key_for("a")))
    assert np.array_equal(numbers, draw(step=3))


def test_uniform_numbers_are_spread_evenly_below_1() -> None:
    with noise_key(step_key(1, tf.constant(0), 0)):
        numbers = row_uniform(1000, 100, "a").numpy()
    assert numbers.min() >= 0.0 and numbers.max() <= 1.0 - 2.0**-23
    counts = np.bincount((numbers.ravel() * 20).astype(int), minlength=20)
    # 99.9% of chi-square with 19 degrees of freedom.
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8


@pytest.mark.parametrize("compiled", [False, True])
def test_rows_get_the_same_numbers_wherever_the_batch_is_cut(compiled: bool) -> None:
    whole_key = step_key(1, tf.constant(0), 0)

    @tf.function(jit_compile=compiled)
    def part(first_row):
        place = BatchRows(whole_key, first_row, 8)
        with noise_key(step_key(1, tf.constant(0), first_row), place):
            return row_uniform(2, 3, "a")

    with noise_key(whole_key):
        whole = row_uniform(8, 3, "a").numpy()
    parts = [part(tf.constant(first)) for first in (0, 2, 4, 6)]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1000, 333), (333_000,)])
def test_keep_mask_drops_at_its_rate(rate: float, shape: tuple[int, ...]) -> None:
    with noise_key(step_key(1, tf.constant(0), 0)):
        keep = keep_mask(tf.constant(shape), rate, key_for("a")).numpy()
    assert keep.shape == shape and keep.dtype == bool
    # Four standard deviations of a binomial.
    bound = 4 * (rate * (1 - rate) / keep.size) ** 0.5
    assert abs((1 - keep.mean()) - rate) < bound


def test_two_decisions_of_one_number_are_independent() -> None:
    with noise_key(step_key(1, tf.constant(0), 0)):
        keep = keep_mask([100_000, 2], 0.5, key_for("a")).numpy()
    both = (keep[:, 0] & keep[:, 1]).mean()
    assert abs(both - 0.25) < 4 * (0.25 * 0.75 / 100_000) ** 0.5


def test_keep_mask_has_odd_and_empty_shapes() -> None:
    with noise_key(step_key(1, tf.constant(0), 0)):
        assert keep_mask([1], 0.5, key_for("a")).shape == (1,)
        assert keep_mask([3, 5, 7], 0.5, key_for("a")).shape == (3, 5, 7)
        assert keep_mask([0, 5], 0.5, key_for("a")).shape == (0, 5)
        assert keep_mask([100], 0.0, key_for("a")).numpy().all()
