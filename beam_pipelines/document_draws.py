"""Randomness of documents, each independent of all others, quick for many.

Feeds `packing.py`. Making a NumPy generator costs more than packing a short
document; here the seeds of a whole shard are hashed together, and one generator
takes on the state of each document in turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

# Of NumPy's SeedSequence (M. O'Neill's seed_seq_fe) and PCG64.
_INIT_A, _MULTIPLIER_A = 0x43B0D7E5, 0x931E8875
_INIT_B, _MULTIPLIER_B = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = 0xCA01F9DD, 0x4973F715
_PCG_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
_WORDS = 4  # uint32 words of a digest and of SeedSequence's pool.


def document_generator(seed: int, document_hash: bytes) -> np.random.Generator:
    """Makes the randomness of one document, independent of all others."""
    entropy = int.from_bytes(_digest(seed, document_hash), "little")
    return np.random.Generator(np.random.PCG64(entropy))


def document_generators(
    seed: int, document_hashes: Sequence[bytes]
) -> Iterator[np.random.Generator]:
    """Makes the same generators as `document_generator`, many at a time.

    Args:
        seed: Of the data set.
        document_hashes: Of the documents.

    Yields:
        A generator per document. It is one object: the next document resets it.
    """
    if not document_hashes:
        return
    digests = b"".join(_digest(seed, key) for key in document_hashes)
    words = np.frombuffer(digests, "<u4").reshape(-1, _WORDS).astype(np.uint32)
    bits = np.random.PCG64(0)
    generator = np.random.Generator(bits)
    for high, low, stream_high, stream_low in _hash_seeds(words).tolist():
        bits.state = _pcg_state(high << 64 | low, stream_high << 64 | stream_low)
        yield generator


def _digest(seed: int, document_hash: bytes) -> bytes:
    key = str(seed).encode() + b"/" + document_hash
    return hashlib.blake2b(key, digest_size=4 * _WORDS).digest()


def _hash_seeds(words: np.ndarray) -> np.ndarray:
    """`SeedSequence(words).generate_state(4, uint64)` of every row.

    Args:
        words: uint32 (D, 4). The entropy, low words first.

    Returns:
        uint64 (D, 4).
    """
    constant = _INIT_A

    def hash_word(word: np.ndarray) -> np.ndarray:
        nonlocal constant
        word = word ^ np.uint32(constant)
        constant = constant * _MULTIPLIER_A & 0xFFFFFFFF
        word = word * np.uint32(constant)
        return word ^ word >> np.uint32(16)

    pool = [hash_word(word) for word in words.T]
    for source in range(_WORDS):
        for target in range(_WORDS):
            if source != target:
                mixed = pool[target] * np.uint32(_MIX_LEFT)
                mixed -= hash_word(pool[source]) * np.uint32(_MIX_RIGHT)
                pool[target] = mixed ^ mixed >> np.uint32(16)
    state = np.empty((len(words), 2 * _WORDS), "<u4")
    constant = _INIT_B
    for place in range(2 * _WORDS):
        word = pool[place % _WORDS] ^ np.uint32(constant)
        constant = constant * _MULTIPLIER_B & 0xFFFFFFFF
        word = word * np.uint32(constant)
        state[:, place] = word ^ word >> np.uint32(16)
    return state.view("<u8").astype(np.uint64)


def _pcg_state(seed: int, stream: int) -> Any:
    """The state that PCG64 starts in (`pcg_setseq_128_srandom_r`)."""
    increment = (stream << 1 | 1) & (1 << 128) - 1
    state = ((increment + seed) * _PCG_MULTIPLIER + increment) & (1 << 128) - 1
    return {
        "bit_generator": "PCG64",
        "state": {"state": state, "inc": increment},
        "has_uint32": 0,
        "uinteger": 0,
    }
