"""python -m pytest tests/test_text_hashes.py"""

from __future__ import annotations

import numpy as np

from beam_pipelines.characters import code_points
from beam_pipelines.text_hashes import _BASE, SpanHasher, mix, splitmix64


def test_splitmix64_gives_the_published_numbers() -> None:
    # The first outputs for the seed 1234567, as in the authors' C code.
    assert splitmix64(1234567, 3).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_mix_is_one_to_one_and_keeps_nothing_in_place() -> None:
    mixed = mix(np.arange(1000, dtype=np.uint64))
    assert np.unique(mixed).size == 1000
    assert np.unique(mixed >> np.uint64(48)).size > 980


def test_hash_is_the_polynomial_wherever_the_span_stands() -> None:
    text = "x가나다가나다😀"
    hasher = SpanHasher(code_points(text))
    expected = (ord("가") + ord("나") * _BASE + ord("다") * _BASE**2) % 2**64
    spans = hasher.spans(np.array([1, 4, 0, 3]), np.array([4, 7, 3, 3]))
    assert spans[:2].tolist() == [expected, expected]
    assert spans[2] != expected
    assert spans[3] == 0
    assert hasher.windows(3)[[1, 4]].tolist() == [expected, expected]


def test_windows_of_all_lengths() -> None:
    hasher = SpanHasher(code_points("abc"))
    assert [hasher.windows(length).size for length in (1, 2, 3, 4, 9)] == [
        3,
        2,
        1,
        0,
        0,
    ]
    assert SpanHasher(code_points("")).windows(1).size == 0


def test_equal_hashes_are_equal_windows_in_a_long_text() -> None:
    text = "".join(str(number**3) for number in range(60_000))
    windows = SpanHasher(code_points(text)).windows(8)
    distinct = {text[i : i + 8] for i in range(len(text) - 7)}
    assert np.unique(windows).size == len(distinct)


def test_hashes_never_change() -> None:
    hasher = SpanHasher(code_points("안녕하세요"))
    assert hasher.windows(5).tolist() == [11326389736480418661]
