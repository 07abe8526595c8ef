"""python -m pytest tests/test_report.py"""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_html import CheckedHtml

from beam_pipelines.document_profile import EDGES, histogram
from beam_pipelines.reporting.charts import compact, make_histogram
from beam_pipelines.reporting.nested import flatten
from beam_pipelines.reporting.report import make_report
from beam_pipelines.reporting.verdicts import find_problems
from beam_pipelines.reporting.word_changes import Part, mark_changes
from electra_keras.data.visible import show_invisible

HOSTILE = "<script>alert(1)</script>\"]]>'&lt;{{ 7 * 7 }}</style><!--"

# A run of the size of a review corpus: {"stats": ..., "info": ..., "config": ...}.
RUN = json.loads((Path(__file__).parent / "data/report.json").read_text("utf-8"))
STATS, INFO, CONFIG = RUN["stats"], RUN["info"], RUN["config"]
SPLIT = STATS["splits"]["train"]


class Page(CheckedHtml):
    """Collects cells, too."""

    def __init__(self, text: str) -> None:
        self.cells: list[str] = []
        super().__init__(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if self.open and self.open[-1] in ("td", "th", "code", "small"):
            self.cells[-1:] = ["".join([*self.cells[-1:], data])]


def make_hostile(value: Any) -> Any:
    """Puts hostile text into every text of a nested value."""
    if isinstance(value, dict):
        return {key: make_hostile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [make_hostile(inner) for inner in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_report_is_well_formed_and_has_every_section() -> None:
    page = Page(make_report(STATS, INFO, CONFIG))
    ids = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert ids == [
        *("verdict", "funnel", "rejected", "inputs", "lengths", "languages"),
        *("duplicates", "personal-data", "evaluation-files", "vocabulary", "splits"),
        *("samples", "settings"),
    ]
    links = [x["href"] for tag, x in page.tags if tag == "a"]
    assert links == [f"#{name}" for name in ids[1:]]
    assert page.tags[0] == ("html", {"lang": "en"})
    assert [tag for tag, _ in page.tags].count("h1") == 1


def test_report_shows_the_figures() -> None:
    page = Page(make_report(STATS, INFO, CONFIG))
    rows = "|".join(page.cells)
    assert "decontaminate|12,493|99.8 %|4|52.2 MB|" in rows
    assert "near_duplicatenearly equals an earlier document|283|54.3 %|" in rows
    assert "sampled_out" not in page.text
    assert "sentiment_validation.tsv|5,961|120|3|4|" in rows
    assert "Lines cut" not in rows and "5 lines were cut." in page.text
    assert "Unknown token rate|0.08 %|0.08 %" in rows
    assert "clean.preset|korean_chat" in rows
    assert "inputs.reviews.path|reviews/*.txt" in rows
    assert "12,500 uses" in page.text
    assert "90 clusters of different texts; 283 documents were dropped." in page.text
    assert "Texts|Number|Share||2|70|77.8 %||3|20|22.2 %||" in rows
    assert "12,520 in all; the middle one lies at" not in page.text
    assert "12,120 in all; the middle one lies at 50 to 99." in page.text
    assert "79,800 in all; the middle one lies at 113 to 128." in page.text
    assert "129 to 144" not in page.text
    assert "No figure is out of its healthy range." in page.text
    assert "11.2 s, 4.7 MB/s, FnApiRunner, 1 worker." in page.text


def test_sizes_of_clusters_are_grouped() -> None:
    stats = copy.deepcopy(STATS)
    sizes = {"2": 50, "5": 1, "6": 20, "10": 5, "11": 3, "20": 1, "21": 12, "400": 8}
    stats["duplicates"]["near"]["sizes"] = sizes
    rows = "|".join(Page(make_report(stats, INFO, CONFIG)).cells)
    assert "2|50|50.0 %||5|1|1.0 %||6 to 10|25|25.0 %||11 to 20|4|4.0 %||more|20|" in (
        rows
    )


@pytest.mark.parametrize(
    ("kept", "shown"),
    [(999_900, "99.99 %"), (999_949, "99.99 %"), (999_999, "99.99 %"), (10**6, "100")],
)
def test_what_is_not_all_does_not_look_like_it(kept: int, shown: str) -> None:
    stats = copy.deepcopy(STATS)
    stats["funnel"] = [
        {"stage": "read", "documents": 10**6, "text_bytes": 1},
        {"stage": "pack", "documents": kept, "text_bytes": 1},
    ]
    rows = "|".join(Page(make_report(stats, INFO, CONFIG)).cells)
    assert f"pack|{kept:,}|{shown}" in rows


def test_changed_words_are_marked() -> None:
    text = make_report(STATS, INFO, CONFIG)
    assert re.findall("<del>(.*?)</del>", text) == ["ㅋㅋㅋㅋㅋ"]
    assert re.findall("<ins>(.*?)</ins>", text) == ["ㅋㅋ"]


def test_report_asks_nothing_of_the_network() -> None:
    text = make_report(make_hostile(STATS), INFO, CONFIG)
    assert "http://" not in text and "https://" not in text and "url(" not in text
    assert "@import" not in text
    page = Page(text)
    allowed = {"link": "data:,"}
    for tag, attributes in page.tags:
        assert tag not in {"script", "img", "iframe", "object", "embed"}
        assert not attributes.keys() & {"src", "srcset", "xlink:href", "onload"}
        href = attributes.get("href") or "#"
        assert href.startswith("#") or href == allowed.get(tag)


def test_hostile_text_stays_text() -> None:
    stats = make_hostile(STATS)
    stats["inputs"] = {HOSTILE: STATS["inputs"]["reviews"]}
    stats["personal_data"] = {HOSTILE: 1}
    stats["documents"]["rejected"] = {HOSTILE: 1}
    stats["splits"] = {HOSTILE: {**SPLIT, "padding_rate": 0.9}}
    stats["histograms"] = {HOSTILE: STATS["histograms"]["characters"]}
    config = make_hostile(CONFIG) | {HOSTILE: HOSTILE}
    text = make_report(stats, INFO | {"version": HOSTILE}, config)
    assert "<script" not in text and "alert(1)</" not in text
    assert text.count("</style>") == 1
    plain = Page(make_report(STATS, INFO, CONFIG))
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags}
    assert page.text.count(HOSTILE) > 20


def test_invisible_and_unwritable_characters_are_shown_by_number() -> None:
    assert show_invisible("a\u202eb\x1b[0m\n\t\ud800👨‍👩") == (
        "a‹U+202E›b‹U+001B›[0m\n\t‹U+D800›👨‍👩"
    )
    stats = copy.deepcopy(STATS)
    stats["samples"][0] |= {"before": "\ufeff가\x00\udc80", "after": "가"}
    text = make_report(stats, INFO, CONFIG)
    assert "‹U+FEFF›가‹U+0000›‹U+DC80›" in text
    assert text.encode("utf-8").decode("utf-8") == text


@pytest.mark.parametrize("section", STATS)
@pytest.mark.parametrize("empty", [None, {}])
def test_any_section_may_be_missing_or_empty(section: str, empty: Any) -> None:
    stats = {key: value for key, value in STATS.items() if key != section}
    if empty is not None and isinstance(STATS[section], dict | list):
        stats[section] = type(STATS[section])()
    Page(make_report(stats, INFO, CONFIG))


def test_nothing_is_enough_for_a_report() -> None:
    page = Page(make_report({}, INFO, {}))
    for words in ("Not counted by stage.", "Not measured.", "Not looked for.", "None."):
        assert words in page.text


def test_problems_are_told_with_what_to_do() -> None:
    assert find_problems(STATS, "reference") == []
    assert find_problems({}, "reference") == []
    stats = copy.deepcopy(STATS)
    stats["documents"] |= {"read": 1_000, "kept": 100, "malformed_utf8": 11}
    stats["documents"]["rejected"] = {"sampled_out": 500, "too_short": 300, "empty": 9}
    stats["splits"]["train"] = {**SPLIT, "padding_rate": 0.62}
    stats["splits"]["validation"] |= {"examples": 40, "unknown_token_rate": 0.034}
    problems = find_problems(stats, "reference")
    assert [problem.finding for problem in problems] == [
        "Only 100 of 500 documents were kept (20%).",
        "11 documents held bytes that are not UTF-8.",
        "3.4% of the tokens of the validation split are [UNK].",
        "62% of the rows of train is padding.",
        "The validation split has only 40 examples.",
    ]
    assert "rejected as too_short (300)" in problems[0].advice
    assert "packing.kind=dense" in problems[3].advice
    assert "iconv -f CP949 -t UTF-8" in problems[1].advice
    assert "shards.validation_rate" in problems[4].advice
    page = Page(make_report(stats, INFO, CONFIG))
    assert all(problem.advice in page.text for problem in problems)


def test_figures_at_their_limit_are_no_problem() -> None:
    documents = {"read": 100, "kept": 50, "malformed_utf8": 1}
    splits = {"train": {"padding_rate": 0.3, "unknown_token_rate": 0.01}}
    assert find_problems({"documents": documents, "splits": splits}, "dense") == []


def test_share_of_unknown_tokens_names_the_split_if_there_is_one() -> None:
    stats = {"vocabulary": {"unknown_token_rate": 0.02}}
    (problem,) = find_problems(stats, "reference")
    assert problem.finding == "2.0% of the tokens are [UNK]."
    stats["splits"] = {"train": {"unknown_token_rate": 0.02}}
    (problem,) = find_problems(stats, "reference")
    assert problem.finding == "2.0% of the tokens of the train split are [UNK]."


def test_dense_rows_are_not_told_to_be_packed_dense() -> None:
    stats = {"splits": {"train": {**SPLIT, "padding_rate": 0.62}}}
    (problem,) = find_problems(stats, "dense")
    assert problem.advice == (
        "Lower packing.sequence_length; a split with few rows is mostly its last row."
    )
    page = Page(make_report(stats, INFO | {"packing": "dense"}, {}))
    assert problem.advice in page.text and "packing.kind=dense" not in page.text


def test_mark_changes_cuts_long_texts_near_the_first_change() -> None:
    before, after = mark_changes("가 나 다", "가 라 다")
    assert before == [Part("가 ", False), Part("나", True), Part(" 다", False)]
    assert after == [Part("가 ", False), Part("라", True), Part(" 다", False)]
    assert mark_changes("", "") == ([], [])
    assert mark_changes("a", "") == ([Part("a", True)], [])
    before, after = mark_changes("x " * 2_000 + "old", "x " * 2_000 + "new")
    assert before[-1] == Part("old", True) and after[-1] == Part("new", True)
    assert before[0].text == "… " + "x " * 40


def test_histogram_geometry() -> None:
    figure = make_histogram("hangul_rate", [0, 0.5, 1], [1, 3])
    assert figure.title == "Share of Hangul among letters"
    assert figure.ticks == ((0.0, "0 %"), (180.0, "50 %"), (360.0, "100 %"))
    assert (figure.total, figure.median) == (4, "50 % to 100 %")
    low, high = figure.bars
    assert (low.x, low.y, low.width, low.height) == (0.75, 80.0, 178.5, 40.0)
    assert (high.y, high.height, high.share) == (0.0, 120.0, 0.75)
    empty = make_histogram("words", [0, 1], [0])
    assert (empty.total, empty.median) == (0, "")
    numbers = (0, 7, 999, 1_000, 20_000, 999_999, 1.5e6)
    assert [compact(number) for number in numbers] == [
        *("0", "7", "999", "1k", "20k", "1M", "1.5M")
    ]


def test_histogram_of_counts_ends_at_its_last_full_bin() -> None:
    edges = EDGES["tokens_per_example"]
    counts = histogram("tokens_per_example", np.array([1, 16, 17, 128, 128, 128]))
    figure = make_histogram("tokens_per_example", edges, counts)
    assert [(bar.range, bar.count) for bar in figure.bars] == [
        *(("1 to 16", 2), ("17 to 32", 1), ("33 to 48", 0), ("49 to 64", 0)),
        *(("65 to 80", 0), ("81 to 96", 0), ("97 to 112", 0), ("113 to 128", 3)),
    ]
    assert figure.median == "17 to 32"
    assert figure.ticks[-1] == (360.0, "129")
    assert len(make_histogram("digit_rate", [0, 0.5, 1], [1, 0]).bars) == 2


def test_flatten_names_items_of_lists() -> None:
    nested = {
        "a": {"b": 1, "c": {}},
        "funnel": [{"stage": "read", "n": 1}, {"stage": "pack", "n": 2}],
        "twice": [{"name": "x", "n": 1}, {"name": "x", "n": 2}],
        "plain": [5, 6],
    }
    assert flatten(nested) == {
        **{"a.b": 1, "a.c": {}},
        **{"funnel.read.stage": "read", "funnel.read.n": 1},
        **{"funnel.pack.stage": "pack", "funnel.pack.n": 2},
        **{"twice.0.name": "x", "twice.0.n": 1, "twice.1.name": "x", "twice.1.n": 2},
        **{"plain.0": 5, "plain.1": 6},
    }
    assert flatten({}) == {}
