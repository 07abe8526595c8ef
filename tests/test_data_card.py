"""python -m pytest tests/test_data_card.py"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from beam_pipelines.reporting.data_card import make_data_card

# A run of the size of a review corpus: {"stats": ..., "info": ..., "config": ...}.
RUN = json.loads((Path(__file__).parent / "data/report.json").read_text("utf-8"))
STATS, INFO, CONFIG = RUN["stats"], RUN["info"], RUN["config"]


def test_data_card_states_what_was_measured() -> None:
    card = make_data_card(STATS, INFO, CONFIG)
    assert re.findall("^## (.*)$", card, re.MULTILINE) == [
        *("Summary", "Sources", "Processing", "Statistics", "Splits"),
        *("Personal data", "Bias", "Known limits", "Licence", "How to repeat"),
    ]
    assert "79,800 examples with 9,090,000 tokens" in card
    assert "| near\\_duplicate | nearly equals an earlier document | 283 |" in card
    assert "| sentiment\\_validation.tsv | 5,961 | 120 | 3 | 4 |\n\n5 lines" in card
    assert "Lines cut" not in card and "5 lines were cut." in card
    assert "| email | 3 |\n| phone | 12 |" in card
    assert "| korean | 11,000 | 91.7% |" in card
    assert "Not stated." in card
    assert "  preset: korean_chat\n" in card
    assert "--config=config.yaml" in card


def test_data_card_judges_by_the_packing() -> None:
    stats = {"splits": {"train": {"padding_rate": 0.62, "examples": 9}}}
    assert "packing.kind=dense" in make_data_card(stats, INFO, {})
    card = make_data_card(stats, INFO | {"packing": "dense"}, {})
    assert "mostly its last row" in card and "packing.kind=dense" not in card


def test_data_card_leaves_out_what_differs_between_runs() -> None:
    slower = {**STATS, "elapsed_secs": 99.5, "runner": "DaskRunner", "workers": 7}
    card = make_data_card(STATS, INFO, CONFIG)
    assert make_data_card(slower, INFO, CONFIG) == card
    assert "FnApiRunner" not in card


def test_data_card_keeps_names_in_their_cells() -> None:
    stats = {"inputs": {"a|b\n# c <i>": {"files": 1}}}
    card = make_data_card(stats, INFO, {"inputs": [{"path": "a ````` b"}]})
    assert "| a\\|b \\# c \\<i\\> | 1 | – | – | – | – |" in card
    assert "\n``````yaml\n" in card and card.endswith("\n``````\n")


@pytest.mark.parametrize("section", STATS)
def test_any_section_may_be_missing_or_empty(section: str) -> None:
    stats = {key: value for key, value in STATS.items() if key != section}
    assert make_data_card(stats, INFO, CONFIG).startswith("# Data card\n")
    if isinstance(STATS[section], dict | list):
        stats[section] = type(STATS[section])()
        assert make_data_card(stats, INFO, CONFIG).startswith("# Data card\n")


def test_nothing_is_enough_for_a_card() -> None:
    assert "Not recorded by input." in make_data_card({}, INFO, {})
