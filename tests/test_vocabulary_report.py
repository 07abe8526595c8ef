"""python -m pytest tests/test_vocabulary_report.py"""

from __future__ import annotations

import json

import pytest

from beam_pipelines.vocabulary_report import EntryCount, TextFit, report_vocabulary
from electra_keras.data.vocabulary import SPECIAL_TOKENS
from electra_keras.errors import UsageError

ENTRIES = (*SPECIAL_TOKENS, "[unused0]", "a", "##b", "ab", "##abab", "|")
WORDS = {"ab": 6, "abb": 2, "z": 2}


def test_words_weigh_what_they_count() -> None:
    report = report_vocabulary(ENTRIES, WORDS, max_bytes_per_word=300)
    assert report.entries == 11
    assert report.training == TextFit(
        words=10,
        distinct_words=3,
        unknown_rate=0.2,
        pieces_per_word=(6 * 1 + 2 * 2 + 2 * 1) / 10,
        whole_word_rate=0.6,
        known_character_rate=18 / 20,
    )
    assert report.held_out is None


def test_held_out_text_is_measured_apart() -> None:
    report = report_vocabulary(
        ENTRIES, WORDS, held_out_counts={"a": 1, "zz": 3}, max_bytes_per_word=300
    )
    assert report.held_out == TextFit(4, 2, 0.75, 1.0, 0.25, 1 / 7)
    assert report.training.words == 10


def test_longest_rarest_and_unused_entries() -> None:
    report = report_vocabulary(ENTRIES, {"ab": 6, "abb": 2}, max_bytes_per_word=300)
    assert report.longest == (
        EntryCount("##abab", 0),
        EntryCount("ab", 8),
        EntryCount("a", 0),
        EntryCount("##b", 2),
        EntryCount("|", 0),
    )
    assert report.rarest == (EntryCount("##b", 2), EntryCount("ab", 8))
    # a, ##abab and |, of five that text can use.
    assert report.unused_rate == pytest.approx(3 / 5)


def test_a_word_over_the_limit_is_unknown() -> None:
    words = {"ab" * 10: 1, "ab": 1}
    report = report_vocabulary(ENTRIES, words, max_bytes_per_word=16)
    assert report.training.unknown_rate == 0.5


def test_many_words_are_counted_over_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = report_vocabulary(ENTRIES, WORDS, max_bytes_per_word=300)
    monkeypatch.setattr("beam_pipelines.vocabulary_report._BATCH_WORDS", 1)
    assert report_vocabulary(ENTRIES, WORDS, max_bytes_per_word=300) == expected


def test_json_holds_every_field() -> None:
    report = report_vocabulary(
        ENTRIES, WORDS, held_out_counts={"a": 1}, max_bytes_per_word=300
    )
    fields = json.loads(report.to_json())
    assert fields["entries"] == 11
    assert fields["training"]["unknown_rate"] == 0.2
    assert fields["held_out"]["words"] == 1
    assert fields["longest"][0] == {"entry": "##abab", "count": 0}


def test_markdown() -> None:
    report = report_vocabulary(
        ENTRIES, {"ab": 6, "|": 2}, held_out_counts={"a": 4}, max_bytes_per_word=300
    )
    assert (
        report.to_markdown()
        == """\
# Vocabulary of 11 entries

| | training | held out |
|---|---:|---:|
| words | 8 | 4 |
| different words | 2 | 1 |
| [UNK] rate | 0.0000% | 0.0000% |
| pieces per word | 1.000 | 1.000 |
| words that are one entry | 100.00% | 100.00% |
| characters covered | 100.0000% | 100.0000% |

The training text never uses 60.00% of the entries that text can use.

## The 5 longest

| entry | uses | entry | uses |
|---|---:|---|---:|
| <code>##abab</code> | 0 | <code>##b</code> | 0 |
| <code>ab</code> | 6 | <code>&#124;</code> | 2 |
| <code>a</code> | 0 |  |  |

## The 2 rarest of those used

| entry | uses | entry | uses |
|---|---:|---|---:|
| <code>&#124;</code> | 2 | <code>ab</code> | 6 |
"""
    )


def test_no_words_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="without words"):
        report_vocabulary(ENTRIES, {}, max_bytes_per_word=300)
