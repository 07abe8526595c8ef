"""python -m pytest tests/test_task_network.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tasks_fixtures import text_task

from electra_keras.errors import UsageError
from electra_keras.finetuning.task_network import (
    build_task_network,
    fill_encoder,
    with_dropout,
)
from electra_keras.finetuning.tasks.classification import Classification
from electra_keras.interchange.sources import open_pretrained
from electra_keras.training.saved_run import load_run

STATE = {"values": ["a", "b", "c"], "names": ["a", "b", "c"], "weights": [1.0] * 3}


def test_hidden_states_are_those_of_the_pre_trained_model(
    run_folder: Path, tmp_path: Path
) -> None:
    source = open_pretrained(run_folder)
    kind = Classification(text_task(tmp_path), STATE)
    network = build_task_network(with_dropout(source.model, 0.3), kind, seed=5)
    inputs = {
        "token_ids": np.array([[2, 6, 7, 3, 0]]),
        "segment_ids": np.zeros((1, 5), np.int32),
        "padding_mask": np.array([[1, 1, 1, 1, 0]]),
    }
    theirs = load_run(run_folder).discriminator(inputs)["hidden_states"]
    assert np.abs(network(inputs)["hidden_states"] - theirs).max() > 0.1
    fill_encoder(network, source)
    np.testing.assert_array_equal(network(inputs)["hidden_states"], theirs)
    logits = network(inputs)["logits"]
    kernel, bias = network.get_layer("task_head").weights
    np.testing.assert_allclose(logits, theirs[:, 0] @ kernel + bias, rtol=1e-5)
    assert network.get_layer("task_head").dropout.rate == 0.3
    assert not any("replaced" in variable.path for variable in network.variables)


def test_other_sizes_are_refused(run_folder: Path, tmp_path: Path, tiny_model) -> None:
    import dataclasses

    kind = Classification(text_task(tmp_path), STATE)
    other = dataclasses.replace(tiny_model, num_layers=3)
    network = build_task_network(other, kind, seed=1)
    with pytest.raises(UsageError, match="num_layers 2 and not 3"):
        fill_encoder(network, open_pretrained(run_folder))
