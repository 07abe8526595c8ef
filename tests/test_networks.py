"""python -m pytest tests/test_networks.py"""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig
from electra_keras.errors import UsageError
from electra_keras.models.encoder import Encoder
from electra_keras.models.layers import Dropout
from electra_keras.models.networks import (
    build_embeddings,
    build_encoder_network,
    build_generator,
    build_networks,
)
from electra_keras.models.randomness import draw_id, noise_key, step_key
from electra_keras.models.transformer_block import TransformerBlock

B, S, M, V = 3, 10, 2, 40


@pytest.fixture(scope="module")
def networks(tiny_model: ModelConfig) -> tuple[keras.Model, keras.Model]:
    """Both networks with large random weights, so that every one of them shows."""
    networks = build_networks(tiny_model, seed=1)
    for network in networks:
        for place, variable in enumerate(network.variables):
            noise = tf.random.stateless_normal(variable.shape, [place, 7]) * 0.2
            bias = 1.0 if variable.name == "gamma" else 0.0
            variable.assign(noise + bias)
    return networks


@pytest.fixture(scope="module")
def batch() -> dict[str, tf.Tensor]:
    choose = np.random.default_rng(0)
    padding_mask = np.ones((B, S), np.int32)
    padding_mask[1, 6:] = 0
    padding_mask[2, 3:] = 0
    segment_ids = np.zeros((B, S), np.int32)
    segment_ids[0, 5:] = 1
    return {
        "token_ids": tf.constant(choose.integers(5, V, (B, S)) * padding_mask),
        "segment_ids": tf.constant(segment_ids),
        "padding_mask": tf.constant(padding_mask),
        "mask_positions": tf.constant([[1, 7], [2, 0], [0, 0]]),
    }


def without_positions(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: value for name, value in batch.items() if name != "mask_positions"}


Weights = dict[str, np.ndarray]


def weights_of(model: keras.Model) -> Weights:
    return {v.path: v.numpy().astype(np.float64) for v in model.variables}


def affine(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def normalise(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    x = (x - mean) / np.sqrt(variance + 1e-12)
    return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]


def exact_gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


def reference_states(
    weights: Weights, batch: dict[str, Any], prefix: str, layers: int, heads: int
) -> np.ndarray:
    """The encoder of Clark et al. in plain NumPy, head by head."""
    token_ids, segment_ids, padding_mask = (
        batch[name].numpy() for name in ("token_ids", "segment_ids", "padding_mask")
    )
    x = weights["embeddings/token_embeddings"][token_ids]
    x = x + weights["embeddings/segment_embeddings"][segment_ids]
    x = x + weights["embeddings/position_embeddings"][: token_ids.shape[1]]
    x = normalise(x, weights, "embeddings/layer_norm")
    x = affine(x, weights, f"{prefix}/embeddings_project")
    bias = (1.0 - padding_mask)[:, np.newaxis, :] * -10_000.0
    size = x.shape[-1] // heads
    for layer in range(layers):
        name = f"{prefix}/block_{layer}"
        query, key, value = np.split(
            affine(x, weights, f"{name}/query_key_value"), 3, -1
        )
        attended = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = query[..., part] @ key[..., part].swapaxes(1, 2)
            scores = scores / math.sqrt(size) + bias
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            attended.append(scores / scores.sum(-1, keepdims=True) @ value[..., part])
        output = affine(
            np.concatenate(attended, -1), weights, f"{name}/attention_output"
        )
        x = normalise(x + output, weights, f"{name}/attention_layer_norm")
        inner = exact_gelu(affine(x, weights, f"{name}/intermediate"))
        output = affine(inner, weights, f"{name}/output")
        x = normalise(x + output, weights, f"{name}/output_layer_norm")
    return x


def test_discriminator_equals_the_numpy_reference(networks, batch) -> None:
    discriminator = networks[1]
    outputs = discriminator(without_positions(batch), training=False)
    weights = weights_of(discriminator)
    states = reference_states(weights, batch, "discriminator_encoder", 2, 2)
    assert outputs["hidden_states"].numpy() == pytest.approx(states, abs=1e-5)
    inner = exact_gelu(affine(states, weights, "replaced_token_head/transform"))
    logits = affine(inner, weights, "replaced_token_head/prediction")[..., 0]
    assert outputs["replaced_logits"].numpy() == pytest.approx(logits, abs=1e-5)


def test_generator_equals_the_numpy_reference(networks, batch) -> None:
    generator = networks[0]
    weights = weights_of(generator)
    states = reference_states(weights, batch, "generator_encoder", 1, 1)
    positions = batch["mask_positions"].numpy()[..., np.newaxis]
    gathered = np.take_along_axis(states, positions, 1)
    inner = exact_gelu(affine(gathered, weights, "masked_lm_head/transform"))
    inner = normalise(inner, weights, "masked_lm_head/layer_norm")
    logits = inner @ weights["embeddings/token_embeddings"].T
    logits = logits + weights["masked_lm_head/output_bias"]
    received = generator(batch, training=False)["mask_logits"].numpy()
    assert received == pytest.approx(logits, abs=1e-5)


def test_discriminator_equals_the_backbone_of_keras_hub(
    networks, batch, tiny_model: ModelConfig
) -> None:
    import keras_hub

    hub = keras_hub.models.ElectraBackbone(
        vocab_size=V,
        num_layers=2,
        num_heads=2,
        hidden_dim=32,
        embedding_dim=16,
        intermediate_dim=128,
        max_sequence_length=16,
    )
    ours = {v.path: v.numpy() for v in networks[1].variables}
    split = {
        f"transformer_layer_{layer}/self_attention_layer/{name}/{kind}": np.split(
            ours[f"discriminator_encoder/block_{layer}/query_key_value/{kind}"], 3, -1
        )[place]
        for layer in range(2)
        for place, name in enumerate(("query", "key", "value"))
        for kind in ("kernel", "bias")
    }
    renamed = {
        "self_attention_layer/attention_output": "attention_output",
        "self_attention_layer_norm": "attention_layer_norm",
        "feedforward_layer_norm": "output_layer_norm",
        "feedforward_intermediate_dense": "intermediate",
        "feedforward_output_dense": "output",
        "token_embedding/embeddings": "embeddings/token_embeddings",
        "position_embedding/embeddings": "embeddings/position_embeddings",
        "segment_embedding/embeddings": "embeddings/segment_embeddings",
        "embeddings_layer_norm": "embeddings/layer_norm",
        "embeddings_projection": "discriminator_encoder/embeddings_project",
        "transformer_layer_": "discriminator_encoder/block_",
    }
    copied = 0
    for variable in hub.trainable_variables:
        name = variable.path
        if name.startswith("pooled_dense"):
            continue
        if name not in split:
            for theirs, mine in renamed.items():
                name = name.replace(theirs, mine)
        value = split.get(name, ours.get(name))
        variable.assign(value.reshape(variable.shape))
        copied += 1
    assert copied == 5 + 2 + 2 * 16
    # Theirs is the tanh approximation, ours and the reference's the exact one.
    for layer in hub.transformer_layers:
        layer._feedforward_intermediate_dense.activation = lambda x: (
            keras.activations.gelu(x, approximate=False)
        )
    inputs = without_positions(batch)
    received = networks[1](inputs, training=False)["hidden_states"].numpy()
    expected = hub(inputs, training=False)["sequence_output"].numpy()
    assert received == pytest.approx(expected, abs=1e-5)


def test_embeddings_are_the_same_variables_in_both_networks(networks) -> None:
    generator, discriminator = networks
    shared = [v for v in generator.variables if v.path.startswith("embeddings/")]
    ours = {id(v) for v in discriminator.variables}
    assert [v.name for v in shared] == [
        *("token_embeddings", "position_embeddings", "segment_embeddings"),
        *("gamma", "beta"),
    ]
    assert all(id(variable) in ours for variable in shared)
    both = {id(v) for v in generator.variables} & ours
    assert both == {id(v) for v in shared}


def test_every_variable_has_a_path_of_its_own(networks) -> None:
    variables = {id(v): v.path for n in networks for v in n.variables}
    assert len(set(variables.values())) == len(variables) == 5 + 2 + 12 + 5 + 2 + 24 + 4


def test_generator_heads_are_the_width_by_64_and_at_least_one() -> None:
    for width, heads in ((24, 1), (64, 1), (128, 2), (192, 3)):
        config = ModelConfig(
            vocabulary_size=V, generator_hidden_dim=width, generator_num_layers=1
        )
        generator = build_generator(config, build_embeddings(config))
        encoder = generator.get_layer("generator_encoder")
        assert encoder.blocks[0].num_heads == heads


def test_equal_widths_need_no_projection(tiny_model: ModelConfig) -> None:
    config = dataclasses.replace(tiny_model, embedding_dim=32)
    generator, discriminator = build_networks(config)
    assert discriminator.get_layer("discriminator_encoder").projection is None
    assert generator.get_layer("generator_encoder").projection is not None


def test_initial_weights_are_those_of_the_reference() -> None:
    config = ModelConfig(vocabulary_size=2000, num_layers=1, generator_num_layers=1)
    glorot = {
        "generator_encoder/embeddings_project": (128, 64),
        "discriminator_encoder/embeddings_project": (128, 256),
        "replaced_token_head/prediction": (256, 1),
    }
    seen = set()
    for network in build_networks(config, seed=1):
        for variable in network.variables:
            value, name = variable.numpy(), variable.path
            layer = name.rpartition("/")[0]
            if variable.name in ("bias", "beta", "output_bias"):
                assert not value.any(), name
            elif variable.name == "gamma":
                assert (value == 1.0).all(), name
            elif layer in glorot:
                limit = math.sqrt(6.0 / sum(glorot[layer]))
                assert value.shape == glorot[layer]
                assert np.abs(value).max() <= limit
                assert np.abs(value).max() > 0.9 * limit
                # Uniform: a deviation of limit / sqrt(3).
                assert value.std() == pytest.approx(limit / math.sqrt(3), rel=0.15)
                seen.add(layer)
            else:
                # Cut at two deviations, 0.88 of the deviation are left.
                least = 1 - 6 / value.size**0.5
                assert least < value.std() / (0.8796 * 0.02) < 2 - least, name
                assert np.abs(value).max() <= 2 * 0.02, name
    assert seen == set(glorot)


def test_networks_of_the_same_seed_are_equal(tiny_model: ModelConfig) -> None:
    first = build_networks(tiny_model, seed=5)
    second = build_networks(tiny_model, seed=5)
    other = build_networks(tiny_model, seed=6)
    for one, two, three in zip(first, second, other, strict=True):
        for a, b, c in zip(one.variables, two.variables, three.variables, strict=True):
            assert np.array_equal(a.numpy(), b.numpy())
            if a.numpy().std() > 0:
                assert not np.array_equal(a.numpy(), c.numpy()), a.path


def test_networks_of_the_same_seed_are_equal_in_another_process(
    tiny_model: ModelConfig,
) -> None:
    code = f"""
from electra_keras.config import ModelConfig
from electra_keras.models.networks import build_networks
network = build_networks({tiny_model!r}, seed=5)[1]
print(*[float(abs(v.numpy()).sum()) for v in network.variables])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    sums = [float(value) for value in done.stdout.split()]
    network = build_networks(tiny_model, seed=5)[1]
    assert sums == [float(abs(v.numpy()).sum()) for v in network.variables]


def test_padding_does_not_touch_the_real_tokens(networks, batch) -> None:
    padding = batch["padding_mask"].numpy() == 0
    other = dict(batch)
    other["token_ids"] = tf.where(padding, 17, batch["token_ids"])
    other["segment_ids"] = tf.where(padding, 1, batch["segment_ids"])
    discriminator = networks[1]
    first = discriminator(without_positions(batch), training=False)
    second = discriminator(without_positions(other), training=False)
    for name in first:
        one, two = first[name].numpy(), second[name].numpy()
        assert one[~padding] == pytest.approx(two[~padding], abs=1e-6)
        assert np.abs(one[padding] - two[padding]).max() > 0.01
    short = {k: v[1:2, :6] for k, v in without_positions(batch).items()}
    alone = discriminator(short, training=False)["replaced_logits"].numpy()
    assert first["replaced_logits"].numpy()[1:2, :6] == pytest.approx(alone, abs=1e-6)


def test_outputs_have_the_shapes_of_the_glossary(networks, batch) -> None:
    generator, discriminator = networks
    logits = generator(batch)["mask_logits"]
    assert (logits.shape, logits.dtype) == ((B, M, V), tf.float32)
    outputs = discriminator(without_positions(batch))
    assert set(outputs) == {"replaced_logits", "hidden_states"}
    assert (outputs["replaced_logits"].shape, outputs["replaced_logits"].dtype) == (
        (B, S),
        tf.float32,
    )
    assert outputs["hidden_states"].shape == (B, S, 32)


def test_only_masked_positions_are_projected(networks, batch) -> None:
    concrete = tf.function(networks[0]).get_concrete_function(batch)
    widths = [
        tensor.shape
        for operation in concrete.graph.get_operations()
        for tensor in operation.outputs
        if tensor.shape.rank and tensor.shape[-1] == V
    ]
    assert tf.TensorShape([B, M, V]) in widths
    assert all(shape.num_elements() in (None, V, B * M * V) for shape in widths)
    assert tf.TensorShape([B, S, V]) not in widths
    assert tf.TensorShape([B * S, V]) not in widths


def test_dropout_of_every_place_has_a_draw_of_its_own(tiny_model: ModelConfig) -> None:
    config = dataclasses.replace(
        tiny_model, dropout_rate=0.1, attention_dropout_rate=0.1
    )
    draws = []
    for network in build_networks(config):
        for layer in network._flatten_layers():
            if isinstance(layer, Dropout):
                draws.append(draw_id(layer.path))
            if isinstance(layer, TransformerBlock):
                draws += layer.draw_ids
    # One behind the embeddings, three in each block.
    assert len(draws) == len(set(draws)) == (1 + 3) + (1 + 2 * 3)
    assert draw_id("generator_encoder/block_0/attention_dropout") in draws
    assert draw_id("discriminator_encoder/block_1/output_dropout") in draws


def test_dropout_changes_training_and_not_inference(
    tiny_model: ModelConfig, batch: dict[str, tf.Tensor]
) -> None:
    config = dataclasses.replace(
        tiny_model, dropout_rate=0.1, attention_dropout_rate=0.1
    )
    discriminator = build_networks(config)[1]
    inputs = without_positions(batch)

    def logits(step: int, training: bool) -> np.ndarray:
        with noise_key(step_key(1, tf.constant(step), 0)):
            outputs = discriminator(inputs, training=training)
        return outputs["replaced_logits"].numpy()

    assert np.array_equal(logits(0, True), logits(0, True))
    assert not np.array_equal(logits(0, True), logits(1, True))
    assert np.array_equal(logits(0, False), logits(1, False))
    with pytest.raises(RuntimeError, match="needs noise and no key is open"):
        discriminator(inputs, training=True)


def test_encoder_gives_the_hidden_states_of_every_layer() -> None:
    encoder = Encoder(32, 2, 2, 64, embedding_dim=16, name="e")
    embeddings = tf.random.stateless_normal([2, 5, 16], [1, 2])
    mask = tf.constant([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    last = encoder(embeddings, mask, training=False)
    layers = encoder(embeddings, mask, training=False, every_layer=True)
    assert [layer.shape for layer in layers] == [(2, 5, 32)] * 3
    assert np.array_equal(layers[-1], last)
    assert layers[0].numpy() == pytest.approx(
        encoder.projection(embeddings).numpy(), abs=1e-6
    )
    assert np.abs(layers[1] - layers[0]).max() > 0.1


def test_encoder_comes_back_from_its_own_config() -> None:
    encoder = Encoder(32, 2, 2, 64, embedding_dim=16, dropout_rate=0.2, name="e")
    again = Encoder.from_config(encoder.get_config())
    assert again.get_config() == encoder.get_config()


def test_unknown_vocabulary_size_is_refused() -> None:
    with pytest.raises(UsageError, match=r"model\.vocabulary_size is not set"):
        build_networks(ModelConfig())


def test_networks_run_in_bfloat16_with_float32_logits_and_weights(
    tiny_model: ModelConfig, batch: dict[str, tf.Tensor]
) -> None:
    exact = build_networks(tiny_model, seed=1)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_networks(tiny_model, seed=1)
    finally:
        keras.config.set_dtype_policy("float32")
    inputs = (batch, without_positions(batch))
    names = ("mask_logits", "replaced_logits")
    for one, other, values, name in zip(exact, mixed, inputs, names, strict=True):
        logits = other(values)[name]
        assert logits.dtype == tf.float32
        assert all(variable.dtype == "float32" for variable in other.variables)
        assert np.allclose(logits, one(values)[name], atol=0.02)


def test_encoder_network_gives_every_layer(tiny_model: ModelConfig) -> None:
    network = build_encoder_network(tiny_model, every_layer=True, seed=1)
    batch = {
        "token_ids": tf.constant([[2, 6, 7, 3]]),
        "segment_ids": tf.zeros([1, 4], tf.int32),
        "padding_mask": tf.ones([1, 4], tf.int32),
    }
    outputs = network(batch, training=False)
    layers = outputs["layers"]
    # What the first block is given, and what each of two gives.
    assert [tuple(layer.shape) for layer in layers] == [(1, 4, 32)] * 3
    np.testing.assert_array_equal(layers[-1], outputs["hidden_states"])
    alone = build_encoder_network(tiny_model, seed=1)(batch, training=False)
    np.testing.assert_array_equal(alone["hidden_states"], outputs["hidden_states"])
