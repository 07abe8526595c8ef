"""What can go wrong in a run, as rules over the windows of its metrics.

Reads `bands.py`, feeds `watchdog.py`. Each rule is a pure function, so that a
history made by hand tests it.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence

from electra_keras.training.bands import RunFacts, find_edges

# A state that lasts so long is no chance: optimizer steps.
_LASTING_STEPS = 2_000
# Before this many steps most plateaus are normal, and in any warm-up.
_EARLY_STEPS = 5_000
_WARMUPS = 1.5
_RANKS_WELL_AUC = 0.7
_SPIKE_WINDOWS = 20
_SPIKE_LEAST_WINDOWS = 5
_SPIKE_RATE = 0.25
_SPIKE_DEVIATIONS = 10.0
# The median absolute deviation of a normal distribution is 1 / 1.4826.
_DEVIATION = 1.4826


@dataclasses.dataclass(frozen=True)
class Window:
    """The training metrics of one window of `log_every_steps`.

    Attributes:
        step: Global optimizer step at its end.
        values: By name, as in `metrics.jsonl`.
    """

    step: int
    values: Mapping[str, float]


History = Sequence[Window]


@dataclasses.dataclass(frozen=True)
class Rule:
    """One thing that can go wrong.

    Attributes:
        kind: Its name in `watchdog.jsonl` and in TensorBoard.
        title: What it is, in a few words.
        causes: Likely ones, the likeliest first.
        tries: What to try, each an imperative.
        check: From the history, oldest first, to what was seen; None: all well.
    """

    kind: str
    title: str
    causes: tuple[str, ...]
    tries: tuple[str, ...]
    check: Callable[[History, RunFacts], str | None]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A rule that fired.

    Attributes:
        kind: Of the rule.
        step: Global optimizer step.
        seen: The figures that made it fire.
        causes: Likely ones.
        tries: What to try.
    """

    kind: str
    step: int
    seen: str
    causes: tuple[str, ...]
    tries: tuple[str, ...]


def lasting(history: History, name: str, steps: int = _LASTING_STEPS) -> list[float]:
    """A metric's values in the last steps; empty where they were not all seen."""
    if not history or history[0].step > history[-1].step - steps:
        return []
    recent = [w.values for w in history if w.step > history[-1].step - steps]
    if not all(name in values for values in recent):
        return []
    return [values[name] for values in recent]


def is_early(history: History, facts: RunFacts, part: str) -> bool:
    """Whether a part of the networks may still be at its beginning."""
    trained = facts.steps_of(part, history[-1].step)
    return trained < max(_EARLY_STEPS, _WARMUPS * facts.warmup_steps)


def _below_band(history: History, facts: RunFacts, name: str) -> list[float]:
    """The lasting values, if all are below the band as it is now; else none."""
    edges = find_edges(name, history[-1].step, facts)
    values = lasting(history, name)
    if edges is None or not values or max(values) >= edges[0]:
        return []
    return values


def check_discriminator_silent(history: History, facts: RunFacts) -> str | None:
    """Recall stays 0 although tokens are replaced, and they are not ranked well."""
    if is_early(history, facts, "discriminator"):
        return None
    recalls = _below_band(history, facts, "disc_recall")
    values = history[-1].values
    if not recalls or values.get("replaced_rate", 0.0) < 0.01:
        return None
    if values.get("disc_auc", 0.0) >= _RANKS_WELL_AUC:
        return None
    return (
        f"disc_recall at most {max(recalls):.4f} for {_LASTING_STEPS:,} steps, "
        f"though {values['replaced_rate']:.1%} of the tokens are replaced"
    )


def check_discriminator_at_chance(history: History, facts: RunFacts) -> str | None:
    """disc_auc stays near 0.5."""
    if is_early(history, facts, "discriminator"):
        return None
    values = _below_band(history, facts, "disc_auc")
    if not values:
        return None
    edges = find_edges("disc_auc", history[-1].step, facts)
    return (
        f"disc_auc at most {max(values):.3f} for {_LASTING_STEPS:,} steps; "
        f"healthy from {edges[0]:.2f}"  # type: ignore[index]
    )


def check_generator_too_good(history: History, facts: RunFacts) -> str | None:
    """replaced_rate tends to 0."""
    values = _below_band(history, facts, "replaced_rate")
    if not values:
        return None
    edges = find_edges("replaced_rate", history[-1].step, facts)
    return (
        f"replaced_rate at most {max(values):.4f} for {_LASTING_STEPS:,} steps; "
        f"healthy from {edges[0]:.4f}"  # type: ignore[index]
    )


def check_generator_stuck(history: History, facts: RunFacts) -> str | None:
    """The masked-LM loss stays near ln(V), or samples are never right."""
    if is_early(history, facts, "generator"):
        return None
    losses = lasting(history, "masked_lm_loss")
    edges = find_edges("masked_lm_loss", history[-1].step, facts)
    if losses and edges is not None and min(losses) > edges[1]:
        return (
            f"masked_lm_loss at least {min(losses):.2f} for {_LASTING_STEPS:,} steps, "
            f"where knowing nothing gives {math.log(facts.vocabulary_size):.2f} and "
            f"up to {edges[1]:.2f} is healthy"
        )
    rates = _below_band(history, facts, "sampled_masked_lm_accuracy")
    if rates:
        return (
            f"sampled_masked_lm_accuracy at most {max(rates):.4f} for "
            f"{_LASTING_STEPS:,} steps"
        )
    return None


def check_loss_spike(history: History, facts: RunFacts) -> str | None:
    """The last window's loss is far above those before it."""
    last = history[-1]
    first_step = facts.discriminator_step
    if last.step <= first_step:
        first_step = 0  # Another loss is to come there.
    before = [
        window.values["loss"]
        for window in history[-1 - _SPIKE_WINDOWS : -1]
        if window.step > first_step
    ]
    if len(before) < _SPIKE_LEAST_WINDOWS:
        return None
    median = statistics.median(before)
    deviation = _DEVIATION * statistics.median(abs(loss - median) for loss in before)
    allowed = max(_SPIKE_RATE * abs(median), _SPIKE_DEVIATIONS * deviation)
    if last.values["loss"] <= median + allowed:
        return None
    return (
        f"loss {last.values['loss']:.3f}, where the median of the {len(before)} "
        f"windows before is {median:.3f}"
    )


RULES = (
    Rule(
        "discriminator_silent",
        "The discriminator calls nothing replaced",
        (
            "a learning rate too high for the batch size",
            "a vocabulary that turns much of the text into [UNK]",
            "a generator that is nearly as good as the discriminator is large",
        ),
        (
            "Lower train.learning_rate or raise train.global_batch_size.",
            "Look at the [UNK] rate in the data's report.html.",
            "Lower model.generator_fraction or model.generator_num_layers.",
        ),
        check_discriminator_silent,
    ),
    Rule(
        "discriminator_at_chance",
        "The discriminator cannot tell replaced tokens",
        (
            "a plateau: samples as frequent as the text's own tokens, and too few "
            "steps or too little text to learn pairs",
            "a generator that runs ahead of the discriminator",
            "a learning rate too high or a warm-up too short",
        ),
        (
            "Read samples: if they fit their context, lower "
            "model.generator_fraction or model.generator_num_layers.",
            "Raise train.temperature, such as to 1.5, or try "
            "train.objective=two_stage.",
            "Take more text, or lower train.learning_rate.",
        ),
        check_discriminator_at_chance,
    ),
    Rule(
        "generator_too_good",
        "The generator leaves almost nothing replaced",
        (
            "text that repeats itself, such as templates or copies",
            "a generator too large for the discriminator, or a low temperature",
        ),
        (
            "Drop copies and near-duplicates when preprocessing.",
            "Lower model.generator_fraction, raise train.temperature or "
            "data.mask_rate, or set train.disallow_correct.",
        ),
        check_generator_too_good,
    ),
    Rule(
        "generator_stuck",
        "The generator does not learn",
        (
            "a learning rate too low, or so high that it only learns frequencies",
            "data that are not language, or much [UNK]",
            "a generator too small for the vocabulary",
        ),
        (
            "Change train.learning_rate threefold, either way; check "
            "train.warmup_steps.",
            "Read examples with beam_pipelines.inspect.",
            "Raise model.generator_fraction or take a smaller vocabulary.",
        ),
        check_generator_stuck,
    ),
    Rule(
        "loss_spike",
        "The loss jumped",
        (
            "a learning rate near the edge of what is stable",
            "a stretch of odd text: another language, noise, one token repeated",
        ),
        (
            "Wait: a single spike mostly heals; if they repeat, lower "
            "train.learning_rate or train.clip_norm, or lengthen "
            "train.warmup_steps.",
            "Read the rows of that step's shards with beam_pipelines.inspect.",
        ),
        check_loss_spike,
    ),
)


def find_troubles(history: History, facts: RunFacts) -> list[Finding]:
    """Asks every rule about a history whose last window has just ended."""
    if not history:
        return []
    findings = []
    for rule in RULES:
        seen = rule.check(history, facts)
        if seen is not None:
            step = history[-1].step
            findings.append(Finding(rule.kind, step, seen, rule.causes, rule.tries))
    return findings
