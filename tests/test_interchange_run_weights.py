"""python -m pytest tests/test_interchange_run_weights.py"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from electra_keras.errors import ElectraError
from electra_keras.interchange import weights
from electra_keras.interchange.keras_weights import find_keras_weights
from electra_keras.interchange.run_weights import CheckpointWeights, open_run_weights
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
