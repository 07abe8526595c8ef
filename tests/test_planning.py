"""python -m pytest tests/test_planning.py"""

from __future__ import annotations

import collections
import dataclasses
import gc
import math
from typing import Any

import keras
import pytest

from electra_keras.config import ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.config_files import load_config
from electra_keras.errors import UsageError
from electra_keras.model_config import TIED_WEIGHTS
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.objectives.shared.registry import find_objective, objective_names
from electra_keras.planning.devices import DEVICES, find_device
from electra_keras.planning.flops import (
    RowSizes,
    count_forward_flops,
    count_stage_flops,
)
from electra_keras.planning.outlines import (
    EncoderOutline,
    NetworkOutline,
    count_parameters,
    count_shared_parameters,
    count_trained_parameters,
    outline_networks,
)
from electra_keras.planning.plan import Plan, make_plan
from electra_keras.planning.stages import Stage


def shallow_small(*overrides: str) -> Plan:
    """Small with one block in each network, which is soon outlined."""
    sizes = ("model.vocabulary_size=30522", "model.max_sequence_length=128")
    return make_plan(load_config(None, [*sizes, "model.num_layers=1", *overrides]))


@pytest.fixture(scope="module")
def equal_sizes(tiny_model: ModelConfig) -> ModelConfig:
    """Networks of one size, as some objectives and ties ask for."""
    names = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")
    sizes = {f"generator_{name}": getattr(tiny_model, name) for name in names}
    return dataclasses.replace(tiny_model, **sizes)


def configuration(model: ModelConfig, objective: str, tied: str) -> ExperimentConfig:
    model = dataclasses.replace(model, tied_weights=tied)
    return ExperimentConfig(model, train=TrainConfig(objective=objective))


CASES = [
    *((name, "embeddings") for name in objective_names() if name != "two_stage"),
    *(("electra", tied) for tied in TIED_WEIGHTS if tied != "embeddings"),
    ("two_stage", "none"),
]


@pytest.mark.parametrize(("objective", "tied"), CASES)
def test_parameters_are_those_of_the_built_networks(
    equal_sizes: ModelConfig, objective: str, tied: str
) -> None:
    config = configuration(equal_sizes, objective, tied)
    outlines = outline_networks(config)
    settings = ObjectiveSettings(generator_steps=1)
    built = find_objective(objective).build_networks(config.model, settings, seed=1)
    assert [outline.name for outline in outlines] == list(built)
    for outline, network in zip(outlines, built.values(), strict=True):
        assert outline.parameter_count == network.count_params()
    variables = [v for network in built.values() for v in network.variables]
    by_id = {id(v): math.prod(v.shape) for v in variables}
    assert count_parameters(outlines) == sum(by_id.values())
    owners = collections.Counter(id(v) for v in variables)
    assert count_shared_parameters(outlines) == sum(
        by_id[i] for i, networks in owners.items() if networks > 1
    )
    trained = {id(v) for x in built.values() for v in x.trainable_variables}
    assert count_trained_parameters(outlines) == sum(by_id[i] for i in trained)


def test_outlines_keep_no_weight_that_keras_would_allocate_later() -> None:
    model = ModelConfig(vocabulary_size=3_001, num_layers=1, hidden_dim=64)
    outline_networks(configuration(model, "electra", "embeddings"))
    with keras.StatelessScope():  # At its end Keras makes what was put off.
        pass
    gc.collect()
    kept = [v for v in gc.get_objects() if type(v).__name__ == "Variable"]
    assert [v for v in kept if 3_001 in getattr(v, "shape", ())] == []


def test_errors_of_the_objective_come_through(tiny_model: ModelConfig) -> None:
    with pytest.raises(UsageError, match="expected networks of one size"):
        outline_networks(configuration(tiny_model, "two_stage", "none"))


def outline(**changes: Any) -> NetworkOutline:
    encoder = EncoderOutline(4, 8, 2, 2, 16)
    values: dict[str, Any] = {
        "name": "discriminator",
        "parameters": {"a": 100, "b": 10},
        "trained_paths": frozenset({"a"}),
        "encoders": (encoder,),
        "masked_lm_heads": 0,
        "replaced_token_heads": 0,
    }
    return NetworkOutline(**{**values, **changes})


ROW = RowSizes("electra", sequence_length=3, mask_slots=1, vocabulary_size=10)


def test_forward_operations_of_a_small_network_are_counted_by_hand() -> None:
    # A token: 4 x (2 x 15 rows + 2 + 5 + 4) of its embedding, 2 x 4 x 8 + 8 of the
    # projection.
    embedding = 4 * 41 + 72
    # Four projections 8 x 8 and biases; attention over 3 tokens, two heads; feed
    # forward 8 x 16 twice with biases and GELU; around them twice 10 x 8.
    block = 4 * 136 + (4 * 8 * 3 + 10 * 6) + (4 * 128 + 9 * 16 + 8) + 160
    body = 3 * (embedding + 2 * block)
    assert (embedding, block, body) == (236, 1524, 9852)
    assert count_forward_flops(outline(), ROW) == body
    detect = 3 * (2 * 64 + 9 * 8 + 16)
    assert count_forward_flops(outline(replaced_token_heads=1), ROW) == body + detect
    predict = 2 * 8 * 4 + 14 * 4 + 10 * (8 + 7)
    assert count_forward_flops(outline(masked_lm_heads=1), ROW) == body + predict
    every = dataclasses.replace(ROW, objective="all_tokens_mlm")
    assert count_forward_flops(outline(masked_lm_heads=1), every) == body + 3 * predict
    assert count_forward_flops(outline(encoders=()), ROW) == 0


def test_backward_pass_costs_as_much_and_what_is_only_run_has_none() -> None:
    once = count_forward_flops(outline(), ROW)
    assert count_stage_flops(Stage(1, (outline(),)), ROW) == 2 * once
    assert count_stage_flops(Stage(1, (outline(),), (outline(),)), ROW) == 3 * once


def test_two_stages_share_the_steps() -> None:
    overrides = ["train.objective=two_stage", "model.tied_weights=none"]
    overrides += ["model.generator_fraction=1", "train.generator_steps=250000"]
    plan = shallow_small(*overrides)
    assert [stage.steps for stage in plan.stages] == [250_000, 750_000]
    first, second = plan.stage_step_flops
    assert plan.train_flops == 250_000 * first + 750_000 * second
    (generator, discriminator) = plan.networks
    forward = [128 * count_forward_flops(x, plan.row) for x in plan.networks]
    assert first == 2 * forward[0]
    assert second == forward[0] + 2 * forward[1]
    # Only one network at a time has gradients.
    most = max(generator.parameter_count, discriminator.parameter_count)
    assert plan.training.gradients == 4 * most


def test_objectives_differ_in_what_they_cost() -> None:
    flops = {
        name: shallow_small(f"train.objective={name}").train_flops
        for name in ("electra", "electra_15", "mlm", "replace_mlm", "all_tokens_mlm")
    }
    assert flops["electra"] == flops["electra_15"]
    assert flops["mlm"] < flops["electra"] < flops["replace_mlm"]
    assert flops["replace_mlm"] < flops["all_tokens_mlm"]
    uniform = shallow_small("train.uniform_generator=true")
    (only,) = uniform.networks
    assert uniform.train_flops == 2 * 128e6 * count_forward_flops(only, uniform.row)


def test_every_device_has_a_name_of_its_own_and_another_is_refused() -> None:
    names = [device.name for device in DEVICES]
    assert len(set(names)) == len(names) == 10
    with pytest.raises(UsageError, match=r"--device=h100; expected one of v100, "):
        find_device("h100")


def test_parts_of_a_batch_take_less_memory_and_one_more_gradient() -> None:
    whole = shallow_small("train.global_batch_size=32")
    parts = shallow_small("train.global_batch_size=32", "train.micro_batches=4")
    assert (whole.rows_per_replica, parts.rows_per_replica) == (32, 8)
    assert parts.training.activations < whole.training.activations / 2
    assert parts.training.gradients == 2 * whole.training.gradients
    assert parts.train_flops == whole.train_flops
    with pytest.raises(UsageError, match="1 replicas, each in 5 parts; expected a"):
        shallow_small("train.global_batch_size=32", "train.micro_batches=5")
