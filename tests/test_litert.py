"""python -m pytest tests/test_litert.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.errors import ElectraError, UsageError
from electra_keras.serving.export import export_run
from electra_keras.serving.litert import LITERT_FORMS, convert_to_litert, litert_file
from electra_keras.training.saved_run import SavedRun, load_run

# What a probability of this small network may differ by.
TOLERANCE = {"float32": 1e-5, "float16": 4e-3, "int8": 2e-2}
ROWS = {
    "token_ids": np.array([[2, 6, 7, 3], [2, 22, 3, 0]], np.int32),
    "segment_ids": np.zeros([2, 4], np.int32),
    "padding_mask": np.array([[1, 1, 1, 1], [1, 1, 1, 0]], np.int32),
}
OUTPUTS = {"replaced_probability", "mean_embedding", "cls_embedding"}


@pytest.fixture(scope="module")
def run(run_folder: Path) -> SavedRun:
    return load_run(run_folder)


@pytest.fixture(scope="module")
def version(run: SavedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_run(run, tmp_path_factory.mktemp("litert"), litert="int8")


@pytest.fixture(scope="module")
def models(version: Path) -> dict[str, bytes]:
    return {form: convert_to_litert(version, form) for form in LITERT_FORMS}


def interpreter(model: bytes) -> tf.lite.Interpreter:
    return tf.lite.Interpreter(model_content=model, num_threads=1)


@pytest.mark.parametrize("form", LITERT_FORMS)
def test_answers_are_those_of_the_savedmodel(
    models: dict[str, bytes], version: Path, form: str
) -> None:
    signature = tf.saved_model.load(str(version)).signatures["tokens"]
    expected = signature(**{name: tf.constant(rows) for name, rows in ROWS.items()})
    received = interpreter(models[form]).get_signature_runner("tokens")(**ROWS)
    assert set(received) == set(expected) == OUTPUTS
    for name in OUTPUTS:
        scale = max(1.0, float(np.abs(expected[name]).max()))
        difference = np.abs(received[name] - expected[name].numpy()).max()
        assert difference < TOLERANCE[form] * scale, name
    assert received["replaced_probability"][1, 3] == 0.0


@pytest.mark.parametrize("form", LITERT_FORMS)
def test_rows_and_tokens_may_be_any_number(models: dict[str, bytes], form: str) -> None:
    ask = interpreter(models[form]).get_signature_runner("tokens")
    alone = ask(**{name: rows[1:, :3] for name, rows in ROWS.items()})
    together = ask(**ROWS)
    assert alone["replaced_probability"].shape == (1, 3)
    assert alone["cls_embedding"].shape == (1, 32)
    np.testing.assert_allclose(
        alone["replaced_probability"][0],
        together["replaced_probability"][1, :3],
        atol=TOLERANCE[form],
    )
    # Longer rows than were trained are cut, as the SavedModel cuts them.
    wide = {name: np.tile(rows, (1, 5)) for name, rows in ROWS.items()}
    assert ask(**wide)["replaced_probability"].shape == (2, 16)


@pytest.mark.parametrize("form", LITERT_FORMS)
def test_weights_have_the_dtype_of_the_form(
    models: dict[str, bytes], form: str
) -> None:
    details = interpreter(models[form]).get_tensor_details()
    # The fused projections of both blocks; of float16 also what is loaded of them.
    found = [d["dtype"] for d in details if tuple(d["shape"]) == (96, 32)]
    assert sum(np.dtype(dtype).name == form for dtype in found) == 2


@pytest.mark.parametrize("form", LITERT_FORMS)
def test_only_builtin_ops_are_used(models: dict[str, bytes], form: str) -> None:
    ops = {op["op_name"] for op in interpreter(models[form])._get_ops_details()}
    assert {"FULLY_CONNECTED", "GELU", "SOFTMAX"} <= ops
    assert not {op for op in ops if op == "CUSTOM" or op.startswith("Flex")}


def test_file_lies_where_a_server_leaves_it_alone(
    version: Path, models: dict[str, bytes]
) -> None:
    path = version / "assets.extra" / "model_int8.tflite"
    assert path.name == litert_file("int8")
    assert path.stat().st_size == len(models["int8"])


def test_unknown_form_is_refused_and_leaves_nothing(
    run: SavedRun, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="--litert=int4; expected one of float32, fl"):
        export_run(run, tmp_path / "models", litert="int4")
    assert list((tmp_path / "models").iterdir()) == []


def test_graph_that_litert_cannot_run_is_told(tmp_path: Path) -> None:
    module = tf.Module()
    spec = tf.TensorSpec([None], tf.float32, "x")
    erf = tf.function(lambda x: {"y": tf.math.erf(x)}, [spec])  # Alone, no GELU.
    tf.saved_model.save(module, str(tmp_path), signatures={"tokens": erf})
    with pytest.raises(ElectraError, match=r"LiteRT cannot run: .*expected builtin"):
        convert_to_litert(tmp_path, "float32")
