"""python -m pytest tests/test_bands.py"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from electra_keras.config import ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.training.bands import BANDS, STEPS, RunFacts, find_edges

KOREAN = RunFacts(vocabulary_size=16_000, train_steps=34_000, warmup_steps=300)
# docs/RESULTS.md: the Korean reviews, held-out; from step to value.
MEASURED = {
    "masked_lm_loss": {0: 10.15, 1_000: 7.01, 5_000: 6.67, 10_000: 6.22, 34_000: 5.65},
    "masked_lm_accuracy": {1_000: 0.204, 5_000: 0.237, 10_000: 0.249, 34_000: 0.263},
    "sampled_masked_lm_accuracy": {1_000: 0.084, 5_000: 0.155, 34_000: 0.196},
    "disc_loss": {0: 0.684, 1_000: 0.393, 5_000: 0.345, 10_000: 0.3, 34_000: 0.264},
    "disc_auc": {0: 0.499, 1_000: 0.546, 2_000: 0.555, 5_000: 0.695, 34_000: 0.843},
    "disc_recall": {0: 0.39, 1_000: 0.0, 5_000: 0.05, 10_000: 0.16, 34_000: 0.31},
    "replaced_rate": {0: 0.149, 1_000: 0.136, 5_000: 0.126, 34_000: 0.119},
}
# docs/training.md: others' runs of Small, 30,522 entries.
PUBLISHED = {
    "masked_lm_loss": {1_000_000: 1.71},
    "masked_lm_accuracy": {5_000: 0.03, 1_000_000: 0.618},
    "sampled_masked_lm_accuracy": {1_000_000: 0.538},
    "disc_loss": {1_000_000: 0.159},
    "disc_auc": {5_000: 0.68, 1_000_000: 0.883},
    "disc_recall": {5_000: 0.05, 1_000_000: 0.27},
}


@pytest.mark.parametrize(
    ("values", "facts"), [(MEASURED, KOREAN), (PUBLISHED, RunFacts(30_522))]
)
def test_runs_that_learnt_lie_inside(
    values: dict[str, dict[int, float]], facts: RunFacts
) -> None:
    for name, points in values.items():
        for step, value in points.items():
            edges = find_edges(name, step, facts)
            assert edges is not None and edges[0] <= value <= edges[1], (name, step)


def test_edges_stand_in_their_metrics_own_unit_and_between_rows() -> None:
    assert find_edges("masked_lm_loss", 5_000, KOREAN) == pytest.approx(
        (3.388, 8.228), abs=1e-3
    )
    assert find_edges("replaced_rate", 1_000, KOREAN) == pytest.approx((0.075, 0.1575))
    # The middle of 1,000 and 2,000: 1 + step / 1,000 is 2, 2.449 and 3.
    low, high = find_edges("disc_auc", 1_449, KOREAN) or (0, 0)
    assert (low, high) == pytest.approx((0.475, 0.91), abs=1e-3)
    assert find_edges("disc_auc", 9_999_999, KOREAN) == pytest.approx((0.7, 0.99))
    assert find_edges("loss", 5, KOREAN) is None


def test_table_is_whole() -> None:
    for name, band in BANDS.items():
        assert len(band.edges) == len(STEPS), name
        assert all(low < high for low, high in band.edges)


def test_parts_count_their_own_steps() -> None:
    facts = dataclasses.replace(KOREAN, discriminator_step=4_000)
    assert find_edges("disc_auc", 3_999, facts) is None
    assert find_edges("disc_auc", 9_000, facts) == find_edges("disc_auc", 5_000, KOREAN)
    assert find_edges("masked_lm_loss", 9_000, facts) == find_edges(
        "masked_lm_loss", 9_000, KOREAN
    )


@pytest.mark.parametrize(
    ("settings", "unjudged"),
    [
        ({}, set()),
        ({"objective": "mlm"}, set()),
        ({"objective": "electra_15"}, {"disc_loss", "disc_auc", "disc_recall"}),
        ({"disallow_correct": True}, {"sampled_masked_lm_accuracy"}),
        (
            {"uniform_generator": True},
            {name for name, band in BANDS.items() if band.part == "generator"}
            | {"disc_loss"},
        ),
    ],
)
def test_what_is_so_by_design_has_no_band(settings: dict, unjudged: set[str]) -> None:
    config = ExperimentConfig(
        ModelConfig(vocabulary_size=16_000), train=TrainConfig(**settings)
    )
    facts = RunFacts.of(config)
    assert facts.unjudged == unjudged
    assert (facts.vocabulary_size, facts.warmup_steps) == (16_000, 10_000)
    for name in unjudged:
        assert find_edges(name, 5_000, facts) is None


def test_docs_show_the_table() -> None:
    page = (Path(__file__).parents[1] / "docs/training.md").read_text("utf-8")
    for name, band in BANDS.items():
        cells = [f"{low:g} to {high:g}" for low, high in band.edges]
        unit = "" if band.unit == "1" else f", share of {band.unit}"
        assert f"| `{name}`{unit} | {' | '.join(cells)} |" in page
    header = " | ".join(f"{step:,}" for step in STEPS)
    assert re.search(rf"^\| after steps \| {header} \|$", page, re.M)
