"""python -m pytest tests/test_interchange_loading.py"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig
from electra_keras.errors import UsageError
from electra_keras.interchange import weights as weights_module
from electra_keras.interchange.keras_weights import KerasWeights, find_keras_weights
from electra_keras.interchange.loading import load_networks
from electra_keras.interchange.weights import find_tied_weights, is_equal
from electra_keras.models.networks import (
    build_main_lm_networks,
    build_replaced_token_networks,
)

SAME_SIZES = {
    **{"generator_hidden_dim": 32, "generator_num_layers": 2},
    **{"generator_num_heads": 2, "generator_intermediate_dim": 128},
}


def build(config: ModelConfig, seed: int, **changes: object) -> dict[str, keras.Model]:
    """Builds networks whose weights are noise, LayerNorm's and biases too."""
    networks = build_replaced_token_networks(dataclasses.replace(config, **changes))
    noise = np.random.default_rng(seed)
    for network in networks.values():
        for variable in network.variables:
            variable.assign(noise.normal(size=variable.shape))
    return networks


def weights_of(networks: Mapping[str, keras.Model]) -> dict[str, KerasWeights]:
    return find_keras_weights(networks)[0]


def assert_equal(
    first: Mapping[str, keras.Model], second: Mapping[str, keras.Model]
) -> None:
    ours, theirs = weights_of(first), weights_of(second)
    assert ours.keys() == theirs.keys()
    for network, weights in ours.items():
        for name in weights.sizes.names():
            values = weights.read(name)
            assert np.array_equal(values, theirs[network].read(name)), name


@pytest.mark.parametrize("tied", ["none", "token_embeddings", "embeddings", "all"])
def test_equal_networks_take_over_every_weight(
    tiny_model: ModelConfig, tied: str
) -> None:
    sizes = SAME_SIZES if tied == "all" else {}
    first, second = (
        build(tiny_model, seed, tied_weights=tied, **sizes) for seed in (1, 2)
    )
    sources = weights_of(first)
    found = find_tied_weights(sources["discriminator"], sources["generator"])
    assert found == tied
    assert load_networks(second, sources) == []
    assert_equal(first, second)
    for network in second.values():
        for ours, theirs in zip(
            network.variables, first[network.name].variables, strict=True
        ):
            assert np.array_equal(ours, theirs), ours.path


def test_untied_networks_take_over_tied_ones(tiny_model: ModelConfig) -> None:
    tied = build(tiny_model, 1, tied_weights="embeddings")
    untied = build(tiny_model, 2, tied_weights="none")
    assert load_networks(untied, weights_of(tied)) == []
    assert_equal(tied, untied)


def test_tied_networks_refuse_what_differs(tiny_model: ModelConfig) -> None:
    untied = build(tiny_model, 1, tied_weights="token_embeddings")
    tied = build(tiny_model, 2, tied_weights="embeddings")
    before = [np.array(variable) for variable in tied["generator"].variables]
    with pytest.raises(UsageError) as error:
        load_networks(tied, weights_of(untied))
    assert error.value.received.startswith(
        "the networks share embeddings/position_embeddings, "
        "embeddings/segment_embeddings, embeddings/layer_norm/gamma, "
        "embeddings/layer_norm/beta, which differ between "
    )
    assert "token_embeddings" not in error.value.received
    for old, variable in zip(before, tied["generator"].variables, strict=True):
        assert np.array_equal(old, variable)


def test_disentangled_embeddings_are_read_as_their_sum(tiny_model: ModelConfig) -> None:
    networks = build(tiny_model, 1, tied_weights="disentangled")
    weights = weights_of(networks)["discriminator"]
    (name,) = (n for n in weights.sizes.names() if n.ours.endswith("token_embeddings"))
    values = {v.path: np.array(v) for v in networks["discriminator"].variables}
    expected = (
        values["generator_embeddings/token_embeddings"]
        + values["embeddings/token_embeddings_difference"]
    )
    assert np.array_equal(weights.read(name), expected)


def test_disentangled_networks_take_over_tied_ones(tiny_model: ModelConfig) -> None:
    tied = build(tiny_model, 1, tied_weights="embeddings")
    disentangled = build(tiny_model, 2, tied_weights="disentangled")
    assert load_networks(disentangled, weights_of(tied)) == []
    assert_equal(tied, disentangled)
    for variable in disentangled["discriminator"].variables:
        if variable.path.endswith("_difference"):
            assert not np.any(variable)


def test_disentangled_networks_take_over_untied_ones(tiny_model: ModelConfig) -> None:
    untied = build(tiny_model, 1, tied_weights="none")
    disentangled = build(tiny_model, 2, tied_weights="disentangled")
    load_networks(disentangled, weights_of(untied))
    ours, theirs = weights_of(disentangled), weights_of(untied)
    for network, weights in ours.items():
        for name in weights.sizes.names():
            # A sum of differences is rounded once.
            expected = pytest.approx(theirs[network].read(name), abs=1e-6)
            assert weights.read(name) == expected


def test_query_key_and_value_are_thirds_of_one_projection(
    tiny_model: ModelConfig,
) -> None:
    discriminator = build(tiny_model, 1)["discriminator"]
    weights = KerasWeights(discriminator)
    fused = {v.path: np.array(v) for v in discriminator.variables}
    for third, part in enumerate(("query", "key", "value")):
        for leaf in ("kernel", "bias"):
            (name,) = (
                name
                for name in weights.sizes.names()
                if name.tf1.endswith(f"layer_1/attention/self/{part}/{leaf}")
            )
            whole = fused[f"discriminator_encoder/block_1/query_key_value/{leaf}"]
            expected = whole[..., 32 * third : 32 * (third + 1)]
            assert np.array_equal(weights.read(name), expected)


def test_other_sizes_are_refused_with_every_difference(tiny_model: ModelConfig) -> None:
    networks = build(tiny_model, 1)
    other = build(tiny_model, 2, num_layers=3, num_heads=4, intermediate_dim=64)
    with pytest.raises(UsageError) as error:
        load_networks(networks, weights_of(other))
    assert error.value.received == (
        "the discriminator has num_layers 3 and not 2, intermediate_dim 64 and not "
        "128, num_heads 4 and not 2"
    )


def test_positions_are_cut_or_kept(tiny_model: ModelConfig) -> None:
    short = build(tiny_model, 1, max_sequence_length=10)
    # Rows of ours, positions that the source has trained, and what is taken.
    for rows, trained, taken in ((16, 10, 10), (6, 10, 6), (16, 4, 4), (10, 4, 4)):
        networks = build(tiny_model, 2, max_sequence_length=rows)
        (before,) = positions_of(networks)
        if rows != 10:
            with pytest.raises(UsageError, match="max_sequence_length 10 and not"):
                load_networks(networks, weights_of(short))
        notes = load_networks(networks, weights_of(short), positions=trained)
        what = f"positions from {taken} keep their initial weights"
        if rows == taken:
            what = "the source's 10 positions are cut to 6"
        assert notes == [f"the {n}: {what}" for n in ("generator", "discriminator")]
        (after,), (source,) = positions_of(networks), positions_of(short)
        assert np.array_equal(after[:taken], source[:taken])
        assert np.array_equal(after[taken:], before[taken:])


def positions_of(networks: Mapping[str, keras.Model]) -> list[np.ndarray]:
    return [
        np.array(variable)
        for variable in networks["discriminator"].variables
        if variable.path.endswith("position_embeddings")
    ]


def test_what_one_side_lacks_is_told(tiny_model: ModelConfig) -> None:
    both = build(tiny_model, 1)
    masked_lm = build_main_lm_networks(tiny_model, with_generator=False)
    assert load_networks(both, weights_of(masked_lm)) == [
        "the generator keeps its initial weights; the source has none",
        "the discriminator: replaced_token_head keeps its initial weights; the "
        "discriminator has none",
        "the discriminator: masked_lm_head of the discriminator is left out",
    ]
    assert load_networks(masked_lm, weights_of(both)) == [
        "the generator of the source is left out; the run has no such network",
        "the discriminator: masked_lm_head keeps its initial weights; the "
        "discriminator has none",
        "the discriminator: replaced_token_head of the discriminator is left out",
    ]


def test_main_networks_that_predict_tokens_have_a_masked_lm_head(
    tiny_model: ModelConfig,
) -> None:
    for copies in (False, True):
        networks = build_main_lm_networks(tiny_model, copies=copies)
        weights = weights_of(networks)
        for name in ("generator", "discriminator"):
            assert weights[name].sizes.output_heads == ("masked_lm_head",)
        assert weights["discriminator"].has_copy_head == copies


def test_a_network_that_no_format_knows_is_passed_over(tiny_model: ModelConfig) -> None:
    networks = build(tiny_model, 1)
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(2, name="prediction")(inputs)
    baseline = keras.Model(inputs, outputs, name="baseline")
    known, others = find_keras_weights({**networks, "baseline": baseline})
    assert (list(known), others) == (["generator", "discriminator"], ["baseline"])
    with pytest.raises(UsageError, match="the baseline lacks embeddings or blocks"):
        find_keras_weights({"discriminator": baseline})
    assert load_networks({**networks, "baseline": baseline}, known) == [
        "the baseline keeps its initial weights; other formats know no such network"
    ]


def test_mirrored_variables_are_filled(tiny_model: ModelConfig) -> None:
    source = build(tiny_model, 1, tied_weights="disentangled")
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        networks = build(tiny_model, 2, tied_weights="disentangled")
        load_networks(networks, weights_of(source))
    variable = networks["discriminator"].variables[0]
    assert isinstance(variable.value, tf.distribute.DistributedValues)
    assert_equal(source, networks)


def test_equality_is_of_bits(tiny_model: ModelConfig) -> None:
    networks = build(tiny_model, 1, tied_weights="none")
    weights = weights_of(networks)
    name = weights["generator"].sizes.names()[0]
    tables = [weights[network].variables[name.ours] for network in networks]
    for table in tables:
        table.assign(np.zeros(table.shape))
    assert is_equal(weights["generator"], weights["discriminator"], name)
    tables[0].assign(np.full(table.shape, -0.0))
    assert not is_equal(weights["generator"], weights["discriminator"], name)


def test_tables_are_read_in_blocks_of_rows(
    tiny_model: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_module, "_BLOCK_BYTES", 7 * 4 * 16)
    first, second = build(tiny_model, 1), build(tiny_model, 2)
    weights = KerasWeights(first["discriminator"])
    names = weights.sizes.names()
    blocks = list(weights.read_blocks(names[0]))
    assert [len(block) for block in blocks] == [7, 7, 7, 7, 7, 5]
    assert np.array_equal(np.concatenate(blocks), weights.read(names[0]))
    kernels = [name for name in names if name.is_transposed]
    assert all(len(list(weights.read_blocks(name))) == 1 for name in kernels)
    assert load_networks(second, weights_of(first)) == []
    assert_equal(first, second)
