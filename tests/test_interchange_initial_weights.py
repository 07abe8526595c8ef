"""python -m pytest tests/test_interchange_initial_weights.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from electra_keras.config import ModelConfig
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.interchange.conversion import convert
from electra_keras.interchange.initial_weights import (
    InitialWeights,
    hash_weights,
    load_initial_weights,
)
from electra_keras.interchange.sources import Pretrained, open_pretrained
from electra_keras.models.networks import (
    build_main_lm_networks,
    build_replaced_token_networks,
)
from electra_keras.training.saved_run import load_run

DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "hf_electra_tiny"
REFERENCE = DATA / "google_electra_tiny" / "model.ckpt"


@pytest.fixture(scope="module")
def run(run_folder: Path) -> Pretrained:
    return open_pretrained(run_folder)


def build(source: Pretrained, **changes: object) -> dict[str, keras.Model]:
    return build_replaced_token_networks(dataclasses.replace(source.model, **changes))


def values_of(networks: dict[str, keras.Model]) -> dict[str, np.ndarray]:
    return {
        variable.path: np.array(variable)
        for network in networks.values()
        for variable in network.variables
    }


def test_a_run_starts_from_a_run(run: Pretrained, run_folder: Path) -> None:
    networks = build(run)
    assert load_initial_weights(run_folder, networks, run.vocabulary) == []
    expected = values_of(load_run(run_folder).objective.networks)
    found = values_of(networks)
    assert found.keys() == expected.keys()
    for path, array in expected.items():
        assert np.array_equal(found[path], array), path


@pytest.mark.parametrize("target", ["huggingface", "tf1"])
def test_other_formats_bring_the_same_weights(
    run: Pretrained, tmp_path: Path, target: str
) -> None:
    folder = convert(run, target, tmp_path / "converted")
    again = open_pretrained(folder)
    assert hash_weights(again) == hash_weights(run)
    networks = build(run)
    record = InitialWeights(folder).load(networks, run.vocabulary)
    assert record == {
        "source": str(folder),
        "kind": target,
        "sha256": hash_weights(run),
        "trained_sequence_length": 16,
        "notes": [],
    }


@pytest.mark.parametrize("source", [GOLDEN, REFERENCE], ids=["hf", "tf1"])
def test_goldens_are_started_from(source: Path) -> None:
    opened = open_pretrained(source)
    networks = build(opened)
    assert load_initial_weights(source, networks, opened.vocabulary) == []


def test_discriminator_alone_leaves_the_generator_as_it_is(tmp_path: Path) -> None:
    opened = open_pretrained(GOLDEN)
    folder = shutil.copytree(GOLDEN / "discriminator", tmp_path / "model")
    networks = build(opened, tied_weights="none")
    before = values_of(networks)
    notes = load_initial_weights(folder, networks, opened.vocabulary)
    assert notes == ["the generator keeps its initial weights; the source has none"]
    for path, array in values_of(networks).items():
        is_generators = path.startswith(("generator", "masked_lm_head"))
        # A bias of zeros may be one in the source too.
        if is_generators or path.endswith("kernel"):
            assert np.array_equal(array, before[path]) == is_generators, path


def test_a_masked_language_model_starts_from_a_generator(tmp_path: Path) -> None:
    opened = open_pretrained(GOLDEN / "generator")
    networks = build_main_lm_networks(opened.model, with_generator=False)
    notes = load_initial_weights(GOLDEN / "generator", networks, opened.vocabulary)
    assert notes == []


def test_position_tables_may_differ_in_length() -> None:
    opened = open_pretrained(GOLDEN)
    networks = build(opened, max_sequence_length=80)
    before = values_of(networks)["embeddings/position_embeddings"]
    notes = load_initial_weights(GOLDEN, networks, opened.vocabulary)
    after = values_of(networks)["embeddings/position_embeddings"]
    what = "positions from 64 keep their initial weights"
    assert notes == [f"the generator: {what}", f"the discriminator: {what}"]
    assert np.array_equal(after[64:], before[64:])
    assert not np.any(after[:64] == before[:64])


def test_positions_that_a_run_never_trained_are_not_taken(
    run: Pretrained, run_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(run_folder, tmp_path / "run")
    for path in folder.glob("checkpoints/*/state.json"):
        state = {**json.loads(path.read_text()), "trained_sequence_length": 6}
        path.write_text(json.dumps(state))
    networks = build(run, max_sequence_length=20)
    before = values_of(networks)["embeddings/position_embeddings"]
    record = InitialWeights(folder).load(networks, run.vocabulary)
    what = "positions from 6 keep their initial weights"
    assert record["notes"] == [f"the generator: {what}", f"the discriminator: {what}"]
    assert record["trained_sequence_length"] == 6
    after = values_of(networks)["embeddings/position_embeddings"]
    assert np.array_equal(after[6:], before[6:])
    assert not np.any(after[:6] == before[:6])


def test_another_vocabulary_is_refused_with_its_lines() -> None:
    opened = open_pretrained(GOLDEN)
    networks = build(opened)
    entries = list(opened.vocabulary.entries)
    entries[7], entries[9] = entries[9], entries[7]
    with pytest.raises(UsageError) as error:
        load_initial_weights(GOLDEN, networks, Vocabulary(tuple(entries)))
    first, second = entries[9], entries[7]
    assert error.value.received == (
        f"the vocabulary of {GOLDEN} is not that of the run's data: line 8 is "
        f"{first!r} and not {second!r}; line 10 is {second!r} and not {first!r}"
    )
    with pytest.raises(UsageError, match="100 entries and not 90"):
        load_initial_weights(
            GOLDEN, networks, Vocabulary(opened.vocabulary.entries[:90])
        )
    turned = (*entries[:5], *reversed(entries[5:]))
    with pytest.raises(UsageError, match="; 91 more lines differ"):
        load_initial_weights(GOLDEN, networks, Vocabulary(turned))


def test_other_heads_than_the_source_has_are_refused() -> None:
    opened = open_pretrained(GOLDEN)
    networks = build(opened, num_heads=2)
    with pytest.raises(UsageError, match="discriminator has num_heads 4 and not 2"):
        load_initial_weights(GOLDEN, networks, opened.vocabulary)


def test_heads_that_are_not_known_are_noted(tmp_path: Path) -> None:
    opened = open_pretrained(REFERENCE)
    for path in REFERENCE.parent.glob("*"):
        if path.name != "config.json":
            shutil.copyfile(path, tmp_path / path.name)
    notes = load_initial_weights(tmp_path, build(opened), opened.vocabulary)
    assert len(notes) == 2
    assert notes[1].startswith(
        "the discriminator: its 4 attention heads cannot be checked; "
    )


def test_no_model_is_told(tmp_path: Path, tiny_model: ModelConfig) -> None:
    with pytest.raises(UsageError, match=r"no model at .*; expected a run folder"):
        load_initial_weights(tmp_path, {}, Vocabulary(("a",)))
