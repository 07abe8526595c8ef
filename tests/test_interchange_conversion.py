"""python -m pytest tests/test_interchange_conversion.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import yaml

from electra_keras.config import ExperimentConfig
from electra_keras.errors import UsageError
from electra_keras.interchange import conversion
from electra_keras.interchange.conversion import convert
from electra_keras.interchange.initial_weights import hash_weights, import_networks
from electra_keras.interchange.keras_weights import find_keras_weights
from electra_keras.interchange.model_card import model_card
from electra_keras.interchange.sources import Pretrained, open_pretrained

DATA = Path(__file__).parent / "data"
GOLDEN = DATA / "hf_electra_tiny"
REFERENCE = DATA / "google_electra_tiny" / "model.ckpt"


@pytest.fixture(scope="module")
def run(run_folder: Path) -> Pretrained:
    return open_pretrained(run_folder)


@pytest.fixture
def run_copy(run_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.mark.parametrize("source", [GOLDEN, REFERENCE], ids=["hf", "tf1"])
def test_through_every_format_weights_stay_bit_by_bit(
    source: Path, tmp_path: Path
) -> None:
    opened = open_pretrained(source)
    expected = hash_weights(opened)
    for step, target in enumerate(("tf1", "huggingface", "huggingface", "tf1")):
        opened = open_pretrained(convert(opened, target, tmp_path / str(step)))
        assert hash_weights(opened) == expected
    networks, _ = find_keras_weights(import_networks(opened))
    assert hash_weights(dataclasses.replace(opened, networks=networks)) == expected
    assert opened.model == dataclasses.replace(
        open_pretrained(source).model, dropout_rate=0.1, attention_dropout_rate=0.1
    )


def test_transformers_own_file_is_written_again(tmp_path: Path) -> None:
    folder = convert(open_pretrained(GOLDEN), "huggingface", tmp_path / "again")
    for network in ("discriminator", "generator"):
        for name in ("model.safetensors", "vocab.txt"):
            ours = (folder / network / name).read_bytes()
            assert ours == (GOLDEN / network / name).read_bytes(), name
        written = json.loads((folder / network / "config.json").read_text())
        golden = json.loads((GOLDEN / network / "config.json").read_text())
        assert written.keys() - golden.keys() == {
            "position_embedding_type",
            "torch_dtype",
        }
        assert all(golden[k] == v for k, v in written.items() if k in golden)


def test_a_run_becomes_two_folders(run: Pretrained, tmp_path: Path) -> None:
    folder = convert(run, "huggingface", tmp_path / "models" / "hf")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    names = (
        *("config.json", "model.safetensors", "vocab.txt", "README.md"),
        *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    )
    assert files == {
        *("discriminator", "generator"),
        *(f"discriminator/{name}" for name in names),
        *(f"generator/{name}" for name in names),
    }
    about = json.loads((folder / "discriminator" / "tokenizer_config.json").read_text())
    assert about["model_max_length"] == 16
    config = json.loads((folder / "generator" / "config.json").read_text())
    assert config["architectures"] == ["ElectraForMaskedLM"]
    assert (config["hidden_size"], config["num_attention_heads"]) == (24, 1)
    assert config["hidden_dropout_prob"] == 0.1
    assert [path.name for path in folder.parent.iterdir()] == ["hf"]


def test_what_is_there_is_never_touched(run: Pretrained, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds files; expected a new or empty"):
        convert(run, "tf1", tmp_path)
    with pytest.raises(UsageError, match=r"notes\.txt is a file; expected"):
        convert(run, "tf1", tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    assert convert(run, "tf1", tmp_path / "empty") == tmp_path / "empty"
    with pytest.raises(UsageError, match="holds files"):
        convert(run, "tf1", tmp_path / "empty")


def test_failed_conversion_leaves_nothing(
    run: Pretrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **names: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(conversion, "model_card", fail)
    with pytest.raises(OSError, match="No space left"):
        convert(run, "huggingface", tmp_path / "hf")
    assert list(tmp_path.iterdir()) == []


def test_card_of_a_run_says_how_it_was_trained(
    run_copy: Path, tiny_config: ExperimentConfig
) -> None:
    metrics = {"loss": 12.5, "disc_auc": 0.61234, "real_tokens": 1234.0}
    evaluation = {"split": "validation", **metrics, "step": 9.0}
    (run_copy / "evaluation.json").write_text(json.dumps(evaluation))
    source = open_pretrained(run_copy)
    card = model_card(source, ["discriminator"], "apache-2.0")
    front, body = card.split("---\n")[1:]
    assert yaml.safe_load(front)["license"] == "apache-2.0"
    assert source.run is not None
    for text in (
        "# ELECTRA discriminator\n",
        "Licence: apache-2.0\n",
        "| discriminator | 2 | 32 | 2 | 128 | 16 | 40 |\n",
        "| optimizer steps | 9 of 9 |",
        f"`{source.run.info.fingerprint}`",
        f"`{source.vocabulary.sha256}`",
        "| training data | 300 rows, ",
        "| held-out data | 45 rows, ",
        "| initial weights | random |",
        "On the split validation, at step 9,",
        "| `disc_auc` | 0.6123 |",
        "| `real_tokens` | 1,234 |",
    ):
        assert text in body, text
    settings = yaml.safe_load(body.partition("```yaml\n")[2].partition("```")[0])
    assert settings["train"]["learning_rate"] == tiny_config.train.learning_rate
    assert "The weights here are of step" not in body


def test_card_tells_what_is_not_known(run_copy: Path) -> None:
    card = model_card(open_pretrained(run_copy), ["generator"], "unknown: set it")
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "unknown"
    assert "Licence: unknown: set it\n" in card
    assert "Not measured" in card
    (run_copy / "evaluation.json").write_text('{"split": "test", "step": 6}')
    record = {"source": "a/b", "kind": "tf1", "sha256": "12ab", "notes": []}
    (run_copy / "initial_weights.json").write_text(json.dumps(record))
    card = model_card(open_pretrained(run_copy), ["generator"], "mit")
    assert "The weights here are of step 9." in card
    assert "| initial weights | b, a TensorFlow 1 checkpoint" in card
    assert "`12ab`" in card


def test_card_of_another_source_names_it() -> None:
    source = open_pretrained(REFERENCE)
    card = model_card(source, ["discriminator", "generator"], "mit")
    assert "# ELECTRA discriminator and generator\n" in card
    assert "Converted from model.ckpt, a TensorFlow 1 checkpoint" in card
    assert str(REFERENCE.parent) not in card
    assert "| generator | 2 | 24 | 1 | 96 | 16 | 100 |" in card
