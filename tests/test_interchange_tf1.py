"""python -m pytest tests/test_interchange_tf1.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.interchange import tf1_export
from electra_keras.interchange.initial_weights import import_networks
from electra_keras.interchange.keras_weights import KerasWeights, find_keras_weights
from electra_keras.interchange.sources import open_pretrained
from electra_keras.interchange.tf1 import load_tf1_checkpoint, open_tf1
from electra_keras.interchange.tf1_export import write_checkpoint, write_tf1
from electra_keras.models.networks import build_main_lm_networks

GOLDEN = Path(__file__).parent / "data" / "google_electra_tiny"
CHECKPOINT = GOLDEN / "model.ckpt"
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def networks() -> dict[str, keras.Model]:
    """Ours, filled from the golden checkpoint; read only."""
    return import_networks(open_pretrained(CHECKPOINT))


@pytest.fixture(scope="module")
def forward() -> Arrays:
    """Inputs, and what the reference gave."""
    with np.load(GOLDEN / "forward.npz") as file:
        return dict(file)


def read_all(prefix: Path) -> Arrays:
    reader = tf.train.load_checkpoint(str(prefix))
    shapes = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in shapes}


def write_arrays(prefix: Path, arrays: Arrays) -> None:
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(arrays),
        shape_and_slices=[""] * len(arrays),
        tensors=list(arrays.values()),
    )


@pytest.fixture
def rewritten(tmp_path: Path) -> Callable[[Callable[[Arrays], None]], Path]:
    """Writes the golden checkpoint changed, with its vocabulary."""

    def write(change: Callable[[Arrays], None]) -> Path:
        arrays = read_all(CHECKPOINT)
        change(arrays)
        write_arrays(tmp_path / "model.ckpt", arrays)
        shutil.copyfile(GOLDEN / "vocab.txt", tmp_path / "vocab.txt")
        return tmp_path / "model.ckpt"

    return write


def test_generator_says_what_the_reference_says(
    networks: dict[str, keras.Model], forward: Arrays
) -> None:
    said = networks["generator"](
        {
            "token_ids": tf.constant(forward["masked_input_ids"]),
            "segment_ids": tf.constant(forward["segment_ids"]),
            "padding_mask": tf.constant(forward["input_mask"]),
            "mask_positions": tf.constant(forward["masked_lm_positions"]),
        }
    )
    expected = pytest.approx(forward["mlm_logits"], abs=1e-5)
    assert said["mask_logits"].numpy() == expected


def test_discriminator_says_what_the_reference_says(
    networks: dict[str, keras.Model], forward: Arrays
) -> None:
    token_ids = forward["input_ids"].copy()
    for row, position in np.argwhere(forward["masked_lm_weights"] > 0):
        place = forward["masked_lm_positions"][row, position]
        token_ids[row, place] = forward["sampled_ids"][row, position]
    said = networks["discriminator"](
        {
            "token_ids": tf.constant(token_ids),
            "segment_ids": tf.constant(forward["segment_ids"]),
            "padding_mask": tf.constant(forward["input_mask"]),
        }
    )
    probabilities = tf.sigmoid(said["replaced_logits"]).numpy()
    assert probabilities == pytest.approx(forward["disc_probs"], abs=1e-5)


def test_sizes_are_derived() -> None:
    source = open_pretrained(CHECKPOINT)
    model = source.model
    assert source.notes == ()
    assert (model.hidden_dim, model.num_layers, model.num_heads) == (32, 3, 4)
    assert (model.embedding_dim, model.intermediate_dim) == (16, 64)
    assert (model.generator_hidden_dim, model.generator_num_layers) == (24, 2)
    assert (model.generator_num_heads, model.generator_intermediate_dim) == (1, 96)
    assert (model.vocabulary_size, model.max_sequence_length) == (100, 64)
    assert (model.tied_weights, source.sequence_length) == ("embeddings", 24)


@pytest.mark.parametrize("shard_bytes", [2**26, 2**12])
def test_ours_are_written_as_they_were_read(
    networks: dict[str, keras.Model],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shard_bytes: int,
) -> None:
    monkeypatch.setattr(tf1_export, "_SHARD_BYTES", shard_bytes)
    weights = {name: KerasWeights(network) for name, network in networks.items()}
    write_checkpoint(tmp_path / "model.ckpt", weights)
    shards = list(tmp_path.glob("model.ckpt.data-*"))
    assert (len(shards) > 10) == (shard_bytes == 2**12)
    assert len(list(tmp_path.iterdir())) == len(shards) + 1
    expected, written = read_all(CHECKPOINT), read_all(tmp_path / "model.ckpt")
    assert written.keys() == expected.keys()
    for name, array in expected.items():
        assert written[name].tobytes() == array.tobytes(), name


def test_what_training_leaves_does_not_count(rewritten) -> None:
    def add(arrays: Arrays) -> None:
        for name in list(arrays):
            arrays |= {f"{name}/adam_m": arrays[name], f"{name}/adam_v": arrays[name]}
        arrays["global_step"] = np.array(7)

    assert set(open_tf1(rewritten(add))) == {"discriminator", "generator"}


def test_discriminator_alone_is_a_model(rewritten) -> None:
    def drop(arrays: Arrays) -> None:
        for name in list(arrays):
            if name.startswith("generator"):
                del arrays[name]

    assert list(open_tf1(rewritten(drop))) == ["discriminator"]


def test_bert_objective_gives_a_masked_language_model(rewritten) -> None:
    def keep_bert(arrays: Arrays) -> None:
        for name in list(arrays):
            if name.startswith(("generator", "discriminator_predictions")):
                del arrays[name]
        noise = np.zeros
        arrays["generator_predictions/dense/kernel"] = noise((32, 16), np.float32)
        arrays["generator_predictions/dense/bias"] = noise(16, np.float32)
        arrays["generator_predictions/LayerNorm/beta"] = noise(16, np.float32)
        arrays["generator_predictions/LayerNorm/gamma"] = noise(16, np.float32)
        arrays["generator_predictions/output_bias"] = noise(100, np.float32)

    (weights,) = open_tf1(rewritten(keep_bert)).values()
    assert weights.sizes.output_heads == ("masked_lm_head",)


def test_one_encoder_of_both_networks_is_found(rewritten) -> None:
    def tie(arrays: Arrays) -> None:
        for name in list(arrays):
            if name.startswith("generator/"):
                del arrays[name]
        kernel = "generator_predictions/dense/kernel"
        arrays[kernel] = np.zeros((32, 16), np.float32)

    source = open_pretrained(rewritten(tie), num_heads={"discriminator": 8})
    assert source.model.tied_weights == "all"
    assert (source.model.num_heads, source.model.generator_num_heads) == (8, 8)
    networks = import_networks(source)
    bodies = [
        {v.path for v in network.variables if "encoder" in v.path}
        for network in networks.values()
    ]
    assert bodies[0] == bodies[1]


def test_every_difference_is_listed(rewritten) -> None:
    def damage(arrays: Arrays) -> None:
        del arrays["electra/encoder/layer_1/output/dense/bias"]
        del arrays["generator_predictions/output_bias"]
        arrays["task_specific/logits/kernel"] = np.zeros((32, 2), np.float32)
        table = "generator/encoder/layer_0/output/dense/kernel"
        arrays[table] = arrays[table].T

    with pytest.raises(UsageError) as error:
        open_tf1(rewritten(damage))
    assert error.value.received.partition("model.ckpt: ")[2].split("; ") == [
        "electra/encoder/layer_1/output/dense/bias (32,) is missing",
        "generator/encoder/layer_0/output/dense/kernel is (24, 96) and not (96, 24)",
        "generator_predictions/output_bias (100,) is missing",
        "task_specific/logits/kernel (32, 2) is unknown",
    ]


def test_no_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no TF1 checkpoint"):
        load_tf1_checkpoint(tmp_path / "model.ckpt", {})


@pytest.mark.parametrize("number", [0, -1, "4", 2.5, True])
def test_heads_that_are_none_are_refused(rewritten, number: object) -> None:
    prefix = rewritten(lambda arrays: None)
    (prefix.parent / "config.json").write_text(
        json.dumps({"model_hparam_overrides": {"num_attention_heads": number}})
    )
    with pytest.raises(UsageError, match=r"num_attention_heads in .* is "):
        open_pretrained(prefix)


def test_heads_are_given_or_follow_from_the_width(rewritten) -> None:
    prefix = rewritten(lambda arrays: None)
    source = open_pretrained(prefix)
    assert source.notes == (
        "attention heads of the discriminator: 1, hidden / 64",
        "attention heads of the generator: 1, hidden / 64",
    )
    source = open_pretrained(prefix, num_heads={"discriminator": 8, "generator": 3})
    assert (source.model.num_heads, source.model.generator_num_heads) == (8, 3)
    assert source.notes == ()
    with pytest.raises(UsageError, match="32 with 5 heads; expected"):
        open_pretrained(prefix, num_heads={"discriminator": 5})


def test_a_folder_and_an_index_name_the_checkpoint() -> None:
    for path in (GOLDEN, GOLDEN / "model.ckpt.index"):
        assert open_pretrained(path).path == CHECKPOINT


def test_written_folder_is_found_with_all_that_it_needs(tmp_path: Path) -> None:
    source = open_pretrained(CHECKPOINT)
    folders = write_tf1(source, tmp_path)
    assert folders == {"discriminator": tmp_path, "generator": tmp_path}
    again = open_pretrained(tmp_path)
    assert again.path == tmp_path / "model.ckpt"
    assert (again.model, again.notes) == (source.model, ())
    assert again.vocabulary == source.vocabulary
    assert again.sequence_length == source.sequence_length
    hparams = json.loads((tmp_path / "config.json").read_text())
    expected = json.loads((GOLDEN / "config.json").read_text())
    assert {k: expected[k] for k in hparams if k in expected} == {
        k: hparams[k] for k in hparams if k in expected
    }


def test_two_networks_that_predict_tokens_are_refused(tmp_path: Path) -> None:
    model = dataclasses.replace(open_pretrained(CHECKPOINT).model, num_layers=1)
    networks, _ = find_keras_weights(build_main_lm_networks(model))
    with pytest.raises(UsageError, match="two networks that predict tokens"):
        write_checkpoint(tmp_path / "model.ckpt", networks)
    alone = {"discriminator": networks["discriminator"]}
    write_checkpoint(tmp_path / "model.ckpt", alone)
    (weights,) = open_tf1(tmp_path / "model.ckpt").values()
    assert weights.sizes.output_heads == ("masked_lm_head",)


def test_checkpoint_without_a_vocabulary_is_refused(rewritten) -> None:
    prefix = rewritten(lambda arrays: None)
    (prefix.parent / "vocab.txt").unlink()
    with pytest.raises(UsageError, match=r"no vocab\.txt beside"):
        open_pretrained(prefix)
