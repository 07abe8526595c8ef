"""python -m pytest tests/test_interchange_exported_weights.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras import convert as convert_command
from electra_keras.config import ExperimentConfig
from electra_keras.data.info import load_info, load_vocabulary
from electra_keras.errors import UsageError
from electra_keras.interchange import weights
from electra_keras.interchange.conversion import convert
from electra_keras.interchange.exported_weights import ExportedWeights
from electra_keras.interchange.initial_weights import InitialWeights, hash_weights
from electra_keras.interchange.sources import Pretrained, open_pretrained
from electra_keras.models.networks import build_replaced_token_networks
from electra_keras.serving.export import export_run
from electra_keras.training.checkpoints import CheckpointFolder, network_variables
from electra_keras.training.run import CHECKPOINTS_FOLDER, build_objective
from electra_keras.training.run_folder import open_run_folder
from electra_keras.training.saved_run import load_run


@pytest.fixture(scope="module")
def run(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that began with other weights and has been evaluated."""
    folder = shutil.copytree(run_folder, tmp_path_factory.mktemp("run") / "run")
    began = {"source": "/home/a/b", "kind": "export", "sha256": "12ab", "notes": []}
    (folder / "initial_weights.json").write_text(json.dumps(began))
    measured = {"split": "validation", "loss": 12.5, "step": 9.0}
    (folder / "evaluation.json").write_text(json.dumps(measured))
    return Path(folder)


@pytest.fixture(scope="module")
def version(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export, with the generator, cut short of what was trained."""
    folder = tmp_path_factory.mktemp("export") / "models"
    return export_run(load_run(run), folder, sequence_length=9, with_generator=True)


@pytest.fixture
def version_copy(version: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(version, tmp_path / "models" / "1"))


def check_equal(ours: Pretrained, theirs: Pretrained) -> None:
    for network, tensors in ours.networks.items():
        others = theirs.networks[network]
        assert tensors.sizes == others.sizes
        for name in tensors.sizes.names():
            array = others.read(name)
            assert np.array_equal(tensors.read(name), array), name.ours
            assert np.array_equal(tensors.read(name, slice(0, 1)), array[:1])
            blocks = np.concatenate(list(tensors.read_blocks(name)))
            assert np.array_equal(blocks, array), name.ours


def test_an_export_reads_as_the_run_does(
    run: Path, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_BLOCK_BYTES", 512)  # Of which tables have many.
    ours, theirs = open_pretrained(version), open_pretrained(run)
    assert (ours.kind, ours.path, ours.notes) == ("export", version, ())
    assert list(ours.networks) == ["generator", "discriminator"]
    assert all(isinstance(w, ExportedWeights) for w in ours.networks.values())
    check_equal(ours, theirs)
    assert hash_weights(ours) == hash_weights(theirs)
    assert ours.model == theirs.model and ours.tokenizer == theirs.tokenizer
    assert ours.vocabulary == theirs.vocabulary
    assert ours.sequence_length == theirs.sequence_length == 16
    token_table = next(
        name
        for name in ours.networks["generator"].sizes.names()
        if name.ours.endswith("token_embeddings")
    )
    one, other = (w.place(token_table) for w in ours.networks.values())
    assert one == other


def test_converted_it_is_the_converted_run_with_its_card(
    run: Path, version: Path, tmp_path: Path
) -> None:
    folders = [
        convert(open_pretrained(path), "huggingface", tmp_path / name)
        for path, name in ((run, "run"), (version, "export"))
    ]
    files = [sorted(p for p in f.rglob("*") if p.is_file()) for f in folders]
    assert len(files[0]) == 14
    for one, other in zip(*files, strict=True):
        assert one.relative_to(folders[0]) == other.relative_to(folders[1])
        assert one.read_bytes() == other.read_bytes(), other
    card = files[1][0].read_text()
    assert "| initial weights | b, a served model of electra-keras, `12ab` |" in card
    assert "| `loss` | 12.5000 |" in card
    for path in version.rglob("*.json"):
        assert "/home" not in path.read_text()


def test_training_starts_from_it(run: Path, version: Path) -> None:
    source = open_pretrained(run)
    networks = build_replaced_token_networks(source.model)
    assert InitialWeights(version).load(networks, source.vocabulary) == {
        "source": str(version),
        "kind": "export",
        "sha256": hash_weights(source),
        "trained_sequence_length": 16,
        "notes": [],
    }
    expected = load_run(run).objective.networks
    for name, network in networks.items():
        for one, other in zip(network.variables, expected[name].variables, strict=True):
            assert np.array_equal(one.numpy(), other.numpy()), one.path


def test_rounded_weights_come_as_float32_and_are_said_to_be(
    run: Path, tmp_path: Path
) -> None:
    folder = export_run(load_run(run), tmp_path / "models", weights="bfloat16")
    ours, theirs = open_pretrained(folder), open_pretrained(run)
    assert list(ours.networks) == ["discriminator"]
    assert ours.notes == ("weights were rounded to bfloat16 when they were exported",)
    discriminator = ours.networks["discriminator"]
    for name in discriminator.sizes.names():
        array = discriminator.read(name)
        exact = theirs.networks["discriminator"].read(name)
        rounded = tf.cast(tf.cast(exact, tf.bfloat16), tf.float32)
        assert array.dtype == np.float32
        assert np.array_equal(array, rounded), name.ours


EQUAL_SIZES = {
    "tied_weights": "none",
    "generator_hidden_dim": 32,
    "generator_num_layers": 2,
    "generator_num_heads": 2,
    "generator_intermediate_dim": 128,
}


@pytest.mark.parametrize(
    ("objective", "changes", "count_notes"),
    [
        ("mlm", {}, 0),
        ("all_tokens_mlm", {}, 1),  # Its copy head.
        ("electric", {}, 1),  # Its two towers.
        ("two_stage", EQUAL_SIZES, 1),  # The second stage has not begun.
    ],
)
def test_any_objective_is_known_by_its_export_as_by_its_run(
    tiny_config: ExperimentConfig,
    data_folder: Path,
    tmp_path: Path,
    objective: str,
    changes: dict,
    count_notes: int,
) -> None:
    info = load_info(data_folder)
    vocabulary = load_vocabulary(data_folder, info)
    changes = {**changes, "vocabulary_size": len(vocabulary)}
    config = dataclasses.replace(
        tiny_config,
        model=dataclasses.replace(tiny_config.model, **changes),
        train=dataclasses.replace(tiny_config.train, objective=objective),
    )
    folder = tmp_path / "run"
    open_run_folder(folder, config, info, vocabulary)
    CheckpointFolder(folder / CHECKPOINTS_FOLDER).save(
        network_variables(build_objective(config, vocabulary).networks),
        step=2,
        config_fingerprint=config.fingerprint,
        data_fingerprint=info.fingerprint,
    )
    version = export_run(load_run(folder), tmp_path / "models")
    ours, theirs = open_pretrained(version), open_pretrained(folder)
    assert list(ours.networks) == ["discriminator"]
    check_equal(ours, theirs)
    assert len(theirs.notes) == count_notes
    # What is not in the export needs no note that it is left out.
    assert set(ours.notes) <= set(theirs.notes)


def test_other_networks_than_its_settings_tell_are_refused(version_copy: Path) -> None:
    path = version_copy / "assets.extra" / "config.yaml"
    text = path.read_text()
    assert "  num_layers: 2\n" in text
    path.write_text(text.replace("  num_layers: 2\n", "  num_layers: 3\n"))
    missing = r"block_2/output/kernel \(128, 32\) is missing"
    with pytest.raises(UsageError, match=missing):
        open_pretrained(version_copy)
    path.write_text(text.replace("  num_layers: 2\n", "  num_layers: 1\n"))
    with pytest.raises(UsageError, match=r"block_1/output/bias \(32,\) is unknown"):
        open_pretrained(version_copy)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("variables/variables.index", "is not whole"),
        ("assets.extra/vocab.txt", r"assets\.extra/vocab\.txt is missing"),
        ("assets.extra/export.json", "no model at"),
    ],
)
def test_a_version_that_is_not_whole_is_refused(
    version_copy: Path, name: str, message: str
) -> None:
    (version_copy / name).unlink()
    with pytest.raises(UsageError, match=message):
        open_pretrained(version_copy)


@pytest.mark.parametrize("text", ["{", "[]", '{"step": 9}'])
def test_damaged_words_about_it_are_refused(version_copy: Path, text: str) -> None:
    (version_copy / "assets.extra" / "export.json").write_text(text)
    with pytest.raises(UsageError, match=r"is not whole \(assets\.extra: "):
        open_pretrained(version_copy)


def test_a_folder_of_versions_is_answered_with_the_newest(
    version: Path, version_copy: Path
) -> None:
    versions = version_copy.parent
    for name in ("12", "13"):
        (versions / name).mkdir()
    shutil.copytree(version_copy / "assets.extra", versions / "12" / "assets.extra")
    with pytest.raises(UsageError) as error:
        open_pretrained(versions)
    assert "a version of electra_keras.export" in error.value.expected
    assert error.value.fix == f"The version number belongs to it: {versions / '12'}."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lower_case": True}, "attention heads or casing of"),
        ({"num_heads": {"discriminator": 2}}, "attention heads or casing of"),
        ({"checkpoint": "best"}, "--checkpoint=best of"),
    ],
)
def test_what_it_tells_itself_is_not_asked(
    version: Path, settings: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        open_pretrained(version, **settings)


def test_the_command_converts_it(
    version: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--source={version}", "--to=tf1", f"--output={tmp_path / 'tf1'}"]
    assert convert_command.main(flags) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.startswith(f"converted {version} to ")
    ours = open_pretrained(tmp_path / "tf1")
    assert hash_weights(ours) == hash_weights(open_pretrained(version))
