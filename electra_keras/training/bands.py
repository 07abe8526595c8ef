"""Healthy bands: where the metrics of a run that learns lie, by optimizer step.

Read by `watch_rules.py`, which warns outside of them, and by `curves.py`, which
draws them. docs/training.md shows the table; docs/RESULTS.md the runs behind it.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from electra_keras.config import ExperimentConfig

STEPS = (0, 1_000, 2_000, 5_000, 10_000, 34_000, 1_000_000)
Edges = tuple[float, float]

_FIRST_STEPS = 1_000


@dataclasses.dataclass(frozen=True)
class Band:
    """The edges of one metric.

    Attributes:
        part: "generator" or "discriminator": whose optimizer steps are counted,
            from where it began to be trained.
        unit: What the edges are shares of: "1", "ln(vocabulary size)" or
            "mask rate".
        edges: Lowest and highest healthy value at each of `STEPS`.
        is_drawn: Whether a picture of it says anything.
    """

    part: str
    unit: str
    edges: tuple[Edges, ...]
    is_drawn: bool = True


# Wide: they hold our runs (a vocabulary of 16,000, 16 rows a batch, warm-up of
# 300 steps), those in which a plateau is normal, and the published values of
# Small, whose warm-up takes 10,000 steps.
BANDS: dict[str, Band] = {
    "masked_lm_loss": Band(
        *("generator", "ln(vocabulary size)"),
        (
            *((0.85, 1.2), (0.5, 0.95), (0.45, 0.9), (0.35, 0.85)),
            *((0.3, 0.8), (0.2, 0.75), (0.1, 0.6)),
        ),
    ),
    "masked_lm_accuracy": Band(
        *("generator", "1"),
        (
            *((0.0, 0.05), (0.0, 0.4), (0.0, 0.45), (0.02, 0.5)),
            *((0.05, 0.55), (0.15, 0.65), (0.3, 0.8)),
        ),
    ),
    "sampled_masked_lm_accuracy": Band(
        *("generator", "1"),
        (
            *((0.0, 0.05), (0.0, 0.35), (0.0, 0.4), (0.01, 0.45)),
            *((0.03, 0.5), (0.08, 0.6), (0.2, 0.75)),
        ),
        is_drawn=False,  # On top of masked_lm_accuracy.
    ),
    "replaced_rate": Band(
        *("generator", "mask rate"),
        (
            *((0.85, 1.05), (0.5, 1.05), (0.45, 1.05), (0.3, 1.05)),
            *((0.25, 1.0), (0.2, 1.0), (0.15, 0.95)),
        ),
    ),
    "disc_loss": Band(
        *("discriminator", "1"),
        (
            *((0.3, 0.9), (0.25, 0.46), (0.2, 0.44), (0.15, 0.42)),
            *((0.12, 0.4), (0.1, 0.38), (0.05, 0.3)),
        ),
    ),
    "disc_auc": Band(
        *("discriminator", "1"),
        (
            *((0.4, 0.9), (0.45, 0.9), (0.5, 0.92), (0.57, 0.95)),
            *((0.6, 0.97), (0.65, 0.98), (0.7, 0.99)),
        ),
    ),
    "disc_recall": Band(
        *("discriminator", "1"),
        (
            *((0.0, 1.0), (0.0, 0.9), (0.0, 0.9), (0.001, 0.9)),
            *((0.005, 0.9), (0.01, 0.9), (0.02, 0.9)),
        ),
        is_drawn=False,  # Nearly all of the axis.
    ),
}

_GENERATOR = frozenset(n for n, band in BANDS.items() if band.part == "generator")
_LOSS = frozenset({"disc_loss"})
# What an objective does otherwise by design.
_OF_OBJECTIVE = {
    # The loss is over masked positions, nearly all of which are replaced.
    "electra_15": frozenset({"disc_loss", "disc_auc", "disc_recall"}),
    # Nothing trains the generator to be likely.
    "adversarial": _GENERATOR | _LOSS,
    # Samples count as replaced even where they equal the original.
    "electric": _LOSS,
}


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What of a run decides where its bands lie.

    Attributes:
        vocabulary_size: V.
        mask_rate: Share of the real tokens that is masked.
        train_steps: Optimizer steps in all.
        warmup_steps: Optimizer steps of linear warm-up.
        discriminator_step: Optimizer step at which the discriminator begins.
        unjudged: Metrics that are otherwise by design.
    """

    vocabulary_size: int
    mask_rate: float = 0.15
    train_steps: int = 1_000_000
    warmup_steps: int = 0
    discriminator_step: int = 0
    unjudged: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: ExperimentConfig) -> RunFacts:
        """Takes the facts of a resolved configuration."""
        train = config.train
        unjudged = _OF_OBJECTIVE.get(train.objective, frozenset())
        if train.uniform_generator:
            unjudged |= _GENERATOR | _LOSS
        if train.disallow_correct:
            unjudged |= {"sampled_masked_lm_accuracy"}
        return cls(
            config.model.vocabulary_size or 1,
            config.data.mask_rate,
            train.train_steps,
            train.effective_warmup_steps,
            train.effective_generator_steps,
            unjudged,
        )

    def steps_of(self, part: str, step: int) -> int:
        """Optimizer steps that a part has been trained for, at a global step."""
        return step - (self.discriminator_step if part == "discriminator" else 0)


def find_edges(name: str, step: int, facts: RunFacts) -> Edges | None:
    """Finds a metric's band at a step, between the rows of the table.

    Args:
        name: As in `metrics.jsonl`.
        step: Global optimizer step.
        facts: Of the run.

    Returns:
        Lowest and highest healthy value, in the metric's own unit. None: there
        is no band, or its part is not trained yet.
    """
    band = BANDS.get(name)
    if band is None or name in facts.unjudged:
        return None
    trained = facts.steps_of(band.part, step)
    if trained < 0:
        return None
    scale = {
        "1": 1.0,
        "ln(vocabulary size)": math.log(facts.vocabulary_size),
        "mask rate": facts.mask_rate,
    }[band.unit]
    # Learning goes by the step's logarithm, but for the very first ones.
    places = np.log1p(np.array(STEPS) / _FIRST_STEPS)
    place = np.log1p(trained / _FIRST_STEPS)
    low, high = (
        float(np.interp(place, places, column)) * scale
        for column in zip(*band.edges, strict=True)
    )
    return low, high
