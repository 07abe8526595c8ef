"""Weights of other formats into our networks, checked before the first is set.

Joins `keras_weights.py` and a source; feeds `initial_weights.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import keras

from electra_keras.errors import UsageError
from electra_keras.interchange.keras_weights import KerasWeights, find_keras_weights
from electra_keras.interchange.weights import Weights, is_equal

_POSITIONS = "embeddings/position_embeddings"


def load_networks(
    networks: Mapping[str, keras.Model],
    sources: Mapping[str, Weights],
    *,
    positions: int | None = None,
) -> list[str]:
    """Fills our networks from those of the same name, tensor by tensor.

    What only one side has stays as it is: a generator, an output head.

    Args:
        networks: "generator", "discriminator"; they may share variables.
        sources: By the same names.
        positions: How many the source has trained. Their tables may then be of
            different length: what is not trained there keeps its weights here,
            rows beyond ours are left out. None: equal tables, all is taken.

    Returns:
        What is not taken over, in words.

    Raises:
        UsageError: Sizes or attention heads differ, or networks share what
            differs in the source; every difference is named. Nothing is set.
    """
    pairs, notes = _pair(networks, sources)
    for target, source in pairs:
        notes += _check_fits(target, source, positions)
    _check_shared(pairs)
    for target, source in pairs:
        known = set(source.sizes.names())
        for name in target.sizes.names():
            if name in known:
                is_cut = positions is not None and name.ours == _POSITIONS
                rows = _taken_rows(target, source, positions) if is_cut else None
                target.fill(name, source, rows)
    return notes


def _pair(
    networks: Mapping[str, keras.Model], sources: Mapping[str, Weights]
) -> tuple[list[tuple[KerasWeights, Weights]], list[str]]:
    """Finds what is filled from what; notes on what is not."""
    targets, others = find_keras_weights(networks)
    notes = [
        f"the {name} keeps its initial weights; other formats know no such network"
        for name in others
    ]
    notes += [
        f"the {name} keeps its initial weights; the source has none"
        for name in targets
        if name not in sources
    ]
    notes += [
        f"the {name} of the source is left out; the run has no such network"
        for name in sources
        if name not in targets
    ]
    # What a discriminator adds to the generator's embeddings comes last.
    both = sorted(targets.keys() & sources.keys(), reverse=True)
    return [(targets[name], sources[name]) for name in both], notes


def _taken_rows(target: KerasWeights, source: Weights, positions: int | None) -> int:
    """Rows of the table of positions that are taken over."""
    known = source.sizes.max_sequence_length
    return min(target.sizes.max_sequence_length, known, positions or known)


def _check_fits(
    target: KerasWeights, source: Weights, positions: int | None
) -> list[str]:
    """Compares sizes; returns what will not be taken over."""
    notes = _compare_heads(target, source)
    ours, theirs = target.sizes, source.sizes
    if positions is not None:
        rows, known = ours.max_sequence_length, theirs.max_sequence_length
        taken = _taken_rows(target, source, positions)
        if taken < rows:
            what = f"positions from {taken:,} keep their initial weights"
            notes.append(f"{target.where}: {what}")
        elif rows < known:
            what = f"the source's {known:,} positions are cut to {rows:,}"
            notes.append(f"{target.where}: {what}")
        theirs = dataclasses.replace(theirs, max_sequence_length=rows)
    if theirs.num_heads is None:
        notes.append(
            f"{target.where}: its {ours.num_heads} attention heads cannot be checked; "
            f"{source.where} does not name them"
        )
    ours_by_name, theirs_by_name = dataclasses.asdict(ours), dataclasses.asdict(theirs)
    differences = [
        f"{name} {theirs_by_name[name]} and not {value}"
        for name, value in ours_by_name.items()
        if name != "output_heads" and theirs_by_name[name] not in (None, value)
    ]
    if differences:
        raise UsageError(
            f"{source.where} has {', '.join(differences)}",
            expected=f"the sizes of {target.where}",
            fix="Give the run the sizes of the source in its section model.",
        )
    return notes


def _compare_heads(target: KerasWeights, source: Weights) -> list[str]:
    ours, theirs = set(target.sizes.output_heads), set(source.sizes.output_heads)
    notes = [
        f"{target.where}: {head} keeps its initial weights; {source.where} has none"
        for head in sorted(ours - theirs)
    ]
    notes += [
        f"{target.where}: {head} of {source.where} is left out"
        for head in sorted(theirs - ours)
    ]
    return notes


def _check_shared(pairs: list[tuple[KerasWeights, Weights]]) -> None:
    """A variable of both networks needs one value."""
    if len(pairs) < 2:
        return
    (first, first_source), (second, second_source) = pairs
    known = set(second.sizes.names())
    differing = [
        name.ours
        for name in first.sizes.names()
        if name in known
        and first.place(name) == second.place(name)
        and not is_equal(first_source, second_source, name)
    ]
    if differing:
        raise UsageError(
            f"the networks share {', '.join(differing)}, which differ between "
            f"{first_source.where} and {second_source.where}",
            expected="one value for what is shared",
            fix="Set model.tied_weights=none.",
        )
