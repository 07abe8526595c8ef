"""Hashes of documents in, split and shard out: who belongs where.

Used by `documents.py`. All of it follows from the hash of the clean text, so it
does not depend on seed, order, runner or number of workers.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math

import numpy as np

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)

ShardKey = tuple[str, int]


def hash_document(text: bytes) -> bytes:
    """Returns the identity of a document: 16 bytes of blake2b."""
    return hashlib.blake2b(text, digest_size=16).digest()


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """How many shards each split has, and who belongs where.

    Attributes:
        train_shards: Number of them.
        validation_shards: Number of them.
        test_shards: Number of them.
        validation_rate: Fraction of documents in the validation split.
        test_rate: Fraction of documents in the test split.
    """

    train_shards: int
    validation_shards: int
    test_shards: int
    validation_rate: float
    test_rate: float

    def keys(self) -> list[ShardKey]:
        """All shards, in the order of `place`."""
        counts = (self.train_shards, self.validation_shards, self.test_shards)
        return [
            (split, index)
            for split, count in zip(SPLITS, counts, strict=True)
            for index in range(count)
        ]

    def place(self, hashes: np.ndarray) -> np.ndarray:
        """Places documents.

        Args:
            hashes: uint64 (N, 2), from `document_blocks.hashes_to_columns`.

        Returns:
            int64 (N,), indices into `keys`.
        """
        draws, shards = hashes[:, 0], hashes[:, 1]
        held_out = _below(draws, self.validation_rate)
        tested = _below(draws, self.validation_rate + self.test_rate) & ~held_out
        place = shards % np.uint64(self.train_shards)
        if self.validation_shards:
            within = shards % np.uint64(self.validation_shards)
            place = np.where(held_out, self.train_shards + within, place)
        if self.test_shards:
            first = self.train_shards + self.validation_shards
            within = shards % np.uint64(self.test_shards)
            place = np.where(tested, first + within, place)
        return place.astype(np.int64)


def plan_shards(
    text_bytes: int,
    *,
    validation_rate: float,
    test_rate: float = 0.0,
    shard_bytes: int,
) -> ShardPlan:
    """Fixes the number of shards from the size of the input."""
    train_shards = max(1, math.ceil(text_bytes / shard_bytes))

    def held_out_shards(rate: float) -> int:
        return max(1, round(train_shards * rate)) if rate else 0

    return ShardPlan(
        train_shards,
        held_out_shards(validation_rate),
        held_out_shards(test_rate),
        validation_rate,
        test_rate,
    )


def copies_of(hashes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How often documents are used.

    Args:
        hashes: uint64 (N, 2).
        weights: float64 (N,), of their inputs, times the sample rate.

    Returns:
        int64 (N,): the weight, rounded up or down by hash such that the mean
        is right. The draw is not the one that decides the split.
    """
    # splitmix64's finisher over both halves: bits that nothing else looks at.
    mixed = hashes[:, 0] ^ (hashes[:, 1] * np.uint64(0x9E3779B97F4A7C15))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    whole = np.floor(weights)
    draw = (mixed >> np.uint64(11)).astype(np.float64) / 2**53
    return (whole + (draw < weights - whole)).astype(np.int64)


def _below(draws: np.ndarray, rate: float) -> np.ndarray:
    if rate >= 1:
        return np.ones(len(draws), bool)
    return draws < np.uint64(int(rate * 2**64))
