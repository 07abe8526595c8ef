"""python -m pytest tests/test_export.py"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from electra_keras.errors import UsageError
from electra_keras.serving import export as export_module
from electra_keras.serving.export import export_run
from electra_keras.serving.prediction import predict
from electra_keras.training.saved_run import SavedRun, load_run


@pytest.fixture(scope="module")
def run(run_folder: Path) -> SavedRun:
    return load_run(run_folder)


@pytest.fixture(scope="module")
def model(run: SavedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 of the export of `run`."""
    return export_run(run, tmp_path_factory.mktemp("export") / "models")


def test_rows_can_be_cut_elsewhere(run: SavedRun, tmp_path: Path) -> None:
    version = export_run(run, tmp_path / "models", sequence_length=5)
    (prediction,) = predict(version, ["a b c d e f"])
    assert prediction.tokens == ("[CLS]", "a", "b", "c", "[SEP]")
    about = json.loads((version / "assets.extra" / "export.json").read_text())
    assert (about["trained_sequence_length"], about["sequence_length"]) == (16, 5)


@pytest.mark.parametrize("sequence_length", [2, 17])
def test_length_without_positions_is_refused(
    run: SavedRun, tmp_path: Path, sequence_length: int
) -> None:
    with pytest.raises(UsageError, match="expected 3 to 16, the positions of the"):
        export_run(run, tmp_path / "models", sequence_length=sequence_length)
    assert not (tmp_path / "models").exists()


def test_trained_length_is_the_checkpoints_and_else_the_datas(run: SavedRun) -> None:
    def trained(length: int) -> int:
        checkpoint = dataclasses.replace(run.checkpoint, trained_sequence_length=length)
        return dataclasses.replace(run, checkpoint=checkpoint).trained_sequence_length

    assert trained(64) == 64  # Of initial weights that knew longer rows.
    assert trained(0) == run.info.sequence_length == 16  # Of an older checkpoint.


ALONE = """
import json, sys
import tensorflow as tf
import tensorflow_text

signatures = tf.saved_model.load(sys.argv[1]).signatures
assert not any(name.startswith("electra_keras") for name in sys.modules)
given = {
    "text": tf.constant(["가 나 다!", "a", ""]),
    "seed": tf.constant([1, 2, 3]),
    "token_ids": tf.constant([[2, 6, 7, 3], [2, 22, 3, 0]]),
    "segment_ids": tf.zeros([2, 4], tf.int32),
    "padding_mask": tf.constant([[1, 1, 1, 1], [1, 1, 1, 0]]),
}
answers = {}
for name, signature in sorted(signatures.items()):
    names = signature.structured_input_signature[1]
    answer = signature(**{key: given[key] for key in names})
    answers[name] = {
        key: tf.strings.as_string(value, 6).numpy().tolist()
        if value.dtype == tf.float32
        else tf.strings.as_string(value).numpy().tolist()
        for key, value in answer.items()
        if value.dtype != tf.string
    }
    answers[name] |= {
        key: value.numpy().tolist()
        for key, value in answer.items()
        if value.dtype == tf.string
    }
decode = lambda value: value.decode()
print(json.dumps(answers, default=decode))
"""


def ask_alone(version: Path, folder: Path) -> dict[str, dict[str, list]]:
    """Asks every signature in a process that knows TensorFlow alone."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(version)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_signature_answers_in_a_process_without_this_project(
    run: SavedRun, tmp_path: Path
) -> None:
    version = export_run(run, tmp_path / "models", with_generator=True)
    answers = ask_alone(version, tmp_path)
    assert set(answers) == {
        *("serving_default", "tokens", "hidden_states", "tokenize", "score"),
        "corrupt",
    }
    first, second, _ = predict(version, ["가 나 다!", "a", ""])
    default = answers["serving_default"]
    assert default["tokens"][0] == list(first.tokens)
    assert default["token_ends"][1] == ["0", "1", "1", "1", "1", "1"]
    received = [float(value) for value in default["replaced_probability"][1][:3]]
    assert received == pytest.approx(list(second.replaced_probabilities), abs=1e-5)
    expected = [float(value) for value in default["replaced_probability"][0]]
    naturalness = float(answers["score"]["naturalness"][0])
    logs = [math.log(1 - value) for value in expected[1:5]]
    assert naturalness == pytest.approx(sum(logs) / 4, abs=1e-4)
    assert answers["score"]["naturalness"][2] == "0.000000"
    states = answers["hidden_states"]["hidden_states"]
    assert states[0][0] == answers["tokens"]["cls_embedding"][0]
    assert answers["corrupt"]["original_tokens"] == default["tokens"]


def test_prediction_pairs_tokens_and_probabilities(model: Path) -> None:
    first, second = predict(model, ["가 나 다!", "a"])
    assert first.tokens == ("[CLS]", "가", "나", "다", "!", "[SEP]")
    assert second.tokens == ("[CLS]", "a", "[SEP]")
    assert len(first.replaced_probabilities) == 6
    assert (first.starts, first.ends) == ((0, 0, 2, 4, 5, 6), (0, 1, 3, 5, 6, 6))
    (odd,) = predict(model, ["\udcff a"])  # A byte that is not UTF-8, from a shell.
    assert odd.tokens == ("[CLS]", "[UNK]", "a", "[SEP]")
    assert all(0 < value < 1 for value in second.replaced_probabilities)


def test_versions_count_up_and_an_earlier_one_is_untouched(
    run: SavedRun, tmp_path: Path
) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").write_bytes(b"precious")
    (tmp_path / "notes.txt").write_text("mine")
    assert export_run(run, tmp_path) == tmp_path / "4"
    assert (tmp_path / "3" / "saved_model.pb").read_bytes() == b"precious"
    versions = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert versions == {"3", "4"}
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_version_holds_the_weights_once(run: SavedRun, model: Path) -> None:
    variables = (model / "variables").glob("variables.data*")
    size = sum(path.stat().st_size for path in variables)
    weights = 4 * run.discriminator.count_params()
    assert weights <= size < 1.2 * weights + 4096


def test_generator_is_added_once(run: SavedRun, tmp_path: Path) -> None:
    version = export_run(run, tmp_path / "models", with_generator=True)
    (data,) = (version / "variables").glob("variables.data*")
    networks = run.objective.networks
    shared = {id(v): v for network in networks.values() for v in network.variables}
    weights = 4 * sum(math.prod(v.shape) for v in shared.values())
    assert weights <= data.stat().st_size < 1.2 * weights + 4096


def test_failed_export_leaves_nothing(
    run: SavedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **settings: object) -> None:
        (partial,) = (tmp_path / "models").iterdir()
        assert (partial / "saved_model.pb").is_file()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "write_extra_assets", fail)
    with pytest.raises(OSError, match="No space left"):
        export_run(run, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_output_that_is_a_file_is_refused(run: SavedRun, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(UsageError, match="models is a file; expected a folder"):
        export_run(run, tmp_path / "models")
