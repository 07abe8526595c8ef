"""python -m pytest tests/test_decontamination.py"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.decontamination import FileReport, find_overlaps, make_reports
from beam_pipelines.evaluation_index import build_index

LONG = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보"
SHORT = "이 영화는 정말로 재미있었습니다"  # 14 letters.
OTHER = "평가와는 아무런 관계가 없는 문장이다"


def test_lines_documents_rows_and_files() -> None:
    index = build_index({"a.tsv": [LONG, SHORT, "짧다"], "b.tsv": ["없는 행", LONG]})
    documents = [
        f"{OTHER}\n앞 {LONG} 뒤\n{OTHER}",
        OTHER,
        f"{SHORT}!!\n{OTHER}",
        "",
        f"{OTHER} {SHORT}",
    ]
    found = find_overlaps("\0".join(documents), index)
    assert found.files.tolist() == [0, -1, 0, -1, -1]
    assert found.hits.tolist() == [3, 0, 1, 0, 0]
    assert found.lines.tolist() == [0, 1, 0, 0, 1, 0, 0, 0]
    assert found.rows.tolist() == [0, 1, 4]
    assert found.file_documents.tolist() == [2, 1]
    assert make_reports(index, [0, 1, 4, 1], [2, 1]) == [
        FileReport("a.tsv", rows=3, rows_ignored=1, rows_found=2, documents=2),
        FileReport("b.tsv", rows=2, rows_ignored=1, rows_found=1, documents=1),
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (LONG[:32], [1]),
        (LONG[1:33], [1]),
        (LONG[:31], [0]),
        (" ".join(LONG), [1]),
        (OTHER * 3 + LONG[:32] + OTHER * 9, [1]),
        # Cut by line ends: lines that the run covers, and not the one that
        # shares a few letters with it.
        (f"{LONG[:10]}\n{LONG[10:22]}\n{LONG[22:32]}", [1, 1, 1]),
        (f"{OTHER}{LONG[:3]}\n{LONG[3:32]}\n{OTHER}", [0, 1, 0]),
        (f"{OTHER}{LONG[:16]}\n{LONG[16:32]}{OTHER}", [1, 1]),
        (f"{OTHER}{LONG[:17]}\n{LONG[17:32]}{OTHER}", [1, 0]),
        (f"{LONG[:16]}\n\n{LONG[16:32]}", [1, 0, 1]),
        # Another document is another text.
        (f"{LONG[:16]}\0{LONG[16:32]}", [0, 0]),
        (f"{OTHER}\0{LONG[:32]}\0", [0, 1, 0]),
    ],
)
def test_which_lines_are_cut(text: str, lines: list[int]) -> None:
    index = build_index({"a": [LONG]})
    assert find_overlaps(text, index).lines.tolist() == lines


def test_a_short_row_needs_a_line_of_its_own() -> None:
    index = build_index({"a": [SHORT]})
    text = f"{SHORT}.\n{SHORT} {SHORT}\n이영화는 정말로재미있었습니다ㅋ\0{SHORT}"
    found = find_overlaps(text, index)
    assert found.lines.tolist() == [1, 0, 0, 1]
    assert found.hits.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("text", "lines", "hits"),
    [
        (f"{OTHER}\n이 영화는.\n정말로 재미있었습니다!", [0, 1, 1], 1),
        (f"이\n영화는\n정말로\n재미있었습니다\n{OTHER}", [1, 1, 1, 1, 0], 1),
        ("이\n영\n화는\n정말로\n재미있었습니다", [0, 0, 0, 0, 0], 0),
        # Lines without letters beside it stay, those within it go.
        (f"{OTHER}\n\n이 영화는\n정말로\n...\n재미있었습니다\n\n{OTHER}", None, 1),
        (f"...\n{SHORT}\n\n{OTHER}", [0, 1, 0, 0], 1),
        # Another document is another text.
        ("이 영화는\0정말로 재미있었습니다", [0, 0], 0),
        ("이 영화는\n정말로\0재미있었습니다", [0, 0, 0], 0),
    ],
)
def test_a_short_row_may_be_cut_into_sentences(
    text: str, lines: list[int] | None, hits: int
) -> None:
    found = find_overlaps(text, build_index({"a": [SHORT]}))
    assert found.lines.tolist() == (lines or [0, 0, 1, 1, 1, 1, 0, 0])
    assert found.hits.sum() == hits
    assert found.rows.tolist() == [0] * bool(hits)


def test_laughter_is_no_overlap() -> None:
    index = build_index({"a": ["ㅋ" * 50, "재밌다 " + "ㅋ" * 50]})
    found = find_overlaps("ㅋ" * 200 + "\n와 " + "ㅋ" * 31, index)
    assert found.lines.tolist() == [0, 0]


@pytest.mark.parametrize("text", ["", "\0\0", "\n", OTHER])
@pytest.mark.parametrize("rows", [{}, {"a": []}, {"a": [LONG, SHORT]}])
def test_nothing_to_find(text: str, rows: dict[str, list[str]]) -> None:
    found = find_overlaps(text, build_index(rows))
    assert found.files.tolist() == [-1] * (text.count("\0") + 1)
    assert found.hits.tolist() == [0] * (text.count("\0") + 1)
    assert found.lines.tolist() == [0] * (text.count("\0") + text.count("\n") + 1)
    assert found.rows.size == 0
    assert found.file_documents.tolist() == [0] * len(rows)


pieces = st.sampled_from([LONG, LONG[:20], LONG[20:], SHORT, OTHER, "\n", " ", "x"])
documents = st.lists(st.lists(pieces, max_size=6).map("".join), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(texts=documents)
def test_each_document_is_searched_as_if_alone(texts: list[str]) -> None:
    index = build_index({"a": [SHORT, OTHER * 3], "b": [LONG]})
    together = find_overlaps("\0".join(texts), index)
    alone = [find_overlaps(text, index) for text in texts]
    for name in ("files", "hits", "lines"):
        expected = np.concatenate([getattr(found, name) for found in alone])
        assert getattr(together, name).tolist() == expected.tolist()
    rows = sorted({row for found in alone for row in found.rows.tolist()})
    assert together.rows.tolist() == rows
    total = sum(found.file_documents for found in alone)
    assert together.file_documents.tolist() == np.asarray(total).tolist()


def test_every_planted_row_is_found_in_much_text() -> None:
    choose = random.Random(0)
    syllables = [chr(point) for point in range(0xAC00, 0xAC00 + 2000, 7)]

    def make_sentence() -> str:
        return "".join(choose.choices([*syllables, " "], k=60))

    rows = [make_sentence() for _ in range(300)]
    documents = ["\n".join(make_sentence() for _ in range(9)) for _ in range(600)]
    for number in range(0, 300, 2):
        documents[2 * number] += "\n" + rows[number].replace(" ", "")
    found = find_overlaps("\0".join(documents), build_index({"a": rows}))
    assert found.rows.tolist() == list(range(0, 300, 2))
    assert np.flatnonzero(found.files == 0).tolist() == list(range(0, 600, 4))
    assert int(found.lines.sum()) == 150
