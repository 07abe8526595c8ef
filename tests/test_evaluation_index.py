"""python -m pytest tests/test_evaluation_index.py"""

from __future__ import annotations

import io

import numpy as np
import pytest

from beam_pipelines.evaluation_index import (
    EvaluationIndex,
    Letters,
    build_index,
    read_index,
    write_index,
)
from electra_keras.errors import UsageError

LONG = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보"


def test_runs_and_lines_of_rows() -> None:
    rows = [LONG, LONG[:33], LONG[:31], LONG[:12], LONG[:11], "", LONG]
    index = build_index({"a": rows[:4], "none": [], "b": rows[4:]})
    assert index.files == ("a", "none", "b")
    assert index.row_files.tolist() == [0, 0, 0, 0, 2, 2, 2]
    assert index.row_ignored.tolist() == [0, 0, 0, 0, 1, 1, 0]
    # 34 letters hold 3 runs of 32, 33 hold 2; the last row is that of the first.
    assert sorted(index.run_rows.tolist()) == [0, 0, 0, 1, 1, 6, 6, 6]
    assert sorted(index.line_rows.tolist()) == [2, 3]
    assert (index.run_hashes[1:] >= index.run_hashes[:-1]).all()


def test_runs_and_lines_of_few_different_letters_are_ignored() -> None:
    rows = ["ㅋ" * 40, "ㅋㅎ" * 8, "ㅋ" * 31 + LONG[:9]]
    index = build_index({"a": rows})
    assert index.row_ignored.tolist() == [1, 1, 0]
    assert index.run_rows.tolist() == [2] * 5  # Those with 5 others or more.


def test_spaces_signs_case_and_normal_form_do_not_matter() -> None:
    plain = build_index({"a": ["abcdef 한국어가나다라12"]}, ngram_characters=12)
    other = build_index(
        {"a": ["A.B CDEF, \u1112\u1161\u11ab국어\0가나  다라1-2!"]},
        ngram_characters=12,
    )
    assert plain.run_hashes.tolist() == other.run_hashes.tolist()
    assert plain.run_hashes.size == 4


def test_an_index_is_read_as_written() -> None:
    index = build_index({"가.tsv": [LONG, LONG[:20]], "b": ["x"]})
    stream = io.BytesIO()
    write_index(index, stream)
    stream.seek(0)
    received = read_index(stream)
    assert received.files == ("가.tsv", "b")
    assert received.ngram_characters == 32
    for name in (
        "row_files",
        "row_ignored",
        "run_hashes",
        "run_rows",
        "line_hashes",
        "line_rows",
    ):
        assert np.array_equal(getattr(received, name), getattr(index, name))


@pytest.mark.parametrize("rows", [{}, {"a": []}, {"a": ["", "짧은 줄"]}])
def test_an_index_without_runs(rows: dict[str, list[str]]) -> None:
    index: EvaluationIndex = build_index(rows)
    assert index.run_hashes.size == index.line_hashes.size == 0
    assert index.find_lines(np.arange(9, dtype=np.uint64)).size == 0
    assert index.find_runs(Letters("가나다라마바사" * 9)).size == 0


def test_runs_that_are_too_short_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"ngram_characters=8; expected 12 letters"):
        build_index({"a": [LONG]}, ngram_characters=8)
