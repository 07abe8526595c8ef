"""Is a difference more than chance? Welch's t on independent units.

Reads scores by pre-training, feeds `summary.py`. A pre-training is the unit
where there are two or more of both sides: its fine-tunings are not independent
of each other, so their mean counts once. Else the fine-tunings are the units, and
the answer holds for these very pre-trainings alone.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
import warnings
from collections.abc import Mapping, Sequence

PRETRAININGS = "pre-trainings"
FINETUNINGS = "fine-tunings"
_CONFIDENCE = 0.95

# Scores of fine-tunings by the seed of their pre-training.
Scores = Mapping[int | None, Sequence[float]]


@dataclasses.dataclass(frozen=True)
class Difference:
    """A mean less that of the reference.

    Attributes:
        mean: Of the units.
        low, high: Bounds of its 95% interval; None: too few units, or units that
            do not differ at all.
        p: Two-sided probability of such a difference by chance; None: as there.
        units: `PRETRAININGS` or `FINETUNINGS`: what was taken as independent.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    units: str


def mean_of(scores: Scores) -> float:
    """Mean over pre-trainings, each the mean of its fine-tunings."""
    return statistics.fmean(statistics.fmean(group) for group in scores.values())


def deviation_of_pretrainings(scores: Scores) -> float | None:
    """Standard deviation of the means of pre-trainings; None: fewer than two."""
    means = [statistics.fmean(group) for group in scores.values()]
    return statistics.stdev(means) if len(means) > 1 else None


def deviation_of_finetunings(scores: Scores) -> float | None:
    """Standard deviation within pre-trainings, pooled; None: fewer than two each."""
    groups = [group for group in scores.values() if len(group) > 1]
    if not groups:
        return None
    squares = sum(statistics.variance(group) * (len(group) - 1) for group in groups)
    return math.sqrt(squares / sum(len(group) - 1 for group in groups))


def compare_scores(scores: Scores, reference: Scores) -> Difference:
    """Compares with the reference.

    Args:
        scores: At least one. Of what is not pre-trained all under None; each of
            its trials is a unit then.
        reference: Of the reference, by pre-training.
    """
    is_pretrained = None not in scores
    if len(reference) > 1 and (len(scores) > 1 or not is_pretrained):
        units = PRETRAININGS
        theirs = [statistics.fmean(group) for group in reference.values()]
        ours = (
            [statistics.fmean(group) for group in scores.values()]
            if is_pretrained
            else list(scores[None])
        )
    else:
        units = FINETUNINGS
        theirs = [score for group in reference.values() for score in group]
        ours = [score for group in scores.values() for score in group]
    mean = mean_of(scores) - mean_of(reference)
    return Difference(mean, *_test(ours, theirs), units)


def _test(
    ours: Sequence[float], theirs: Sequence[float]
) -> tuple[float | None, float | None, float | None]:
    """Bounds and probability by Welch's t."""
    from scipy import stats

    # Without any spread nothing can be said of chance.
    if min(len(ours), len(theirs)) < 2 or len({*ours}) == len({*theirs}) == 1:
        return None, None, None
    with warnings.catch_warnings():
        # One side may have no spread; the other one's is enough.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        found = stats.ttest_ind(ours, theirs, equal_var=False)
    interval = found.confidence_interval(_CONFIDENCE)
    return float(interval.low), float(interval.high), float(found.pvalue)


def compare_with_fixed(score: float, reference: Scores) -> Difference:
    """Compares a number that no seed changes with the reference.

    Args:
        score: Such as that of a baseline that learned from all rows.
        reference: Of the reference, by pre-training.
    """
    from scipy import stats

    if len(reference) > 1:
        units = PRETRAININGS
        theirs = [statistics.fmean(group) for group in reference.values()]
    else:
        units = FINETUNINGS
        theirs = [one for group in reference.values() for one in group]
    mean = score - mean_of(reference)
    if len({*theirs}) < 2:
        return Difference(mean, None, None, None, units)
    found = stats.ttest_1samp(theirs, score)
    interval = found.confidence_interval(_CONFIDENCE)
    return Difference(
        mean,
        score - float(interval.high),
        score - float(interval.low),
        float(found.pvalue),
        units,
    )
