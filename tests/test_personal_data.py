"""python -m pytest tests/test_personal_data.py -s prints the table of the page."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.cleaning.personal_data import KINDS, scrub

PAGE = Path(__file__).parent.parent / "docs" / "cleaning.md"
# Written with the patterns in view. Numbers are invented or a card issuer's test
# numbers, resident numbers have a wrong check digit, addresses are of example.*.
LABELLED = [
    (text, Counter(filter(None, kinds.split(","))))
    for text, kinds in (
        line.split("\t")
        for line in (Path(__file__).parent / "data" / "personal_data.tsv")
        .read_text("utf-8")
        .splitlines()
    )
]
PIECES = [
    *("010", "1234", "5678", "02", "82", "+", "-", " ", ".", "/", "(", ")", "0", "1"),
    *("900101", "1234567", "4111", "1111", "110", "123456", "국민은행", "계좌", "원"),
    *("카톡", "카카오톡", "kakao", "아이디", ":", "는", "abc1", "hello", "x_y_z"),
    *("a@example.com", "name", "@", "(at)", "골뱅이", "예시", "닷컴", ".com", "-x"),
    *("공일공", "일이삼사", "오육칠팔", "o1o", "\n", "\n\x01\n", "가"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def measure() -> dict[str, tuple[int, int, int]]:
    """Right, wrong and missed ones of each kind."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for text, labelled in LABELLED:
        found = scrub(text)[1]
        right += found & labelled
        wrong += found - labelled
        missed += labelled - found
    counts = {kind: (right[kind], wrong[kind], missed[kind]) for kind in KINDS}
    return counts | {"all": (right.total(), wrong.total(), missed.total())}


def make_table() -> str:
    rows = ["| kind | labelled | precision | recall |", "|---|---|---|---|"]
    for kind, (right, wrong, missed) in measure().items():
        precision, recall = right / (right + wrong), right / (right + missed)
        rows.append(f"| {kind} | {right + missed} | {precision:.3f} | {recall:.3f} |")
    return "\n".join(rows)


def test_precision_and_recall_on_the_labelled_set() -> None:
    print("\n" + make_table())
    assert len(LABELLED) >= 150 and sum(not kinds for _, kinds in LABELLED) >= 60
    right, wrong, missed = measure()["all"]
    assert right / (right + wrong) >= 0.98
    assert right / (right + missed) >= 0.94
    for right, wrong, missed in measure().values():
        assert right / (right + wrong) >= 0.9
        assert right / (right + missed) >= 0.8


def test_page_shows_the_measured_table() -> None:
    assert make_table() in PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ("내번호 010-1234-5678야", "내번호 000-0000-0000야", {"phone": 1}),
        ("+82 10 1234 5678", "+00 00 0000 0000", {"phone": 1}),
        ("공일공-일이삼사-오육칠팔", "공공공-공공공공-공공공공", {"phone": 1}),
        ("900101-1234567", "000000-0000000", {"resident_number": 1}),
        ("a.b@example.org로!", "email@example.com로!", {"email": 1}),
        ("습니다.name@example.org", "습니다.email@example.com", {"email": 1}),
        ("좋다..name@example.org", "좋다..email@example.com", {"email": 1}),
        ("습니다.name골뱅이example.org", "습니다.email@example.com", {"email": 1}),
        ("name (at) example.com", "email@example.com", {"email": 1}),
        ("카톡 아이디: bluesky", "카톡 아이디: 아이디", {"kakao_id": 1}),
        ("4111 1111 1111 1111", "0000 0000 0000 0000", {"card": 1}),
        ("국민 123456-01-123456", "국민 000000-00-000000", {"account": 1}),
        ("신한 110123456789원", "신한 110123456789원", {}),
        ("2012년 7번방 10,000원", "2012년 7번방 10,000원", {}),
        ("국민은행\n12345601123456", "국민은행\n12345601123456", {}),
    ],
)
def test_shape_stays(before: str, after: str, counts: dict[str, int]) -> None:
    assert scrub(before) == (after, Counter(counts))
    assert scrub(after) == (after, Counter())


@pytest.mark.parametrize("text", [text for text, _ in LABELLED])
def test_scrubbing_a_labelled_line_twice_changes_nothing(text: str) -> None:
    once, _ = scrub(text)
    assert scrub(once) == (once, Counter())


@settings(max_examples=500, deadline=None)
@given(a=texts, b=texts)
def test_scrub_treats_documents_alone_and_counts_once(a: str, b: str) -> None:
    text, counts = scrub(f"{a}\0{b}")
    (first, first_counts), (second, second_counts) = scrub(a), scrub(b)
    assert text == f"{first}\0{second}"
    assert counts == first_counts + second_counts
    assert text.count("\n") == a.count("\n") + b.count("\n")
    assert re.sub(r"\d", "", text).count("\x01") == f"{a}{b}".count("\x01")
    assert scrub(text) == (text, Counter())


@pytest.mark.parametrize(
    "unit",
    ["1", "1 ", "0-", "a", "a.", "a..", "a@", "@a.", "@a.bc", "가.a@b.cd",
     "카톡 a1bcd ", "골뱅이", "010 ", "국민 1234567890 ", "카톡아이디는 abcd:",
     "공일공"],
)  # fmt: skip
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    start = time.process_time()
    scrub(text)
    # Linear: below 1 s. Quadratic would take minutes.
    assert time.process_time() - start < 5
