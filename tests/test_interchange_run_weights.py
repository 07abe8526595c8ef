"""python -m pytest tests/test_interchange_run_weights.py"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import load_info, load_vocabulary
from electra_keras.errors import ElectraError
from electra_keras.interchange import weights
from electra_keras.interchange.keras_weights import find_keras_weights
from electra_keras.interchange.run_weights import CheckpointWeights, open_run_weights
from electra_keras.interchange.sources import open_pretrained
from electra_keras.objectives.shared.objective import Objective
from electra_keras.objectives.shared.registry import find_objective, objective_names
from electra_keras.training.checkpoints import CheckpointFolder, network_variables
from electra_keras.training.run import CHECKPOINTS_FOLDER, build_objective
from electra_keras.training.run_folder import open_run_folder
from electra_keras.training.saved_run import load_run, read_run


def test_a_run_reads_from_its_checkpoint_as_from_memory(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_BLOCK_BYTES", 512)  # Of which tables have many.
    found, others = open_run_weights(read_run(run_folder))
    expected, _ = find_keras_weights(load_run(run_folder).objective.networks)
    assert found.keys() == expected.keys() == {"discriminator", "generator"}
    assert others == []
    for network, tensors in expected.items():
        theirs = found[network]
        assert isinstance(theirs, CheckpointWeights)
        assert theirs.sizes == tensors.sizes
        for name in tensors.sizes.names():
            array = tensors.read(name)
            assert np.array_equal(theirs.read(name), array), name.ours
            assert np.array_equal(theirs.read(name, slice(0, 1)), array[:1])
            blocks = np.concatenate(list(theirs.read_blocks(name)))
            assert np.array_equal(blocks, array), name.ours
    names = found["generator"].sizes.names()
    token_table = next(n for n in names if n.ours.endswith("token_embeddings"))
    assert found["generator"].place(token_table) == found["discriminator"].place(
        token_table
    )


def test_a_checkpoint_of_other_networks_is_refused(
    run_folder: Path, tmp_path: Path
) -> None:
    record = read_run(shutil.copytree(run_folder, tmp_path / "run"))
    for changes, message in (
        ({"intermediate_dim": 64}, "does not fit the networks"),
        ({"num_layers": 3}, "block_2"),
    ):
        model = dataclasses.replace(record.config.model, **changes)
        config = dataclasses.replace(record.config, model=model)
        found, _ = open_run_weights(dataclasses.replace(record, config=config))
        with pytest.raises(ElectraError, match=message):
            for name in found["discriminator"].sizes.names():
                found["discriminator"].read(name)


def save_two_stages(
    config: ExperimentConfig, data: Path, folder: Path, step: int
) -> Path:
    """Writes a run of two stages, the boundary at 4, that has come to a step."""
    sizes = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")
    equal = {f"generator_{name}": getattr(config.model, name) for name in sizes}
    info = load_info(data)
    vocabulary = load_vocabulary(data, info)
    config = dataclasses.replace(
        config,
        model=dataclasses.replace(
            config.model, **equal, tied_weights="none", vocabulary_size=len(vocabulary)
        ),
        train=dataclasses.replace(
            config.train, objective="two_stage", train_steps=8, log_every_steps=2
        ),
    )
    open_run_folder(folder, config, info, vocabulary)
    CheckpointFolder(folder / CHECKPOINTS_FOLDER).save(
        network_variables(build_objective(config, vocabulary).networks),
        step=step,
        config_fingerprint=config.fingerprint,
        data_fingerprint=info.fingerprint,
    )
    return folder


@pytest.mark.parametrize("step", [2, 4, 6])
def test_of_two_stages_the_second_begins_with_the_first(
    tiny_config: ExperimentConfig, data_folder: Path, tmp_path: Path, step: int
) -> None:
    run = save_two_stages(tiny_config, data_folder, tmp_path / "run", step)
    found, _ = open_run_weights(read_run(run))
    expected, _ = find_keras_weights(load_run(run).objective.networks)
    assert found.keys() == expected.keys() == {"discriminator", "generator"}
    for network, tensors in expected.items():
        assert isinstance(found[network], CheckpointWeights)
        for name in tensors.sizes.names():
            assert np.array_equal(found[network].read(name), tensors.read(name))
    tables = [
        next(
            theirs.read(name)
            for name in theirs.sizes.names()
            if name.ours.endswith("token_embeddings")
        )
        for theirs in found.values()
    ]
    assert np.array_equal(*tables) == (step <= 4)


@pytest.mark.parametrize("step", [2, 4, 6])
def test_who_asks_for_a_discriminator_gets_what_its_training_starts_from(
    tiny_config: ExperimentConfig, data_folder: Path, tmp_path: Path, step: int
) -> None:
    run = save_two_stages(tiny_config, data_folder, tmp_path / "run", step)
    # As the pretrainer would begin the second stage with what is saved.
    record = read_run(run)
    started = build_objective(record.config, record.vocabulary)
    record.checkpoint.restore(network_variables(started.networks))
    started.start(max(step, 4))
    expected, _ = find_keras_weights(started.networks)
    opened = open_pretrained(run)
    received = opened.networks["discriminator"]
    for name in received.sizes.names():
        array = expected["discriminator"].read(name)
        assert np.array_equal(received.read(name), array), name.ours
    note = f"the discriminator is not trained yet at step {step}: it has embeddings and"
    assert [n.startswith(note) for n in opened.notes] == [True] * (step <= 4)


def test_no_other_objective_changes_what_was_saved() -> None:
    """One that did would have to be known where a run's weights are opened."""
    kinds = {name: find_objective(name) for name in objective_names()}
    changing = [n for n, kind in kinds.items() if kind.start is not Objective.start]
    assert changing == ["two_stage"]
