"""Asks TensorFlow Serving over gRPC which tokens of a text do not belong there.

    python examples/grpc_client.py --server=127.0.0.1:8500 "저녁에 친구랑 커피를 봤어."

Needs tensorflow-serving-api and TensorFlow, nothing else of this project.
"""

from __future__ import annotations

import argparse

import grpc
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

TIMEOUT_SECS = 10.0


def main() -> None:
    """Asks and prints a line per token: where it stands, and its probability."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="127.0.0.1:8500")
    parser.add_argument("--model", default="electra")
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    options = parser.parse_args()

    request = PredictRequest()
    request.model_spec.name = options.model
    request.model_spec.signature_name = "serving_default"
    request.inputs["text"].CopyFrom(tf.make_tensor_proto(options.texts))
    # The answer to many texts may be longer than the client's 4 MB.
    limits = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(options.server, options=limits) as channel:
        answer = PredictionServiceStub(channel).Predict(request, timeout=TIMEOUT_SECS)
    columns = {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}
    for place, text in enumerate(options.texts):
        print(text)
        for start, end, is_real, probability in zip(
            columns["token_starts"][place],
            columns["token_ends"][place],
            columns["padding_mask"][place],
            columns["replaced_probability"][place],
            strict=True,
        ):
            if is_real and start < end:
                print(f"  {start:4} {end:4} {probability:4.0%} {text[start:end]}")


if __name__ == "__main__":
    main()
