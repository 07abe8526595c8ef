"""python -m pytest tests/test_interchange_huggingface.py"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tokenizers

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, TokenizerConfig, Vocabulary
from electra_keras.errors import UsageError
from electra_keras.interchange.huggingface import open_huggingface
from electra_keras.interchange.huggingface_tokenizer import (
    read_vocabulary,
    tokenizer_files,
)
from electra_keras.interchange.initial_weights import import_networks
from electra_keras.interchange.safetensors import SafetensorsFile, write_safetensors
from electra_keras.interchange.sources import open_pretrained

GOLDEN = Path(__file__).parent / "data" / "hf_electra_tiny"
CLOSE = 1e-5
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def outputs() -> Arrays:
    """Inputs, and what Transformers gave."""
    with np.load(GOLDEN / "outputs.npz") as file:
        return dict(file)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A copy of the golden folder, to be damaged."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "golden"))


def rewrite(folder: Path, change: Callable[[Arrays], None]) -> None:
    """Changes the tensors of a model."""
    path = folder / "model.safetensors"
    file = SafetensorsFile(path)
    arrays = {name: np.array(file.read(name)) for name in file.shapes}
    change(arrays)
    shapes = {name: array.shape for name, array in arrays.items()}
    write_safetensors(path, shapes, lambda name: [arrays[name]])


def reconfigure(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_networks_say_what_transformers_says(outputs: Arrays) -> None:
    source = open_pretrained(GOLDEN)
    assert source.notes == ()
    inputs = {
        "token_ids": tf.constant(outputs["input_ids"]),
        "segment_ids": tf.constant(outputs["token_type_ids"]),
        "padding_mask": tf.constant(outputs["attention_mask"]),
    }
    networks = import_networks(source)
    said = networks["discriminator"](inputs)
    assert said["replaced_logits"].numpy() == pytest.approx(
        outputs["discriminator_logits"], abs=CLOSE
    )
    assert said["hidden_states"].numpy() == pytest.approx(
        outputs["discriminator_last_hidden"], abs=CLOSE
    )
    rows, length = outputs["input_ids"].shape
    positions = tf.tile(tf.range(length)[tf.newaxis], [rows, 1])
    said = networks["generator"]({**inputs, "mask_positions": positions})
    assert said["mask_logits"].numpy() == pytest.approx(
        outputs["generator_logits"], abs=CLOSE
    )
    assert said["hidden_states"].numpy() == pytest.approx(
        outputs["generator_last_hidden"], abs=CLOSE
    )


def test_sizes_are_read_from_the_files() -> None:
    model = open_pretrained(GOLDEN).model
    assert (model.vocabulary_size, model.max_sequence_length) == (100, 64)
    assert (model.embedding_dim, model.hidden_dim, model.num_layers) == (16, 32, 3)
    assert (model.num_heads, model.intermediate_dim) == (4, 64)
    assert (model.generator_hidden_dim, model.generator_num_layers) == (24, 3)
    assert (model.generator_num_heads, model.generator_intermediate_dim) == (2, 96)
    assert model.tied_weights == "embeddings"
    assert (model.dropout_rate, model.initializer_range) == (0.1, 0.02)


def test_discriminator_alone_is_a_model(golden: Path) -> None:
    shutil.rmtree(golden / "generator")
    for path in (golden, golden / "discriminator"):
        assert list(open_pretrained(path).networks) == ["discriminator"]


def test_generator_alone_is_a_model(golden: Path) -> None:
    path = golden / "anything"
    (golden / "generator").rename(path)
    source = open_pretrained(path)
    assert list(source.networks) == ["generator"]
    assert source.num_heads("generator") == 2
    (generator,) = import_networks(source).values()
    assert generator.name == "generator"


def test_networks_that_share_nothing_are_imported_untied(golden: Path) -> None:
    def move(arrays: Arrays) -> None:
        arrays["electra.embeddings.LayerNorm.bias"] += 1

    rewrite(golden / "generator", move)
    source = open_pretrained(golden)
    assert source.model.tied_weights == "token_embeddings"
    networks = import_networks(source)
    beta = {
        name: network.variables[i].numpy()
        for name, network in networks.items()
        for i, variable in enumerate(network.variables)
        if variable.path.endswith("embeddings/layer_norm/beta")
    }
    assert beta["generator"] == pytest.approx(beta["discriminator"] + 1, abs=1e-6)


def test_backbone_alone_has_no_prefix_and_no_head(golden: Path) -> None:
    def strip(arrays: Arrays) -> None:
        for name in list(arrays):
            array = arrays.pop(name)
            if name.startswith("electra."):
                arrays[name.removeprefix("electra.")] = array

    rewrite(golden / "discriminator", strip)
    reconfigure(golden / "discriminator", architectures=["ElectraModel"])
    (weights,) = open_huggingface(golden / "discriminator").values()
    (whole,) = open_huggingface(GOLDEN / "discriminator").values()
    assert weights.sizes.output_heads == ()
    for name in weights.sizes.names():
        assert np.array_equal(weights.read(name), whole.read(name))


def test_constants_and_a_tied_copy_are_no_difference(golden: Path) -> None:
    def add(arrays: Arrays) -> None:
        table = arrays["electra.embeddings.word_embeddings.weight"]
        arrays["generator_lm_head.weight"] = table.copy()
        arrays["electra.embeddings.position_ids"] = np.zeros((1, 64), np.float32)

    rewrite(golden / "generator", add)
    assert list(open_huggingface(golden)) == ["discriminator", "generator"]


def test_an_untied_output_is_refused(golden: Path) -> None:
    def add(arrays: Arrays) -> None:
        table = arrays["electra.embeddings.word_embeddings.weight"]
        arrays["generator_lm_head.weight"] = table + 1

    rewrite(golden / "generator", add)
    with pytest.raises(UsageError, match="whose output is tied to its embeddings"):
        open_huggingface(golden)


def test_every_difference_of_the_tensors_is_listed(golden: Path) -> None:
    def damage(arrays: Arrays) -> None:
        del arrays["electra.encoder.layer.1.output.dense.bias"]
        del arrays["discriminator_predictions.dense_prediction.weight"]
        arrays["classifier.dense.weight"] = np.zeros((2, 2), np.float32)
        arrays["electra.embeddings_project.weight"] = np.zeros((16, 32), np.float32)

    rewrite(golden / "discriminator", damage)
    with pytest.raises(UsageError) as error:
        open_huggingface(golden)
    assert error.value.received.partition("safetensors: ")[2].split("; ") == [
        "classifier.dense.weight (2, 2) is unknown",
        "discriminator_predictions.dense_prediction.weight (1, 32) is missing",
        "electra.embeddings_project.weight is (16, 32) and not (32, 16)",
        "electra.encoder.layer.1.output.dense.bias (32,) is missing",
    ]


def test_fewer_layers_than_the_configuration_says_are_missing(golden: Path) -> None:
    reconfigure(golden / "discriminator", num_hidden_layers=4)
    with pytest.raises(UsageError, match=r"layer\.3\.output\.dense\.weight .* missing"):
        open_huggingface(golden)


def test_a_head_that_the_architecture_has_is_missed(golden: Path) -> None:
    def behead(arrays: Arrays) -> None:
        for name in list(arrays):
            if name.startswith("discriminator_predictions"):
                del arrays[name]

    rewrite(golden / "discriminator", behead)
    with pytest.raises(UsageError, match=r"discriminator_predictions.* is missing"):
        open_huggingface(golden)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new' and not 'gelu'"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05 and not 1e-12"),
        ({"model_type": "bert"}, "model_type is 'bert' and not 'electra'"),
        ({"position_embedding_type": "relative_key"}, "and not 'absolute'"),
        ({"is_decoder": True}, "is_decoder is True and not False"),
        ({"hidden_size": "32"}, "hidden_size is '32'"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"vocab_size": 0}, "vocab_size is 0"),
        ({"num_attention_heads": 3}, "3 heads do not divide hidden_size 32"),
        ({"hidden_act": "relu", "vocab_size": -1}, "'gelu'; vocab_size is -1"),
    ],
)
def test_what_our_networks_cannot_be_is_refused(
    golden: Path, values: dict, message: str
) -> None:
    reconfigure(golden / "discriminator", **values)
    with pytest.raises(UsageError) as error:
        open_huggingface(golden)
    assert message in error.value.received


def test_a_pickle_is_refused_with_what_to_do(golden: Path) -> None:
    folder = golden / "discriminator"
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"a pickle, .* is never read here") as error:
        open_huggingface(golden)
    assert "save_pretrained" in error.value.fix
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(UsageError, match=r"no model\.safetensors in "):
        open_huggingface(golden)


def test_vocabularies_of_both_networks_are_one(golden: Path) -> None:
    path = golden / "generator" / "vocab.txt"
    path.write_text(path.read_text("utf-8").replace("\n[MASK]\n", "\n[MASK]\nx\n"))
    with pytest.raises(UsageError, match=r"generator is not that of .*: line 6 is 'x'"):
        open_pretrained(golden)


def test_rows_without_an_entry_are_refused(golden: Path) -> None:
    for name in ("discriminator", "generator"):
        with (golden / name / "vocab.txt").open("a") as file:
            file.write("one_more\n")
    with pytest.raises(UsageError, match=r"100 rows .* a vocabulary of 101 entries"):
        open_pretrained(golden)


def test_word_pieces_may_be_in_the_tokenizer_alone(golden: Path) -> None:
    folder = golden / "discriminator"
    vocabulary = Vocabulary.load(folder / "vocab.txt")
    text = tokenizer_files(vocabulary, TokenizerConfig(), 64)["tokenizer.json"]
    (folder / "vocab.txt").unlink()
    with pytest.raises(UsageError, match="no vocabulary file at"):
        read_vocabulary(folder)
    (folder / "tokenizer.json").write_text(text, "utf-8")
    assert read_vocabulary(folder) == vocabulary


def test_casing_and_length_are_those_of_the_folder(golden: Path) -> None:
    source = open_pretrained(golden)
    assert source.tokenizer == TokenizerConfig()
    assert source.sequence_length == 64
    values = {"do_lower_case": True, "model_max_length": 32}
    path = golden / "discriminator" / "tokenizer_config.json"
    path.write_text(json.dumps(values))
    source = open_pretrained(golden)
    assert source.tokenizer.lower_case
    assert source.sequence_length == 32


TEXTS = [
    *(
        "Café B",
        "Straße… Ａ① ﬁ Σίσυφος",
        "\u1100\u1161",
        "[MASK] [PAD]",
        "한국어, ㅋㅋ😂 don't 中文",
        "",
        " a ",
    ),
    *("가" * 100, "가" * 101, "ㅋ" * 150, "👍🏽👨‍👩‍👧", "a\u200bb\x00c\ufffd\x85d\tb"),
]


@pytest.mark.parametrize("lower_case", [False, True])
def test_tokenizer_file_gives_the_ids_of_our_tokenizer(lower_case: bool) -> None:
    words = [*"abcdeé가한국어ㅋ中[],'", "[", "##가", "##국", "##어", "##ㅋ", "cafe"]
    if lower_case:
        words = [word for word in words if not any("가" <= c <= "힣" for c in word)]
    vocabulary = Vocabulary(tuple(dict.fromkeys([*SPECIAL_TOKENS, *words])))
    config = TokenizerConfig(lower_case=lower_case)
    files = tokenizer_files(vocabulary, config, 128)
    theirs = tokenizers.Tokenizer.from_str(files["tokenizer.json"])
    # They read special tokens out of a text, unless told not to.
    assert theirs.encode("a [MASK]").ids == [2, 5, 4, 3]
    assert theirs.encode("a", "b").type_ids == [0, 0, 0, 1, 1]
    theirs.encode_special_tokens = True
    ours = Tokenizer(vocabulary, config).tokenize(tf.constant(TEXTS)).to_list()
    for text, ids in zip(TEXTS, ours, strict=True):
        assert theirs.encode(text, add_special_tokens=False).ids == ids, text
    assert json.loads(files["tokenizer_config.json"])["model_max_length"] == 128
