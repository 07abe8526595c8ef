"""python -m pytest tests/test_warmup.py"""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from electra_keras.serving.export import export_run
from electra_keras.serving.warmup import WARMUP_FILE
from electra_keras.training.saved_run import load_run


@pytest.fixture(scope="module")
def version(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "models"
    return export_run(load_run(run_folder), folder, with_generator=True)


@pytest.fixture(scope="module")
def logs(version: Path) -> list[PredictionLog]:
    """The records of the file, as the server parses them."""
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / WARMUP_FILE))
    return [PredictionLog.FromString(record.numpy()) for record in records]


def test_every_signature_is_asked_for_short_and_full_rows(
    version: Path, logs: list[PredictionLog]
) -> None:
    assert version.joinpath("assets.extra", "tf_serving_warmup_requests").is_file()
    assert len(logs) == 24  # The server takes 1,000.
    asked = [log.predict_log.request.model_spec.signature_name for log in logs]
    assert asked == [
        name
        for name in (
            *("corrupt", "hidden_states", "score", "serving_default", "tokenize"),
            "tokens",
        )
        for _ in range(4)
    ]


def test_requests_are_replayed(version: Path, logs: list[PredictionLog]) -> None:
    signatures = tf.saved_model.load(str(version)).signatures
    shapes = []
    for log in logs:
        # The server refuses what is no prediction.
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        signature = signatures[request.model_spec.signature_name]
        specs = signature.structured_input_signature[1]
        assert set(request.inputs) == set(specs)
        inputs = {
            name: tf.constant(tf.make_ndarray(proto), specs[name].dtype)
            for name, proto in request.inputs.items()
        }
        answer = signature(**inputs)
        if request.model_spec.signature_name == "serving_default":
            shapes.append(tuple(answer["tokens"].shape))
    assert [rows for rows, _ in shapes] == [1, 8, 1, 8]
    assert [columns for _, columns in shapes][2:] == [16, 16]


def test_texts_are_korean(logs: list[PredictionLog]) -> None:
    requests = [log.predict_log.request for log in logs]
    request = next(request for request in requests if "text" in request.inputs)
    (text,) = request.inputs["text"].string_val
    assert text.decode() == "저녁에 친구랑 커피를 마셨어."
