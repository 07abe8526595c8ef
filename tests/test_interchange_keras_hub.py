"""python -m pytest tests/test_interchange_keras_hub.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
import socket
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, TokenizerConfig, Vocabulary
from electra_keras.errors import UsageError
from electra_keras.interchange import keras_hub
from electra_keras.interchange.conversion import convert
from electra_keras.interchange.initial_weights import import_networks
from electra_keras.interchange.keras_weights import find_keras_weights
from electra_keras.interchange.sources import Pretrained, open_pretrained
from electra_keras.models import transformer_block
from electra_keras.models.networks import build_replaced_token_networks

hub = pytest.importorskip("keras_hub").models
DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "hf_electra_tiny"
REFERENCE = DATA / "google_electra_tiny" / "model.ckpt"
NETWORKS = ("discriminator", "generator")


@pytest.fixture(scope="module")
def source() -> Pretrained:
    return open_pretrained(REFERENCE)


@pytest.fixture(scope="module")
def presets(source: Pretrained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(source, "keras_hub", tmp_path_factory.mktemp("hub") / "presets")


def make_inputs(vocabulary_size: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    padding_mask = np.ones((3, 12), np.int32)
    padding_mask[1, 7:] = 0
    return {
        "token_ids": random.integers(5, vocabulary_size, (3, 12), np.int32),
        "segment_ids": np.repeat([[0] * 6 + [1] * 6], 3, axis=0).astype(np.int32),
        "padding_mask": padding_mask,
    }


def largest_difference(source: Pretrained, presets: Path, network: str) -> float:
    """Of last hidden states of real tokens, ours and the backbone's."""
    inputs = make_inputs(source.model.vocabulary_size or 0)
    ours = import_networks(source)[network]
    asked = {"mask_positions": np.zeros((3, 2), np.int32)}
    names = {spec.name for spec in ours.inputs}
    given = {k: v for k, v in {**inputs, **asked}.items() if k in names}
    expected = ours(given, training=False)["hidden_states"].numpy()
    backbone = hub.ElectraBackbone.from_preset(str(presets / network))
    found = backbone.predict(inputs, verbose=0)["sequence_output"]
    real = inputs["padding_mask"] == 1
    return float(np.abs(found - expected)[real].max())


def tanh_gelu(x: tf.Tensor) -> tf.Tensor:
    return keras.activations.gelu(x, approximate=True)


@pytest.mark.parametrize("network", NETWORKS)
def test_weights_are_the_same_but_for_the_gelu(
    source: Pretrained, presets: Path, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drift = largest_difference(source, presets, network)
    assert 1e-5 < drift < 5e-3
    monkeypatch.setattr(transformer_block, "gelu", tanh_gelu)
    assert largest_difference(source, presets, network) < 1e-5


def test_sizes_and_pooled_output_are_what_the_card_says(
    source: Pretrained, presets: Path
) -> None:
    folder = presets / "discriminator"
    backbone = hub.ElectraBackbone.from_preset(str(folder))
    model = source.model
    assert (backbone.num_layers, backbone.num_heads) == (
        model.num_layers,
        model.num_heads,
    )
    assert backbone.max_sequence_length == model.max_sequence_length
    assert backbone.dropout == model.dropout_rate
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["parameter_count"] == backbone.count_params()
    found = backbone.predict(make_inputs(100), verbose=0)
    np.testing.assert_allclose(
        found["pooled_output"], np.tanh(found["sequence_output"][:, 0]), atol=1e-6
    )
    card = (folder / "README.md").read_text("utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["library_name"] == "keras-hub"
    for text in (
        *("ElectraBackbone.from_preset", "tanh approximation", "over 100 bytes"),
        "Put it into Unicode NFC: the tokenizer does not.",
    ):
        assert text in card
    assert "the tokenizer does both" not in card


def test_a_lone_generator_is_one_preset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_pretrained(GOLDEN / "generator")
    folder = convert(opened, "keras_hub", tmp_path / "one")
    assert [path.name for path in folder.iterdir()] == ["generator"]
    monkeypatch.setattr(transformer_block, "gelu", tanh_gelu)
    assert largest_difference(opened, folder, "generator") < 1e-5


def test_a_model_without_projection(
    source: Pretrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the base size: embeddings as wide as the discriminator. Biases are not 0."""
    model = dataclasses.replace(source.model, embedding_dim=source.model.hidden_dim)
    networks = build_replaced_token_networks(model, seed=1)
    random = np.random.default_rng(1)
    for variable in {id(v): v for n in networks.values() for v in n.variables}.values():
        variable.assign_add(random.normal(0.0, 0.1, variable.shape))
    known, _ = find_keras_weights(networks)
    opened = dataclasses.replace(source, networks=known, model=model)
    folder = convert(opened, "keras_hub", tmp_path / "presets")
    monkeypatch.setattr(transformer_block, "gelu", tanh_gelu)
    for network in NETWORKS:
        backbone = hub.ElectraBackbone.from_preset(str(folder / network))
        is_projected = network == "generator"
        assert hasattr(backbone, "embeddings_projection") == is_projected
        assert largest_difference(opened, folder, network) < 1e-5


def test_a_run_becomes_presets(run_folder: Path, tmp_path: Path) -> None:
    opened = open_pretrained(run_folder)
    folder = convert(opened, "keras_hub", tmp_path / "presets")
    assert sorted(path.name for path in folder.iterdir()) == list(NETWORKS)
    for network in NETWORKS:
        assert {path.name for path in (folder / network).iterdir()} == {
            *("README.md", "assets", "config.json", "metadata.json"),
            *("model.weights.h5", "tokenizer.json"),
        }
        assert largest_difference(opened, folder, network) < 5e-3


@pytest.mark.parametrize(
    ("lower_case", "entries"),
    [
        (False, "가 나 ##나 ㅋ ##ㅋ 😂 Café Cafe e ! , 山 a ##a 1 ##0 000"),
        (True, "cafe cafes e ! , 山 a ##a 1 ##0 000 naive"),
    ],
)
def test_tokenizer_gives_the_same_ids(
    source: Pretrained, presets: Path, tmp_path: Path, lower_case: bool, entries: str
) -> None:
    vocabulary = Vocabulary((*SPECIAL_TOKENS, *entries.split()))
    config = TokenizerConfig(lower_case=lower_case)
    other = dataclasses.replace(source, vocabulary=vocabulary, tokenizer=config)
    # Without weights beside it, it would be no preset.
    folder = Path(shutil.copytree(presets / "discriminator", tmp_path / "preset"))
    keras_hub._write_tokenizer(folder, other)
    theirs = hub.ElectraTokenizer.from_preset(str(folder))
    assert (theirs.pad_token_id, theirs.cls_token_id, theirs.mask_token_id) == (0, 2, 4)
    ours = Tokenizer(vocabulary, config)
    lines = [
        "가나 나가",
        "ㅋㅋㅋ😂!",
        "Café e",
        "CAFE naïve",
        "a山a,가",
        "1,000 e" * 40,
    ]
    lines += ["", "  가\t나\n", "x" * 99, "가" * 99, "👍"]
    assert [list(ids) for ids in theirs(lines)] == ours.tokenize(lines).to_list()
    # In a pipeline of tf.data KerasHub tokenizes by other code.
    batches = tf.data.Dataset.from_tensors(lines).map(theirs)
    assert next(iter(batches)).to_list() == ours.tokenize(lines).to_list()
    # It splits at no white space but ASCII's, and takes words of up to 100 bytes.
    assert theirs(["a\u3000a"])[0] == [1] != ours.tokenize(["a\u3000a"]).to_list()[0]
    assert theirs(["a" * 101])[0] == [1] != ours.tokenize(["a" * 101]).to_list()[0]
    # Lower-casing, it splits at format characters, where ours joins.
    joined = ours.tokenize(["a\u200ba"]).to_list()[0]
    assert (list(theirs(["a\u200ba"])[0]) == joined) != lower_case
    # It does not normalise: that is up to its caller.
    assert ours.tokenize(["\u1100\u1161"]).to_list() == [[1 if lower_case else 5]]
    assert theirs(["\u1100\u1161"])[0] == [1]


def test_another_backbone_is_refused_and_leaves_nothing(
    source: Pretrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_hub, "_POOLER", ("pooler/kernel", "pooled_dense/bias"))
    with pytest.raises(UsageError, match=r"pooler/kernel.*expected those of keras-hub"):
        convert(source, "keras_hub", tmp_path / "presets")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("entry", ["\u3000", "a\xa0", "a\rb"])
def test_word_pieces_that_its_file_would_lose_are_refused(
    source: Pretrained, tmp_path: Path, entry: str
) -> None:
    entries = list(source.vocabulary.entries)
    entries[-2] = entry
    other = dataclasses.replace(source, vocabulary=Vocabulary(tuple(entries)))
    with pytest.raises(UsageError) as error:
        convert(other, "keras_hub", tmp_path / "presets")
    assert f"the word pieces {entry!a} of " in str(error.value)
    assert "--to=huggingface" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_preset_is_no_source(presets: Path) -> None:
    for path in (presets, presets / "generator"):
        with pytest.raises(UsageError, match="is a preset of KerasHub; expected"):
            open_pretrained(path)


def test_loading_needs_no_network(
    presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for network in NETWORKS:
        folder = str(presets / network)
        assert hub.ElectraBackbone.from_preset(folder).count_params() > 0
        assert hub.ElectraTokenizer.from_preset(folder).vocabulary_size() > 0


def test_a_wide_model_is_written_by_blocks(
    source: Pretrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables larger than a block, which are written piece by piece."""
    from electra_keras.interchange import weights

    whole = convert(source, "keras_hub", tmp_path / "whole")
    monkeypatch.setattr(weights, "_BLOCK_BYTES", 256)
    cut = convert(source, "keras_hub", tmp_path / "cut")
    for network in NETWORKS:
        first, second = (
            hub.ElectraBackbone.from_preset(str(folder / network)).get_weights()
            for folder in (whole, cut)
        )
        assert all(map(np.array_equal, first, second))
