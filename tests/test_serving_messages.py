"""python -m pytest tests/test_serving_messages.py

What clients send TensorFlow Serving and get back. No server was at hand: REST's
JSON is converted here by the rules of the server's documentation, gRPC's messages
are the official ones, and the client of `examples` talks to a stand-in.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from electra_keras.serving.export import export_run
from electra_keras.training.saved_run import load_run

PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def signatures(run_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("export") / "models"
    version = export_run(load_run(run_folder), folder, with_generator=True)
    return tf.saved_model.load(str(version)).signatures


def decode_bytes(value: Any) -> Any:
    """JSON's {"b64": ...} to bytes, at any depth."""
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"])
    if isinstance(value, list):
        return [decode_bytes(entry) for entry in value]
    return value


def ask_by_rest(signatures, body: dict[str, Any]) -> dict[str, Any]:
    """Answers a body of `:predict` as TensorFlow Serving's documentation says.

    Row form: "instances", a list of values if there is one input, else of
    objects; the answer has "predictions", of objects if there are several
    outputs. Column form: "inputs", an object of inputs, or the one input; the
    answer has "outputs". Bytes are {"b64": ...}; outputs whose names end in
    "_bytes" come back so.
    """
    body = json.loads(json.dumps(body))
    signature = signatures[body.get("signature_name", "serving_default")]
    specs = signature.structured_input_signature[1]
    if ("instances" in body) == ("inputs" in body):
        raise ValueError("one of instances and inputs")
    if "instances" in body:
        rows = body["instances"]
        if all(isinstance(row, dict) and set(row) != {"b64"} for row in rows):
            columns = {name: [row[name] for row in rows] for name in specs}
            assert all(set(row) == set(specs) for row in rows)
        else:
            (name,) = specs
            columns = {name: rows}
    else:
        columns = body["inputs"]
        if not isinstance(columns, dict):
            (name,) = specs
            columns = {name: columns}
    assert set(columns) == set(specs)
    answer = signature(
        **{k: tf.constant(decode_bytes(v), specs[k].dtype) for k, v in columns.items()}
    )
    outputs = {
        name: json_values(value.numpy(), is_bytes=name.endswith("_bytes"))
        for name, value in answer.items()
    }
    if "inputs" in body:
        shown: Any = outputs
        if len(outputs) == 1:
            (shown,) = outputs.values()
        return json.loads(json.dumps({"outputs": shown}, allow_nan=False))
    names = list(outputs)
    predictions = [
        dict(zip(names, row, strict=True)) if len(names) > 1 else row[0]
        for row in zip(*outputs.values(), strict=True)
    ]
    return json.loads(json.dumps({"predictions": predictions}, allow_nan=False))


def json_values(values: np.ndarray, *, is_bytes: bool) -> Any:
    def convert(value: Any) -> Any:
        if isinstance(value, list):
            return [convert(entry) for entry in value]
        if isinstance(value, bytes):
            if is_bytes:
                return {"b64": base64.b64encode(value).decode()}
            return value.decode("utf-8")  # JSON has no other strings.
        return value

    return convert(values.tolist())


TEXTS = ["가 나 다!", "a", ""]


def test_row_form(signatures) -> None:
    first, second, third = ask_by_rest(signatures, {"instances": TEXTS})["predictions"]
    assert first["tokens"] == ["[CLS]", "가", "나", "다", "!", "[SEP]"]
    assert first["token_starts"] == [0, 0, 2, 4, 5, 6]
    assert second["tokens"] == ["[CLS]", "a", "[SEP]", "", "", ""]
    assert second["padding_mask"] == [1, 1, 1, 0, 0, 0]
    assert second["replaced_probability"][3:] == [0, 0, 0]
    assert len(third["mean_embedding"]) == len(third["cls_embedding"]) == 32
    named = {"instances": [{"text": text} for text in TEXTS]}
    assert ask_by_rest(signatures, named)["predictions"] == [first, second, third]


def test_column_form(signatures) -> None:
    rows = ask_by_rest(signatures, {"instances": TEXTS})["predictions"]
    for inputs in (TEXTS, {"text": TEXTS}):
        columns = ask_by_rest(signatures, {"inputs": inputs})["outputs"]
        assert columns == {name: [row[name] for row in rows] for name in rows[0]}


def test_bytes_that_are_not_utf_8_go_in_as_base64(signatures) -> None:
    text = {"b64": base64.b64encode(b"\xff a").decode()}
    (answer,) = ask_by_rest(signatures, {"instances": [text]})["predictions"]
    assert answer["tokens"] == ["[CLS]", "[UNK]", "a", "[SEP]"]
    assert answer["token_ends"] == [0, 1, 3, 3]


def test_other_signatures(signatures) -> None:
    def ask(name: str, instances: list) -> list:
        body = {"signature_name": name, "instances": instances}
        return ask_by_rest(signatures, body)["predictions"]

    scores = ask("score", TEXTS)  # One output: no objects.
    assert scores[0] < 0 and scores[2] == 0
    (rows,) = ask("tokenize", ["가"])
    names = ("token_ids", "segment_ids", "padding_mask")
    instance = {name: rows[name] for name in names}
    assert instance["token_ids"] == [2, 6, 3]
    (answer,) = ask("tokens", [instance])
    assert set(answer) == {"replaced_probability", "mean_embedding", "cls_embedding"}
    (states,) = ask("hidden_states", [instance])
    assert np.array(states).shape == (3, 32)
    (corrupt,) = ask("corrupt", [{"text": "가 나 다", "seed": 7}])
    assert sum(corrupt["is_masked"]) == 1
    assert corrupt["original_tokens"] == ["[CLS]", "가", "나", "다", "[SEP]"]


def answer_request(signatures, request: PredictRequest) -> PredictResponse:
    """Runs the signature that a request names."""
    signature = signatures[request.model_spec.signature_name or "serving_default"]
    specs = signature.structured_input_signature[1]
    inputs = {
        name: tf.constant(tf.make_ndarray(value), specs[name].dtype)
        for name, value in request.inputs.items()
    }
    response = PredictResponse()
    for name, value in signature(**inputs).items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return response


@pytest.mark.parametrize("name", ["serving_default", "score", "tokens", "corrupt"])
def test_messages_of_grpc_round_trip(signatures, name: str) -> None:
    specs = signatures[name].structured_input_signature[1]
    given = {
        "text": np.array(["가 나 다!", b"\xff a"], object),
        "seed": np.array([1, 2], np.int32),
    }
    ids = np.array([[2, 6, 7, 3], [2, 22, 3, 0]], np.int32)
    given |= {"token_ids": ids, "segment_ids": ids * 0}
    given["padding_mask"] = (ids > 0).astype(np.int32)
    request = PredictRequest()
    request.model_spec.name = "electra"
    request.model_spec.signature_name = name
    for key in specs:
        request.inputs[key].CopyFrom(tf.make_tensor_proto(given[key]))
    parsed = PredictRequest.FromString(request.SerializeToString())
    response = answer_request(signatures, parsed)
    answer = PredictResponse.FromString(response.SerializeToString())
    expected = signatures[name](
        **{key: tf.constant(given[key], specs[key].dtype) for key in specs}
    )
    assert set(answer.outputs) == set(expected)
    for key, value in expected.items():
        received = tf.make_ndarray(answer.outputs[key])
        if value.dtype == tf.float32:
            np.testing.assert_allclose(received, value.numpy(), atol=1e-5)
        else:
            np.testing.assert_array_equal(received, value.numpy())


@pytest.fixture
def stand_in(signatures) -> Iterator[int]:
    """A gRPC service that answers by the SavedModel in this process; its port."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request: PredictRequest, context: Any) -> PredictResponse:
            assert request.model_spec.name == "electra"
            return answer_request(signatures, request)

    server = grpc.server(ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


def test_client_of_the_examples_prints_tokens_with_their_places(stand_in: int) -> None:
    command = [sys.executable, str(PROJECT / "examples" / "grpc_client.py")]
    command += [f"--server=127.0.0.1:{stand_in}", "가\u200b나 a"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    text, *lines = done.stdout.splitlines()
    assert text == "가\u200b나 a"
    places = [line.split() for line in lines]
    assert [(p[0], p[1], p[3]) for p in places] == [
        ("0", "1", "가"),
        ("2", "3", "나"),
        ("4", "5", "a"),
    ]
