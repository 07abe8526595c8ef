"""Requests that TF Serving answers before it offers a version.

Reads the text side of the served network, feeds `extra_assets.py`. The first
requests of a fresh server are slow: kernels are built and memory is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

from electra_keras.serving.served_text import TOKEN_NAMES, ServedText

# The server looks for this name in `assets.extra` and takes 1,000 records at most.
WARMUP_FILE = "tf_serving_warmup_requests"
BATCH_SIZES = (1, 8)
_SHORT = (
    "저녁에 친구랑 커피를 마셨어.",
    "배송이 빠르고 포장도 꼼꼼해서 좋았어요!",
    "이 영화는 생각보다 지루했지만 배우들 연기는 훌륭했다.",
    "ㅋㅋㅋ 그건 진짜 아니지 👍",
    "The chef cooked the meal.",
    "오늘 서울의 낮 기온은 21도까지 오르겠습니다.",
    "문의하신 내용은 확인 후 다시 연락드리겠습니다.",
    "비밀번호를 잊으셨나요?",
)


def make_warmup_logs(
    text: ServedText, names: Iterable[str], inputs: Sequence[str] = ("text",)
) -> list[PredictionLog]:
    """Makes requests to every signature: short and full rows, one and eight.

    Args:
        text: Makes the ids of signatures that take ids.
        names: Of the signatures.
        inputs: What signatures call their texts, if they take texts.

    Returns:
        What `WARMUP_FILE` holds, one record each.
    """
    full = " ".join(_SHORT * text.sequence_length)
    logs = []
    for name in names:
        for texts in (list(_SHORT), [full] * max(BATCH_SIZES)):
            for batch_size in BATCH_SIZES:
                request = PredictRequest()
                request.model_spec.signature_name = name
                for key, value in _inputs(
                    name, texts[:batch_size], text, inputs
                ).items():
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
                logs.append(PredictionLog(predict_log=PredictLog(request=request)))
    return logs


def write_warmup_file(logs: Iterable[PredictionLog], path: Path) -> None:
    """Writes a TFRecord of the requests."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString(deterministic=True))


def _inputs(
    name: str, texts: list[str], text: ServedText, names: Sequence[str]
) -> dict[str, tf.Tensor]:
    if name in ("tokens", "hidden_states"):
        rows = text.tokenize(tf.constant(texts))
        return {key: rows[key] for key in TOKEN_NAMES}
    inputs = {key: tf.constant(texts) for key in names}
    if name == "corrupt":
        inputs["seed"] = tf.range(len(texts))
    return inputs
