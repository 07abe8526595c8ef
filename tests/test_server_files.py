"""python -m pytest tests/test_server_files.py

No server binary was at hand: `models.config` is parsed with the official
messages; the packages have none for the other two files, so messages are built
here from the field names of the server's sources.
"""

from __future__ import annotations

import http.server
import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from google.protobuf.message import Message
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from electra_keras.serving.server_files import (
    SHARED_FILES,
    write_batching_file,
    write_shared_files,
)

FIELD = descriptor_pb2.FieldDescriptorProto
ONE, MANY = FIELD.LABEL_OPTIONAL, FIELD.LABEL_REPEATED


def make_message(**messages: list[tuple[str, int, int, str | None]]) -> type[Message]:
    """The last of messages of (name, type, label, type name), numbered from 1."""
    file = descriptor_pb2.FileDescriptorProto(
        name="server.proto", package="test", syntax="proto3"
    )
    file.dependency.append("google/protobuf/wrappers.proto")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, (field, kind, label, type_name) in enumerate(fields, 1):
            message.field.add(
                name=field, number=number, type=kind, label=label, type_name=type_name
            )
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"test.{name}"))


def test_batching_file_has_the_servers_fields(tmp_path: Path) -> None:
    write_batching_file(tmp_path)
    wrapped = (FIELD.TYPE_MESSAGE, ONE, ".google.protobuf.Int64Value")
    kind = make_message(
        BatchingParameters=[
            ("max_batch_size", *wrapped),
            ("batch_timeout_micros", *wrapped),
            ("max_enqueued_batches", *wrapped),
            ("num_batch_threads", *wrapped),
            ("thread_pool_name", *wrapped[:2], ".google.protobuf.StringValue"),
            ("allowed_batch_sizes", FIELD.TYPE_INT64, MANY, None),
            ("pad_variable_length_inputs", FIELD.TYPE_BOOL, ONE, None),
        ],
    )
    text = (tmp_path / "batching_params.pbtxt").read_text()
    message = text_format.Parse(text, kind())
    sizes = list(message.allowed_batch_sizes)
    assert sizes == sorted(sizes) == [1, 2, 4, 8, 16, 32]
    assert message.max_batch_size.value == sizes[-1]  # Or the server refuses it.
    assert message.pad_variable_length_inputs is False
    with pytest.raises(text_format.ParseError):
        text_format.Parse("no_such_field: 1", kind())


def test_shared_files_parse(tmp_path: Path) -> None:
    assert write_shared_files(tmp_path) == [tmp_path / name for name in SHARED_FILES]
    text = (tmp_path / "models.config").read_text()
    (model,) = text_format.Parse(text, ModelServerConfig()).model_config_list.config
    assert (model.name, model.base_path) == ("electra", "/models/electra")
    assert model.model_platform == "tensorflow"
    kind = make_message(
        PrometheusConfig=[
            ("enable", FIELD.TYPE_BOOL, ONE, None),
            ("path", FIELD.TYPE_STRING, ONE, None),
        ],
        MonitoringConfig=[
            ("prometheus_config", FIELD.TYPE_MESSAGE, ONE, ".test.PrometheusConfig")
        ],
    )
    text = (tmp_path / "monitoring.config").read_text()
    prometheus = text_format.Parse(text, kind()).prometheus_config
    assert prometheus.enable
    assert prometheus.path == "/monitoring/prometheus/metrics"


def test_existing_files_are_the_users(tmp_path: Path) -> None:
    (tmp_path / "models.config").write_text("mine")
    written = [path.name for path in write_shared_files(tmp_path)]
    assert written == ["monitoring.config", "compose.yaml"]
    assert (tmp_path / "models.config").read_text() == "mine"
    assert write_shared_files(tmp_path) == []
    # Whatever lies beside the versions has no integer for a name.
    assert not any(path.name.isdigit() for path in tmp_path.iterdir())


@pytest.fixture
def service(tmp_path: Path) -> dict:
    write_shared_files(tmp_path)
    text = (tmp_path / "compose.yaml").read_text()
    return yaml.safe_load(text)["services"]["electra"]


def test_container_can_do_little(service: dict) -> None:
    assert service["user"] == "65534:65534"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"] == ["127.0.0.1:8500:8500", "127.0.0.1:8501:8501"]
    assert service["volumes"] == [".:/models/electra:ro"]
    flags = dict(flag.lstrip("-").partition("=")[::2] for flag in service["command"])
    assert flags == {
        "port": "8500",
        "rest_api_port": "8501",
        "model_config_file": "/models/electra/models.config",
        "monitoring_config_file": "/models/electra/monitoring.config",
        "enable_batching": "",
        "enable_per_model_batching_parameters": "",
    }


@pytest.mark.parametrize(("state", "code"), [("AVAILABLE", 0), ("LOADING", 1)])
def test_health_check_asks_for_the_models_state(
    service: dict, state: str, code: int
) -> None:
    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/v1/models/electra"
            body = f'{{"model_version_status": [{{"state": "{state}"}}]}}'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        _, *command = service["healthcheck"]["test"]
        command[-1] = command[-1].replace("8501", str(server.server_port))
        assert subprocess.run(command, timeout=20).returncode == code
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
