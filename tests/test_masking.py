"""python -m pytest tests/test_masking.py"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.masking import MaskingConfig, hash_noise, mask_tokens

SPECIAL_IDS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
Batch = dict[str, np.ndarray]


def make_batch(rows: Sequence[Sequence[int]], length: int) -> dict[str, tf.Tensor]:
    token_ids = np.zeros((len(rows), length), np.int32)
    padding_mask = np.zeros_like(token_ids)
    for place, row in enumerate(rows):
        token_ids[place, : len(row)] = row
        padding_mask[place, : len(row)] = 1
    return {
        "token_ids": tf.constant(token_ids),
        "segment_ids": tf.zeros_like(token_ids),
        "padding_mask": tf.constant(padding_mask),
    }


def mask(
    rows: Sequence[Sequence[int]],
    length: int,
    *,
    index: Sequence[int] | None = None,
    epoch: int = 0,
    **settings: Any,
) -> Batch:
    config = MaskingConfig(length, SPECIAL_IDS, **settings)
    index = range(len(rows)) if index is None else index
    batch = mask_tokens(
        make_batch(rows, length),
        tf.constant(list(index), tf.int64),
        tf.constant(epoch, tf.int64),
        config,
    )
    return {name: value.numpy() for name, value in batch.items()}


def full_row(tokens: int) -> list[int]:
    return [2, *range(5, tokens + 3), 3]


ROWS = [
    [2, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 3],
    [2, 7, 1, 4, 3, 8, 3],
    [2, 7, 3],
]
FAR = 5_000_000_000


def test_masks_of_a_seed_are_these() -> None:
    batch = mask(ROWS, 12, index=[0, 1, FAR], mask_rate=0.25, seed=7)
    assert batch["masked_token_ids"].tolist() == [
        [2, 4, 8, 9, 4, 11, 12, 13, 14, 15, 16, 3],
        [2, 4, 1, 4, 3, 4, 3, 0, 0, 0, 0, 0],
        [2, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert batch["mask_positions"].tolist() == [[1, 4, 8], [1, 5, 0], [1, 0, 0]]
    assert batch["mask_ids"].tolist() == [[7, 10, 14], [7, 8, 0], [7, 0, 0]]
    assert batch["mask_weights"].tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]


def test_next_epoch_gives_these() -> None:
    batch = mask(ROWS, 12, index=[0, 1, FAR], epoch=1, mask_rate=0.25, seed=7)
    assert batch["masked_token_ids"][0].tolist() == [
        *(2, 7, 8, 9, 4, 4, 12, 4, 14, 15, 16, 3)
    ]
    assert batch["mask_positions"].tolist() == [[4, 5, 7], [1, 5, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("seed", "masked_token_ids"), [(13, [2, 4, 8, 4, 3]), (5, [2, 4, 8, 9, 3])]
)
def test_example_of_the_docstring(seed: int, masked_token_ids: list[int]) -> None:
    settings = {"mask_rate": 0.4, "mask_token_rate": 0.5, "seed": seed}
    batch = mask([[2, 7, 8, 9, 3]], 5, **settings)
    assert batch["mask_positions"].tolist() == [[1, 3]]
    assert batch["masked_token_ids"].tolist() == [masked_token_ids]
    assert batch["mask_ids"].tolist() == [[7, 9]]
    assert batch["mask_weights"].tolist() == [[1, 1]]


def test_draws_with_replacement_of_a_seed_are_these() -> None:
    settings = {"mask_rate": 0.4, "with_replacement": True, "seed": 3}
    batch = mask(ROWS, 12, index=[0, 1, FAR], **settings)
    assert batch["masked_token_ids"].tolist() == [
        [2, 7, 8, 9, 10, 4, 12, 13, 14, 4, 4, 3],
        [2, 4, 1, 4, 3, 4, 3, 0, 0, 0, 0, 0],
        [2, 7, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert batch["mask_positions"].tolist() == [
        *([3, 5, 9, 10], [1, 1, 5, 0], [1, 0, 0, 0])
    ]
    assert batch["mask_ids"].tolist() == [
        *([9, 11, 15, 16], [7, 7, 8, 0], [7, 0, 0, 0])
    ]
    assert batch["mask_weights"].tolist() == [
        *([1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0])
    ]


@pytest.mark.parametrize("with_replacement", [False, True])
def test_dtypes_are_those_of_the_glossary(with_replacement: bool) -> None:
    batch = mask(ROWS, 12, with_replacement=with_replacement)
    assert batch.pop("mask_weights").dtype == np.float32
    assert set(batch) == {
        *("token_ids", "segment_ids", "padding_mask"),
        *("masked_token_ids", "mask_positions", "mask_ids"),
    }
    assert {value.dtype for value in batch.values()} == {np.dtype(np.int32)}


@pytest.mark.parametrize(
    ("length", "rate", "slots"),
    [
        *((16, 0.15, 2), (128, 0.15, 19), (512, 0.15, 79), (512, 0.25, 130)),
        *((5, 0.4, 2), (8, 0.0, 1), (4, 0.15, 1), (8, 1.0, 8)),
    ],
)
def test_slots_follow_the_final_length_and_rate(
    length: int, rate: float, slots: int
) -> None:
    assert MaskingConfig(length, SPECIAL_IDS, mask_rate=rate).mask_slots == slots


@pytest.mark.parametrize(
    ("tokens", "wanted"),
    [
        *((3, 1), (5, 1), (9, 1), (10, 2), (11, 2), (16, 2), (17, 3)),
        *((30, 4), (31, 5), (50, 8), (70, 10), (90, 14), (110, 16)),
        *((126, 19), (128, 19)),
    ],
)
def test_masked_tokens_are_the_rounded_share_half_to_even(
    tokens: int, wanted: int
) -> None:
    batch = mask([full_row(tokens)], 128)
    assert batch["mask_positions"].shape == (1, 19)
    assert batch["mask_weights"].tolist() == [[1.0] * wanted + [0.0] * (19 - wanted)]


def test_masked_tokens_never_exceed_the_slots() -> None:
    # 0.15 x 10 rounds to 2 where int(0.155 x 10) is 1.
    batch = mask([full_row(10)], 10)
    assert batch["mask_weights"].tolist() == [[1.0]]


def many_rows() -> list[list[int]]:
    """Rows of 3 to 32 tokens, all specials among the words."""
    choose = np.random.default_rng(0)
    rows = []
    for tokens in choose.integers(3, 33, size=2000):
        inner = choose.integers(1, 30, size=tokens - 2)
        rows.append([2, *inner.tolist(), 3])
    return rows


@pytest.fixture(scope="module")
def many() -> Batch:
    return mask(many_rows(), 32, mask_rate=0.3)


def test_positions_are_distinct_ascending_and_first(many: Batch) -> None:
    for positions, weights in zip(
        many["mask_positions"], many["mask_weights"], strict=True
    ):
        used = int(weights.sum())
        assert weights.tolist() == [1.0] * used + [0.0] * (len(weights) - used)
        assert np.all(np.diff(positions[:used]) > 0)
        assert not positions[used:].any()


def test_specials_and_padding_are_never_masked(many: Batch) -> None:
    used = many["mask_weights"] > 0
    assert many["mask_ids"][used].min() == 5
    assert not many["mask_ids"][~used].any()
    chosen = np.take_along_axis(many["token_ids"], many["mask_positions"], 1)
    assert np.array_equal(chosen[used], many["mask_ids"][used])
    real = np.take_along_axis(many["padding_mask"], many["mask_positions"], 1)
    assert real[used].all()


def test_number_of_masked_tokens_is_exact_in_every_row(many: Batch) -> None:
    tokens = many["padding_mask"].sum(axis=1)
    maskable = (many["token_ids"] > 4).sum(axis=1)
    rate = np.float32(0.3)
    wanted = np.clip(np.round(tokens.astype(np.float32) * rate), 1, 9)
    assert MaskingConfig(32, SPECIAL_IDS, mask_rate=0.3).mask_slots == 9
    expected = np.minimum(wanted, maskable)
    assert np.array_equal(many["mask_weights"].sum(axis=1), expected)
    assert (maskable < wanted).sum() > 0


@pytest.fixture(scope="module")
def many_drawn() -> Batch:
    return mask(many_rows(), 32, mask_rate=0.3, with_replacement=True)


def test_draws_are_as_many_as_wanted_and_never_special(many_drawn: Batch) -> None:
    tokens = many_drawn["padding_mask"].sum(axis=1)
    maskable = (many_drawn["token_ids"] > 4).sum(axis=1)
    wanted = np.clip(np.round(tokens.astype(np.float32) * np.float32(0.3)), 1, 9)
    used = many_drawn["mask_weights"] > 0
    # More draws than maskable tokens are no problem, but none at all is.
    assert np.array_equal(used.sum(axis=1), np.where(maskable > 0, wanted, 0))
    assert (maskable == 0).any() and ((maskable < wanted) & (maskable > 0)).any()
    chosen = np.take_along_axis(
        many_drawn["token_ids"], many_drawn["mask_positions"], 1
    )
    assert np.array_equal(chosen * used, many_drawn["mask_ids"])
    assert many_drawn["mask_ids"][used].min() == 5
    for positions, weights in zip(many_drawn["mask_positions"], used, strict=True):
        assert np.all(np.diff(weights.astype(int)) <= 0)
        assert np.all(np.diff(positions[weights]) >= 0)
        assert not positions[~weights].any()


def test_draws_hit_every_token_alike_and_some_twice() -> None:
    rows = 4_000
    batch = mask([full_row(128)] * rows, 128, with_replacement=True)
    positions = batch["mask_positions"]
    assert batch["mask_weights"].all() and positions.shape == (rows, 19)
    counts = np.bincount(positions.ravel(), minlength=128)
    assert counts[0] == counts[127] == 0
    # 99.9% of chi-square with 125 degrees of freedom.
    assert chi_square(counts[1:127], rows * 19 / 126) < 179.0
    distinct = 1 + (np.diff(positions, axis=1) > 0).sum(axis=1)
    # 126 x (1 - (125 / 126)^19): what independent draws leave of 19.
    assert distinct.mean() == pytest.approx(17.70, abs=0.07)


def test_position_drawn_twice_has_two_slots_and_two_chances_to_be_shown() -> None:
    # Two draws among two tokens: the same one in half of the rows.
    batch = mask(
        [[2, 7, 8, 3]] * 8_000,
        4,
        mask_rate=0.5,
        mask_token_rate=0.5,
        with_replacement=True,
    )
    positions = batch["mask_positions"]
    twice = positions[:, 0] == positions[:, 1]
    assert batch["mask_weights"].all()
    assert twice.mean() == pytest.approx(0.5, abs=0.025)
    assert np.array_equal(batch["mask_ids"], positions + 6)
    shown = np.take_along_axis(batch["masked_token_ids"], positions, 1) == 4
    assert shown[twice, 0].mean() == pytest.approx(0.75, abs=0.03)
    assert shown[~twice].mean() == pytest.approx(0.5, abs=0.03)


def test_unknown_tokens_are_masked_if_it_is_asked_for() -> None:
    row = [2, 1, 4, 3, 1, 3]
    for with_replacement in (False, True):
        settings = {"mask_rate": 0.4, "with_replacement": with_replacement}
        batch = mask([row] * 50, 6, mask_unknown_tokens=True, **settings)
        assert batch["mask_weights"].all()
        assert set(batch["mask_positions"].ravel().tolist()) == {1, 4}
        assert (batch["mask_ids"] == 1).all()
        assert not mask([row], 6, **settings)["mask_weights"].any()


def test_tokens_outside_the_slots_are_untouched(many: Batch) -> None:
    changed = many["masked_token_ids"] != many["token_ids"]
    assert (many["masked_token_ids"][changed] == 4).all()
    chosen = np.zeros_like(changed)
    rows, slots = np.nonzero(many["mask_weights"])
    chosen[rows, many["mask_positions"][rows, slots]] = True
    assert not (changed & ~chosen).any()


def test_shown_as_mask_in_85_of_100() -> None:
    batch = mask([full_row(32)] * 4000, 32)
    used = batch["mask_weights"] > 0
    shown = np.take_along_axis(batch["masked_token_ids"], batch["mask_positions"], 1)
    count, masked = int(used.sum()), int((shown[used] == 4).sum())
    # Four standard deviations of a binomial.
    bound = 4 * (0.85 * 0.15 / count) ** 0.5
    assert count == 4 * 4000
    assert abs(masked / count - 0.85) < bound


@pytest.mark.parametrize(("rate", "id_at"), [(0.0, "mask_ids"), (1.0, None)])
def test_mask_token_rate_of_0_and_1_is_exact(rate: float, id_at: str | None) -> None:
    batch = mask([full_row(32)] * 500, 32, mask_token_rate=rate)
    shown = np.take_along_axis(batch["masked_token_ids"], batch["mask_positions"], 1)
    expected = batch[id_at] if id_at else 4
    used = batch["mask_weights"] > 0
    assert (shown == expected)[used].all()


@pytest.mark.parametrize("with_replacement", [False, True])
def test_rows_with_nothing_maskable_are_left_alone(with_replacement: bool) -> None:
    rows = [[2, 3], [2, 1, 4, 3], [], [2, 3, 3], [2, 7, 3]]
    batch = mask(rows, 16, with_replacement=with_replacement)
    assert batch["mask_weights"].tolist() == [[0, 0]] * 4 + [[1, 0]]
    assert not batch["mask_positions"][:4].any()
    assert not batch["mask_ids"][:4].any()
    assert np.array_equal(batch["masked_token_ids"][:4], batch["token_ids"][:4])


def test_fewer_maskable_tokens_than_wanted_are_all_masked() -> None:
    row = [2, 7, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8, 1, 1, 3]
    batch = mask([row], 16, mask_rate=0.5, mask_token_rate=1.0)
    assert batch["mask_positions"].tolist() == [[1, 12, 0, 0, 0, 0, 0, 0]]
    assert batch["mask_weights"].tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("with_replacement", [False, True])
def test_row_has_its_mask_in_whatever_batch(with_replacement: bool) -> None:
    rows = many_rows()[:50]
    settings = {"epoch": 3, "with_replacement": with_replacement}
    whole = mask(rows, 32, index=range(100, 150), **settings)
    order = np.random.default_rng(1).permutation(50)
    mixed = mask([rows[i] for i in order], 32, index=100 + order, **settings)
    one = mask([rows[7]], 32, index=[107], **settings)
    for name in whole:
        assert np.array_equal(whole[name][order], mixed[name])
        assert np.array_equal(whole[name][7:8], one[name])


@pytest.mark.parametrize("with_replacement", [False, True])
@pytest.mark.parametrize("other", [{"epoch": 1}, {"seed": 2}, {"index": range(1, 51)}])
def test_mask_is_another_for_each_epoch_seed_and_example(
    other: Any, with_replacement: bool
) -> None:
    rows = [full_row(32)] * 50
    first = mask(rows, 32, with_replacement=with_replacement)
    second = mask(rows, 32, with_replacement=with_replacement, **other)
    same = (first["mask_positions"] == second["mask_positions"]).all(axis=1)
    # 142,506 choices of 5 among 30.
    assert same.sum() == 0


def test_epoch_may_differ_by_row() -> None:
    config = MaskingConfig(32, SPECIAL_IDS)
    rows = [full_row(32)] * 4
    index = tf.constant([4, 4, 5, 5], tf.int64)
    epoch = tf.constant([0, 1, 0, 1], tf.int64)
    both = mask_tokens(make_batch(rows, 32), index, epoch, config)
    for place, (i, e) in enumerate(zip(index.numpy(), epoch.numpy(), strict=True)):
        alone = mask([rows[0]], 32, index=[i], epoch=int(e))
        assert np.array_equal(both["mask_positions"][place], alone["mask_positions"][0])


@pytest.mark.parametrize("with_replacement", [False, True])
def test_mask_is_the_same_in_a_graph_in_a_dataset_and_eagerly(
    with_replacement: bool,
) -> None:
    config = MaskingConfig(32, SPECIAL_IDS, with_replacement=with_replacement)
    batch = make_batch(many_rows()[:40], 32)
    index = tf.range(40, dtype=tf.int64)

    def apply(rows, places):
        return mask_tokens(rows, places, tf.constant(2, tf.int64), config)

    eager = apply(batch, index)
    graph = tf.function(apply)(batch, index)
    compiled = tf.function(apply, jit_compile=True)(batch, index)
    dataset = tf.data.Dataset.from_tensor_slices((batch, index)).batch(40).map(apply)
    inside = next(iter(dataset))
    for name in eager:
        assert np.array_equal(eager[name], graph[name])
        assert np.array_equal(eager[name], compiled[name])
        assert np.array_equal(eager[name], inside[name])


def python_hash(seed: int, *keys: int) -> int:
    """The same hash on Python's integers."""
    state = seed % 2**32
    for key in keys:
        x = (state * 0x9E3779B9 + key + 0x85EBCA6B) % 2**32
        x = (x ^ (x >> 16)) * 0x7FEB352D % 2**32
        x = (x ^ (x >> 15)) * 0x846CA68B % 2**32
        state = x ^ (x >> 16)
    return state


@pytest.mark.parametrize(
    "keys", [(1, 0), (1, 1), (0, 0, 0), (-1, 2, 5), (7, 2**40 + 3, -1), (2**33, 9)]
)
def test_hash_is_the_one_of_python_integers(keys: tuple[int, ...]) -> None:
    tensors = [tf.constant(key, tf.int64) for key in keys[1:]]
    assert int(hash_noise(keys[0], *tensors)) == python_hash(*keys)


def test_hash_is_these_numbers() -> None:
    noise = hash_noise(1, tf.constant([0, 1, 2], tf.int64))
    assert noise.numpy().tolist() == [3849843626, 3398433511, 4001727919]


def chi_square(counts: np.ndarray, expected: np.ndarray | float) -> float:
    return float(((counts - expected) ** 2 / expected).sum())


def test_every_position_is_chosen_equally_often() -> None:
    rows = 20_000
    batch = mask([full_row(16)] * rows, 16)
    counts = np.bincount(batch["mask_positions"].ravel(), minlength=16)
    assert counts[0] == counts[15] == 0
    # 99.9% of chi-square with 13 degrees of freedom.
    assert chi_square(counts[1:15], rows * 2 / 14) < 34.5


@pytest.mark.parametrize("across", ["example", "epoch"])
def test_choices_of_neighbours_are_independent(across: str) -> None:
    rows, places = 20_000, 12
    index = range(rows + 1)
    first = mask([full_row(14)] * (rows + 1), 14, index=index, mask_rate=0.05)
    chosen = first["mask_positions"][:, 0] - 1
    if across == "example":
        other = chosen[1:]
    else:
        second = mask(
            [full_row(14)] * (rows + 1), 14, index=index, epoch=1, mask_rate=0.05
        )
        other = second["mask_positions"][:rows, 0] - 1
    table = np.zeros((places, places))
    np.add.at(table, (chosen[:rows], other), 1)
    expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / rows
    # 99.9% of chi-square with 11 x 11 degrees of freedom.
    assert chi_square(table, expected) < 175.0
