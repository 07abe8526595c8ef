"""python -m pytest tests/test_document_draws.py"""

from __future__ import annotations

import hashlib

import numpy as np

from beam_pipelines.document_draws import document_generator, document_generators


def test_many_generators_are_those_of_numpy_one_by_one() -> None:
    hashes = [hashlib.blake2b(b"%d" % n, digest_size=16).digest() for n in range(500)]
    # Short and empty keys, and seeds of any size, are fine too.
    hashes += [b"", b"a", b"\0" * 16]
    for seed in (0, 7, 2**40):
        for key, generator in zip(
            hashes, document_generators(seed, hashes), strict=True
        ):
            alone = document_generator(seed, key)
            for _ in range(3):
                assert generator.random() == alone.random()
                assert generator.integers(5, 128, endpoint=True) == alone.integers(
                    5, 128, endpoint=True
                )


def test_draws_are_these_on_every_version() -> None:
    generator = document_generator(1, b"document")
    assert generator.random() == 0.7024183651068299
    assert int(generator.integers(5, 128, endpoint=True)) == 45


def test_no_documents_no_generators() -> None:
    assert list(document_generators(1, [])) == []


def test_randomness_follows_seed_and_document_only() -> None:
    first = document_generator(1, b"a").random(4).tolist()
    document_generator(1, b"other").random(9)
    assert document_generator(1, b"a").random(4).tolist() == first
    assert document_generator(2, b"a").random(4).tolist() != first
    assert document_generator(1, b"b").random(4).tolist() != first
    assert np.unique(first).size == 4
