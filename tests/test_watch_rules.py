"""python -m pytest tests/test_watch_rules.py"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from electra_keras.training.bands import RunFacts
from electra_keras.training.watch_rules import RULES, Window, find_troubles

FACTS = RunFacts(vocabulary_size=16_000, train_steps=34_000, warmup_steps=300)
NAMES = (
    *("masked_lm_loss", "sampled_masked_lm_accuracy", "disc_loss"),
    *("disc_auc", "disc_recall", "replaced_rate"),
)
# docs/RESULTS.md: the Korean reviews.
GOOD = {
    0: (10.15, 0.000, 0.684, 0.499, 0.39, 0.149),
    1_000: (7.01, 0.084, 0.393, 0.546, 0.00, 0.136),
    2_000: (6.80, 0.131, 0.378, 0.555, 0.00, 0.129),
    3_000: (6.73, 0.142, 0.366, 0.620, 0.00, 0.127),
    4_000: (6.71, 0.148, 0.360, 0.645, 0.03, 0.127),
    5_000: (6.67, 0.155, 0.345, 0.695, 0.05, 0.126),
    6_000: (6.60, 0.164, 0.323, 0.756, 0.11, 0.124),
    10_000: (6.22, 0.180, 0.300, 0.797, 0.16, 0.122),
    18_000: (5.87, 0.189, 0.279, 0.825, 0.23, 0.121),
    34_000: (5.65, 0.196, 0.264, 0.843, 0.31, 0.119),
}
# The same page: speeches, whose discriminator never left its plateau.
PLATEAU = {
    0: (8.81, 0.000, 0.536, 0.510, 0.12, 0.141),
    1_000: (5.76, 0.101, 0.375, 0.528, 0.00, 0.127),
    4_000: (5.48, 0.156, 0.360, 0.528, 0.00, 0.119),
    6_000: (5.10, 0.176, 0.354, 0.551, 0.00, 0.116),
    8_000: (4.96, 0.182, 0.351, 0.537, 0.00, 0.115),
    15_000: (4.73, 0.200, 0.345, 0.552, 0.00, 0.113),
}
Rows = dict[int, tuple[float, ...]]


def windows_of(rows: Rows, stop: int, every: int = 250) -> list[Window]:
    """Windows between the rows, each a little off, as sampling makes them."""
    noise = np.random.default_rng(0)
    windows = []
    for step in range(every, stop + 1, every):
        columns = zip(*rows.values(), strict=True)
        values = {
            name: float(np.interp(step, list(rows), column) * noise.normal(1, 0.01))
            for name, column in zip(NAMES, columns, strict=True)
        }
        values["loss"] = values["masked_lm_loss"] + 50 * values["disc_loss"]
        windows.append(Window(step, values))
    return windows


def kinds_over_time(windows: list[Window], facts: RunFacts = FACTS) -> dict[str, int]:
    """Each kind that fires, with the step at which it first does."""
    kinds: dict[str, int] = {}
    for end in range(1, len(windows) + 1):
        for finding in find_troubles(windows[:end], facts):
            assert finding.step == windows[end - 1].step
            kinds.setdefault(finding.kind, finding.step)
    return kinds


def change(
    windows: list[Window], make: Callable[[int], dict[str, float]]
) -> list[Window]:
    return [Window(w.step, {**w.values, **make(w.step)}) for w in windows]


def test_a_good_run_is_left_in_peace() -> None:
    assert kinds_over_time(windows_of(GOOD, 34_000)) == {}


def test_a_plateau_is_normal_at_first_and_told_later() -> None:
    speeches = dataclasses.replace(FACTS, vocabulary_size=6_000)
    assert kinds_over_time(windows_of(PLATEAU, 15_000), speeches) == {
        "discriminator_silent": 5_000,
        "discriminator_at_chance": 5_000,
    }
    # A run with a long warm-up is given more time.
    slow = dataclasses.replace(speeches, warmup_steps=6_000)
    assert min(kinds_over_time(windows_of(PLATEAU, 15_000), slow).values()) == 9_000


def test_discriminator_that_calls_nothing_replaced() -> None:
    windows = change(
        windows_of(GOOD, 12_000),
        lambda step: {"disc_recall": 0.0, "disc_auc": 0.66} if step > 7_000 else {},
    )
    assert kinds_over_time(windows) == {"discriminator_silent": 9_000}
    # Well ranked, or nothing replaced: no collapse.
    ranked = change(windows, lambda step: {"disc_auc": 0.8})
    assert kinds_over_time(ranked) == {}


def test_discriminator_at_chance() -> None:
    windows = change(
        windows_of(GOOD, 10_000),
        lambda step: {"disc_auc": 0.51, "disc_recall": 0.2} if step > 6_000 else {},
    )
    (finding,) = find_troubles(windows, FACTS)
    assert finding.kind == "discriminator_at_chance"
    assert finding.seen == "disc_auc at most 0.510 for 2,000 steps; healthy from 0.60"
    assert kinds_over_time(windows) == {"discriminator_at_chance": 8_000}


def test_generator_too_good() -> None:
    windows = change(
        windows_of(GOOD, 12_000),
        lambda step: {"replaced_rate": 0.004} if step > 9_000 else {},
    )
    assert kinds_over_time(windows) == {"generator_too_good": 11_000}


def test_generator_stuck_near_ln_v() -> None:
    windows = change(windows_of(GOOD, 8_000), lambda step: {"masked_lm_loss": 9.6})
    assert kinds_over_time(windows) == {"generator_stuck": 5_000}
    (finding,) = find_troubles(windows, FACTS)
    assert "masked_lm_loss at least 9.60" in finding.seen and "9.68" in finding.seen


def test_generator_never_right() -> None:
    windows = change(
        windows_of(GOOD, 8_000), lambda step: {"sampled_masked_lm_accuracy": 0.0}
    )
    assert kinds_over_time(windows) == {"generator_stuck": 5_000}
    allowed = dataclasses.replace(
        FACTS, unjudged=frozenset({"sampled_masked_lm_accuracy"})
    )
    assert kinds_over_time(windows, allowed) == {}


def test_loss_spike() -> None:
    windows = windows_of(GOOD, 6_000)
    spiked = change(windows, lambda step: {"loss": 40.0} if step == 4_000 else {})
    assert kinds_over_time(spiked) == {"loss_spike": 4_000}
    # A rise within what windows differ anyway is none.
    rough = change(windows, lambda step: {"loss": 20.0 + 9.0 * (step // 250 % 2)})
    assert kinds_over_time(rough) == {}


def test_another_loss_of_a_second_stage_is_no_spike() -> None:
    facts = dataclasses.replace(FACTS, discriminator_step=3_000)
    windows = change(
        windows_of(GOOD, 4_500), lambda step: {"loss": 0.3 if step <= 3_000 else 6.0}
    )
    assert kinds_over_time(windows, facts) == {}
    back = change(windows, lambda step: {"loss": 30.0} if step == 4_500 else {})
    assert kinds_over_time(back, facts) == {"loss_spike": 4_500}


def test_masked_lm_alone_has_no_discriminator_to_judge() -> None:
    windows = [
        Window(
            w.step,
            {
                "loss": w.values["masked_lm_loss"],
                "masked_lm_loss": w.values["masked_lm_loss"],
            },
        )
        for w in windows_of(GOOD, 12_000)
    ]
    assert kinds_over_time(windows) == {}


def test_no_history_no_trouble() -> None:
    assert find_troubles([], FACTS) == []
    assert find_troubles(windows_of(GOOD, 250), FACTS) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_each_rule_says_why_and_what_to_try(rule) -> None:
    assert rule.title and rule.causes and rule.tries
    assert all(text.endswith(".") for text in rule.tries)
