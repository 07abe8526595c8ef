"""python -m pytest tests/test_normalization.py"""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.cleaning.normalization import (
    decode,
    join_documents,
    normalize_text,
    split_documents,
    tidy_lines,
)
from electra_keras.data.character_kinds import EMOJI, make_table
from electra_keras.errors import ElectraError, UsageError

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
PIECES = [
    *("가", "나 ", "e", "1", "#", " ", "\n", "\x01", "\t", "\u3000", "\u200b"),
    *("\u0301", "\u1112", "\u1161", "\u11ab", "\r", "\x85", "\x07", "\ufeff"),
    *("\u200d", "\ufe0f", "\u20e3", "❤", "\U0001f44d", "\U0001f3fd", "\U0001f3f4"),
    *("\U000e0067", "\U000e007f", "\u115f", "\u034f", "\uffa1"),
]
lines = st.lists(st.sampled_from(["a", " b  c ", "", " ", "\x01"]), max_size=9)
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def tidy_simply(document: str) -> str:
    turns: list[list[str]] = [[]]
    for line in document.split("\n"):
        if line == "\x01":
            turns.append([])
        elif line.strip():
            turns[-1].append(" ".join(line.split()))
    return "\n\n".join("\n".join(turn) for turn in turns if turn)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\u1112\u1161\u11ab글 e\u0301", "한글 \xe9"),
        ("\uff8b\uffa1ㅋㅋ", "\uff8b\uffa1ㅋㅋ"),
        ("a\r\nb\rc\x85d\u2028e\vf", "a\nb\nc\nd\ne\nf"),
        ("\ufeff가\u200b나\u00ad다\x07\u202e라", "가나다라"),
        ("e\u200b\u0301", "\xe9"),
        ("가\u3000나\xa0\t다\u2003 라\u3164", "가 나 다 라 "),
        (f"{FAMILY} ❤\ufe0f 1\ufe0f\u20e3 {WALES}", None),
        ("가\u200d나 가\ufe0f 1\ufe0f x\U000e0067\U000e007f", "가나 가 1 x"),
        ("❤\ufe0f\ufe0f\u200d\u200d가", "❤\ufe0f가"),
        ("a\0\0 b\x01\0", None),
        ("", ""),
    ],
)
def test_normalize_text(text: str, expected: str | None) -> None:
    assert normalize_text(text) == (text if expected is None else expected)


@settings(max_examples=400, deadline=None)
@given(texts, texts)
def test_normalize_text_treats_documents_alone_and_is_idempotent(
    a: str, b: str
) -> None:
    joined = normalize_text(f"{a}\0{b}")
    assert joined == f"{normalize_text(a)}\0{normalize_text(b)}"
    assert normalize_text(joined) == joined
    assert unicodedata.is_normalized("NFC", joined)
    assert len(joined.splitlines()) == len(joined.split("\n")) - joined.endswith("\n")


@pytest.mark.parametrize("ordinary", ["", "가나다" * 9000])
def test_every_character_is_composed_as_by_unicodedata(ordinary: str) -> None:
    for start in range(0x00A0, 0x1F000, 256):
        characters = [chr(code) for code in range(start, start + 256)]
        for before in ("", "e", "\u1100", "가", "\u0bc6"):
            received = "\0".join(before + c for c in characters)
            received = normalize_text(f"{received}\0{ordinary}")
            received = received.removesuffix(f"\0{ordinary}")
            for character, text in zip(characters, received.split("\0"), strict=True):
                composed = unicodedata.normalize("NFC", before + character)
                assert text in (composed, before, before + " ", before + "\n")


def test_every_emoji_is_in_our_ranges() -> None:
    table = make_table(EMOJI)
    emoji = regex.compile(r"[\p{Emoji}--[0-9#*]]", regex.V1)
    missing = [c for c in range(0x1FFFF) if emoji.match(chr(c)) and not table[c]]
    assert missing == []
    assert not table[ord("가")] and not table[ord("漢")] and not table[ord("ㅋ")]


def test_decode_fast_path_keeps_boundaries() -> None:
    assert decode(["가".encode(), b"", b"b"], "fail") == (["가", "", "b"], 0)
    assert decode([], "fail") == ([], 0)
    assert decode([b"a\0b", b"c"], "fail") == (["a\0b", "c"], 0)


def test_decode_by_policy() -> None:
    # The first two would be one valid character if documents were glued.
    batch = [b"\xea\xb0", b"\x80", "나".encode()]
    assert decode(batch, "replace") == (["\ufffd", "\ufffd", "나"], 2)
    assert decode(batch, "skip") == ([None, None, "나"], 2)
    with pytest.raises(ElectraError, match="not UTF-8") as error:
        decode(batch, "fail")
    assert error.value.exit_code == 1
    with pytest.raises(UsageError, match="'ignore'"):
        decode(batch, "ignore")


def test_lines_emptied_by_cleaning_go_and_changes_of_speaker_stay() -> None:
    documents = ["안녕\nURL\n반가워\n\n  응 \nURL", "URL\n\nURL", "\0a\x01\n\nb\n\nURL"]
    text = normalize_text(join_documents(documents)).replace("URL", " ")
    assert split_documents(tidy_lines(text), 3, "test") == [
        "안녕\n반가워\n\n응",
        "",
        "a\n\nb",
    ]


@settings(max_examples=400, deadline=None)
@given(st.lists(lines.map("\n".join), min_size=1, max_size=4))
def test_tidy_lines_agrees_with_a_plain_loop(documents: list[str]) -> None:
    received = tidy_lines("\0".join(documents))
    assert received == "\0".join(tidy_simply(document) for document in documents)
    assert tidy_lines(received.replace("\n\n", "\n\x01\n")) == received


@given(st.lists(st.text("ab \n\0\x01", max_size=8), max_size=4))
def test_join_and_split_are_inverse_on_tidy_documents(documents: list[str]) -> None:
    tidy = [tidy_simply(d.replace("\0", "").replace("\x01", "")) for d in documents]
    assert split_documents(tidy_lines(join_documents(tidy)), len(tidy), "t") == tidy


def test_split_documents_names_the_step_that_lost_one() -> None:
    assert split_documents("", 0, "filter") == []
    with pytest.raises(ElectraError, match="1 documents after the step scrub"):
        split_documents("a", 2, "scrub")
    with pytest.raises(ElectraError, match="speaker marks"):
        split_documents("a\n\x01\nb", 1, "scrub")


def test_neither_tensorflow_nor_keras_is_imported() -> None:
    modules = ("normalization", "presets", "personal_data")
    imports = ", ".join(f"beam_pipelines.cleaning.{module}" for module in modules)
    code = f"import sys, {imports}; print({{'keras', 'tensorflow'}} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "set()\n", run.stderr
