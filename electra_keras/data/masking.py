"""Dynamic masking: fresh masks for every epoch, the same on every machine.

Reads parsed rows from `features.parse_examples`, feeds `dataset.py`.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from electra_keras.data.vocabulary import MASK, UNK

# Two streams of noise per example: which positions, and [MASK] or kept. Drawing
# with replacement, they are keyed by slot, else by position.
_POSITION_STREAM = 0
_KEEP_STREAM = 1


@dataclasses.dataclass(frozen=True)
class MaskingConfig:
    """How rows are masked.

    Attributes:
        sequence_length: S, tokens of a row.
        mask_rate: Share of a row's real tokens that is masked.
        mask_token_rate: Share of these shown as [MASK]; the rest is kept.
        special_token_ids: Id by name; all of them are never masked.
        with_replacement: Positions may be drawn twice, as in the reference.
        mask_unknown_tokens: [UNK] may be masked, as in the reference.
        seed: Of the masks.
    """

    sequence_length: int
    special_token_ids: dict[str, int]
    mask_rate: float = 0.15
    mask_token_rate: float = 0.85
    with_replacement: bool = False
    mask_unknown_tokens: bool = False
    seed: int = 1

    @property
    def mask_slots(self) -> int:
        """M, slots of a row: int((rate + 0.005) x S), as the reference.

        The reference computes this before its size defaults apply
        (`configure_pretraining.py:106`), so that a length of 512 silently
        gets 19 slots; here it follows from the final length and rate.
        """
        slots = int((self.mask_rate + 0.005) * self.sequence_length)
        return min(max(1, slots), self.sequence_length)


def hash_noise(seed: int, *keys: tf.Tensor) -> tf.Tensor:
    """Hashes integers to uniform uint32 noise, equal on every device.

    A counter-based generator, so that a row's noise depends on its own keys
    alone and not on the batch it happens to be in; library generators take
    one key per call, not one per row.

    Args:
        seed: Any integer.
        *keys: Integer tensors whose shapes broadcast.

    Returns:
        uint32, the broadcast shape.

    Source: C. Wellons' "lowbias32" finaliser (public domain constants),
        chained over the keys.
    """
    state = tf.constant(seed & 0xFFFFFFFF, tf.uint32)
    for key in keys:
        # Unsigned wrap-around is the point; the golden ratio spreads zeros.
        state = _mix(state * tf.constant(0x9E3779B9, tf.uint32) + _to_uint32(key))
    return state


def _to_uint32(key: tf.Tensor) -> tf.Tensor:
    key = tf.convert_to_tensor(key)
    return tf.cast(tf.cast(key, tf.int64) & 0xFFFFFFFF, tf.uint32)


def _mix(x: tf.Tensor) -> tf.Tensor:
    shift = tf.bitwise.right_shift
    xor = tf.bitwise.bitwise_xor
    x += tf.constant(0x85EBCA6B, tf.uint32)  # Zero would be a fixed point.
    x = xor(x, shift(x, tf.constant(16, tf.uint32))) * tf.constant(
        0x7FEB352D, tf.uint32
    )
    x = xor(x, shift(x, tf.constant(15, tf.uint32))) * tf.constant(
        0x846CA68B, tf.uint32
    )
    return xor(x, shift(x, tf.constant(16, tf.uint32)))


def _uniform(noise: tf.Tensor) -> tf.Tensor:
    """float32 in [0, 1) from the upper 24 bits, which float32 holds exactly."""
    bits = tf.bitwise.right_shift(noise, tf.constant(8, tf.uint32))
    return tf.cast(bits, tf.float32) * (1.0 / (1 << 24))


def mask_tokens(
    batch: dict[str, tf.Tensor],
    example_index: tf.Tensor,
    epoch: tf.Tensor,
    config: MaskingConfig,
) -> dict[str, tf.Tensor]:
    """Chooses positions and masks them.

    A row with T real tokens, [CLS] and [SEP] counted, gets
    n = max(1, min(M, round(mask_rate x T))) positions (half to even), or as
    many as it has maskable tokens; never [PAD] [UNK] [CLS] [SEP] [MASK]. A dense
    row is masked as one row: T counts all its blocks, and a block may go without.

    With replacement, n is the number of draws. A position that was drawn twice
    has two slots, and shows [MASK] if one of its draws says so.

    Args:
        batch: `token_ids`, `padding_mask`: int32 (B, S), and what else there is.
        example_index: int64 (B,). Place of each row in the data set; with the
            epoch and the seed it determines the row's mask.
        epoch: int64 () or (B,).
        config: Rates, ids, seed.

    Returns:
        `batch` and `masked_token_ids` (B, S), `mask_positions`, `mask_ids`
        (B, M) int32, `mask_weights` (B, M) float32. Used slots come first and
        hold positions in ascending order, distinct ones without replacement.

    Example: with ids [CLS]=2, [SEP]=3, [MASK]=4, a mask rate of 0.4 and a
        row 2 7 8 9 3, n is 2; positions 1 and 3 give
        masked_token_ids 2 4 8 4 3, mask_ids 7 9.

    Source: google-research/electra `pretrain_helpers.mask`, which draws with
        replacement and masks [UNK] too; here both are settings.
    """
    token_ids = batch["token_ids"]
    noise_keys = (epoch[..., tf.newaxis], example_index[:, tf.newaxis])
    is_candidate = _find_candidates(batch, config)
    wanted = _count_wanted(batch["padding_mask"], config)
    choose = _draw_positions if config.with_replacement else _choose_positions
    position, is_used = choose(noise_keys, is_candidate, wanted, config)
    slots, is_used = _sort_used(position, is_used, config.sequence_length)

    mask_ids = tf.gather(token_ids, slots, batch_dims=1) * tf.cast(is_used, tf.int32)
    keep_noise = _noise(
        _KEEP_STREAM,
        noise_keys,
        _slot(config) if config.with_replacement else slots,
        config,
    )
    is_shown_as_mask = is_used & (keep_noise < config.mask_token_rate)
    return {
        **batch,
        "masked_token_ids": _place_mask_token(
            token_ids, slots, is_shown_as_mask, config.special_token_ids[MASK]
        ),
        "mask_positions": slots,
        "mask_ids": mask_ids,
        "mask_weights": tf.cast(is_used, tf.float32),
    }


def _noise(
    stream: int, keys: tuple[tf.Tensor, ...], place: tf.Tensor, config: MaskingConfig
) -> tf.Tensor:
    """Noise of each place of each row: float32 in [0, 1), (B, places)."""
    place = tf.cast(place, tf.int64)
    return _uniform(hash_noise(config.seed, tf.constant(stream), *keys, place))


def _slot(config: MaskingConfig) -> tf.Tensor:
    return tf.range(config.mask_slots)[tf.newaxis, :]


def _find_candidates(batch: dict[str, tf.Tensor], config: MaskingConfig) -> tf.Tensor:
    """Which tokens may be masked: bool (B, S)."""
    is_candidate = tf.cast(batch["padding_mask"], tf.bool)
    for name, special_id in config.special_token_ids.items():
        if name != UNK or not config.mask_unknown_tokens:
            is_candidate &= batch["token_ids"] != special_id
    return is_candidate


def _count_wanted(padding_mask: tf.Tensor, config: MaskingConfig) -> tf.Tensor:
    """Positions of each row, n: int32 (B, 1)."""
    tokens = tf.cast(tf.reduce_sum(padding_mask, axis=1, keepdims=True), tf.float32)
    wanted = tf.round(tokens * config.mask_rate)
    return tf.cast(tf.clip_by_value(wanted, 1, config.mask_slots), tf.int32)


def _choose_positions(
    noise_keys: tuple[tf.Tensor, ...],
    is_candidate: tf.Tensor,
    wanted: tf.Tensor,
    config: MaskingConfig,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The n candidates of highest noise: positions (B, M), used (B, M)."""
    place = tf.range(config.sequence_length)[tf.newaxis, :]
    noise = _noise(_POSITION_STREAM, noise_keys, place, config)
    score, position = tf.math.top_k(
        tf.where(is_candidate, noise, -1.0), config.mask_slots
    )
    return position, (score >= 0.0) & (_slot(config) < wanted)


def _draw_positions(
    noise_keys: tuple[tf.Tensor, ...],
    is_candidate: tf.Tensor,
    wanted: tf.Tensor,
    config: MaskingConfig,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws n times among the candidates: positions (B, M), used (B, M)."""
    noise = _noise(_POSITION_STREAM, noise_keys, _slot(config), config)
    candidates = tf.reduce_sum(tf.cast(is_candidate, tf.int32), axis=1, keepdims=True)
    rank = tf.cast(noise * tf.cast(candidates, tf.float32), tf.int32)
    # Candidates first, each in its order.
    place = tf.argsort(tf.cast(~is_candidate, tf.int32), axis=1, stable=True)
    position = tf.gather(place, rank, batch_dims=1)
    return position, (candidates > 0) & (_slot(config) < wanted)


def _sort_used(
    position: tf.Tensor, is_used: tf.Tensor, sequence_length: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Used slots first and ascending, 0 in the others: both (B, M)."""
    beyond = tf.constant(sequence_length, tf.int32)
    position = tf.sort(tf.where(is_used, position, beyond), axis=1)
    is_used = position < beyond
    return tf.where(is_used, position, 0), is_used


def _place_mask_token(
    token_ids: tf.Tensor, slots: tf.Tensor, is_shown: tf.Tensor, mask_id: int
) -> tf.Tensor:
    rows = tf.broadcast_to(tf.range(tf.shape(slots)[0])[:, tf.newaxis], tf.shape(slots))
    shown = tf.scatter_nd(
        tf.stack([rows, slots], axis=-1),
        tf.cast(is_shown, tf.int32),
        tf.shape(token_ids),
    )
    return tf.where(shown > 0, mask_id, token_ids)
