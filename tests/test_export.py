"""python -m pytest tests/test_export.py"""

from __future__ import annotations

import dataclasses
import json
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
import sys
import tensorflow as tf
import tensorflow_text

model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"](text=tf.constant(["가 나 다!"]))
assert not any(name.startswith("electra_keras") for name in sys.modules)
print(*answer["replaced_probability"].numpy()[0].tolist())
"""


def test_model_answers_in_a_process_without_this_project(
    model: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", ALONE, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    (prediction,) = predict(model, ["가 나 다!"])
    received = [float(value) for value in done.stdout.split()]
    assert received == pytest.approx(list(prediction.replaced_probabilities), abs=1e-5)


def test_prediction_pairs_tokens_and_probabilities(model: Path) -> None:
    first, second = predict(model, ["가 나 다!", "a"])
    assert first.tokens == ("[CLS]", "가", "나", "다", "!", "[SEP]")
    assert second.tokens == ("[CLS]", "a", "[SEP]")
    assert len(first.replaced_probabilities) == 6
    assert all(0 < value < 1 for value in second.replaced_probabilities)


def test_versions_count_up_and_an_earlier_one_is_untouched(
    run: SavedRun, tmp_path: Path
) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "saved_model.pb").write_bytes(b"precious")
    (tmp_path / "notes.txt").write_text("mine")
    assert export_run(run, tmp_path) == tmp_path / "4"
    assert (tmp_path / "3" / "saved_model.pb").read_bytes() == b"precious"
    assert {path.name for path in tmp_path.iterdir()} == {"3", "4", "notes.txt"}


def test_version_brings_its_provenance_and_weights_once(
    run: SavedRun, model: Path
) -> None:
    extra = {path.name for path in (model / "assets.extra").iterdir()}
    copied = {"config.yaml", "data_info.json", "vocab.txt"}
    assert extra == {*copied, "export.json"}
    assert json.loads((model / "assets.extra" / "export.json").read_text()) == {
        "step": 9,
        "trained_sequence_length": 16,
        "sequence_length": 16,
        "with_generator": False,
    }
    for name in copied:
        received = (model / "assets.extra" / name).read_bytes()
        assert received == (run.folder / name).read_bytes()
    variables = (model / "variables").glob("variables.data*")
    size = sum(path.stat().st_size for path in variables)
    weights = 4 * run.discriminator.count_params()
    assert weights <= size < 1.2 * weights + 4096


def test_failed_export_leaves_nothing(
    run: SavedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module.shutil, "copyfile", fail)
    monkeypatch.setattr(
        export_module, "_write_saved_model", lambda run, folder, *_: folder.mkdir()
    )
    with pytest.raises(OSError, match="No space left"):
        export_run(run, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_output_that_is_a_file_is_refused(run: SavedRun, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(UsageError, match="models is a file; expected a folder"):
        export_run(run, tmp_path / "models")


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no SavedModel in .*; expected"):
        predict(tmp_path, ["a"])
