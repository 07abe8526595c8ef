"""Files with which a stock TF Serving serves the folder of versions.

Used by `export.py`. `batching_params.pbtxt` belongs to a version; the others
lie beside the versions, are written once and are the user's from then on. The
server looks for versions in folders whose names are integers alone.
"""

from __future__ import annotations

from pathlib import Path

from electra_keras.whole_files import write_text

MODEL_NAME = "electra"
BATCHING_FILE = "batching_params.pbtxt"

# Fields: tensorflow_serving/servables/tensorflow/session_bundle_config.proto.
_BATCHING = """\
# Read with --enable_batching --enable_per_model_batching_parameters.
# Requests of the same signature are answered together; one waits a millisecond
# for others at most.
max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 100 }
# Batches are filled up to the next of these sizes, so that the model sees few
# shapes, which a GPU wants. On a CPU the filling is wasted: remove these lines.
allowed_batch_sizes: 1
allowed_batch_sizes: 2
allowed_batch_sizes: 4
allowed_batch_sizes: 8
allowed_batch_sizes: 16
allowed_batch_sizes: 32
# Must stay false: the server pads a row with the first value of its tensor,
# which is [CLS] in token_ids and 1, a real token, in padding_mask. Texts need
# no padding by the server. Requests with token ids must then all have the same
# length, or an error tells of "different shapes".
pad_variable_length_inputs: false
"""

_MODELS = f"""\
# tensorflow_model_server --model_config_file=...
model_config_list {{
  config {{
    name: "{MODEL_NAME}"
    base_path: "/models/{MODEL_NAME}"
    model_platform: "tensorflow"
    # By default the highest version is served. To stay at one:
    # model_version_policy {{ specific {{ versions: 1 }} }}
  }}
}}
"""

_MONITORING = """\
# tensorflow_model_server --monitoring_config_file=...; at the REST port.
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""

# The image has bash and grep, and neither curl nor wget.
_COMPOSE = f"""\
# docker compose up; for another image: TF_SERVING_IMAGE=... docker compose up
services:
  {MODEL_NAME}:
    image: ${{TF_SERVING_IMAGE:-tensorflow/serving:2.19.1}}
    entrypoint: ["/usr/bin/tensorflow_model_server"]
    command:
      - --port=8500
      - --rest_api_port=8501
      - --model_config_file=/models/{MODEL_NAME}/models.config
      - --monitoring_config_file=/models/{MODEL_NAME}/monitoring.config
      - --enable_batching
      - --enable_per_model_batching_parameters
    # Of this machine alone. The server knows no passwords: put a proxy before it.
    ports:
      - "127.0.0.1:8500:8500"
      - "127.0.0.1:8501:8501"
    volumes:
      - .:/models/{MODEL_NAME}:ro
    user: "65534:65534"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    healthcheck:
      test:
        - CMD
        - bash
        - -c
        - >-
          exec 3<>/dev/tcp/127.0.0.1/8501 &&
          printf 'GET /v1/models/{MODEL_NAME} HTTP/1.0\\r\\n\\r\\n' >&3 &&
          grep -q AVAILABLE <&3
      interval: 10s
      timeout: 5s
      start_period: 60s
      retries: 3
"""
SHARED_FILES = {
    "models.config": _MODELS,
    "monitoring.config": _MONITORING,
    "compose.yaml": _COMPOSE,
}


def write_batching_file(folder: Path) -> None:
    """Writes how requests to a version are batched."""
    (folder / BATCHING_FILE).write_text(_BATCHING, encoding="utf-8")


def write_shared_files(output: Path) -> list[Path]:
    """Writes the files beside the versions that are not there yet.

    Args:
        output: Folder of versions.

    Returns:
        What was written.
    """
    written = []
    for name, text in SHARED_FILES.items():
        path = output / name
        if not path.exists():
            write_text(path, text)
            written.append(path)
    return written
