"""python -m pytest tests/test_task_signatures.py"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from conftest import TINY_ENTRIES
from tasks_fixtures import text_task

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import TokenizerConfig, Vocabulary
from electra_keras.finetuning.encoding import cut_pair
from electra_keras.finetuning.task_loading import load_task, settle_sequence_length
from electra_keras.finetuning.task_network import build_task_network
from electra_keras.finetuning.tasks.registry import find_kind
from electra_keras.finetuning.trial import TrialResult
from electra_keras.finetuning.tuned_folder import PretrainedRecord, open_tuned_folder
from electra_keras.finetuning.tuned_model import TunedModel
from electra_keras.model_config import ModelConfig
from electra_keras.serving.served_pair import ServedPair
from electra_keras.serving.task_export import export_task
from electra_keras.serving.task_prediction import ask_task, find_task

TOKENIZER = Tokenizer(Vocabulary(TINY_ENTRIES))
STATES = {
    "classification": {
        "values": ["0", "1", "2"],
        "names": ["bad", "so so", "good"],
        "weights": [1.0, 1.0, 1.0],
    },
    "regression": {"low": 1.0, "high": 5.0},
    "token_classification": {
        "values": ["B-X", "I-X", "O"],
        "names": ["B-X", "I-X", "O"],
        "unseen": "O",
    },
    "question_answering": {"has_no_answer": True, "no_answer_threshold": 0.05},
}
TEXTS = [
    "가 나나 b.",
    "",
    "b c d e f g h i j k l m n o p",
    "\u200b가  \u3000나 b",
    "b\u2028가",
]
PAIRS = [
    ("가 b", "c d"),
    ("", ""),
    ("b " * 20, "c"),
    ("c", "b " * 20),
    ("b " * 9, "c " * 9),
]


def make_tuned(
    folder: Path, model: ModelConfig, kind_name: str, *settings: str
) -> TunedModel:
    """A fine-tuning of random weights, whose folder has all but checkpoints."""
    config = load_task(None, [f"task.kind={kind_name}", "files.train=x.tsv", *settings])
    config = settle_sequence_length(config, 16)
    kind = find_kind(kind_name)(config, STATES[kind_name])
    network = build_task_network(model, kind, seed=4)
    draw = np.random.default_rng(5)
    for variable in network.trainable_variables:  # Answers that differ.
        if len(variable.shape) > 1:
            variable.assign(draw.normal(0.0, 0.5, variable.shape))
    vocabulary = Vocabulary(TINY_ENTRIES)
    record = PretrainedRecord("run", "run", "", model, TokenizerConfig(), 16)
    open_tuned_folder(folder, config, record, vocabulary, {"state": kind.state})
    figures = {"validation": {"task_score": 0.5, "accuracy": 0.5}}
    result = TrialResult(0, 7, figures, 1.0, kind.state)
    return TunedModel(folder, kind, network, vocabulary, TOKENIZER, record, result)


def export_and_ask(tuned: TunedModel, folder: Path, inputs):
    version = export_task(tuned, folder)
    assert version == folder / "1"
    return tuned.predict(inputs), ask_task(version, inputs)


def test_labels_with_names(tiny_model: ModelConfig, tmp_path: Path) -> None:
    tuned = make_tuned(tmp_path / "t", tiny_model, "classification")
    ours, served = export_and_ask(tuned, tmp_path / "m", [(text,) for text in TEXTS])
    for one, other in zip(ours, served, strict=True):
        assert one["label"] == other["label"] and one["name"] == other["name"]
        np.testing.assert_allclose(
            one["probabilities"], other["probabilities"], atol=1e-5
        )
        assert other["labels"] == ["0", "1", "2"]
    assert len({row["label"] for row in ours}) > 1
    assert find_task(tmp_path / "m/1") == "classification"
    card = (tmp_path / "m/1/assets.extra/README.md").read_text("utf-8")
    assert "Labels: 0, 1, 2" in card and "| validation | `accuracy` | 0.5 |" in card


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_pairs(kind: str, tiny_model: ModelConfig, tmp_path: Path) -> None:
    columns = ("columns.text=a", "columns.text_pair=b", "columns.label=c")
    tuned = make_tuned(tmp_path / "t", tiny_model, kind, *columns)
    ours, served = export_and_ask(tuned, tmp_path / "m", PAIRS)
    if kind == "regression":
        numbers = [row["number"] for row in served]
        np.testing.assert_allclose(ours, numbers, atol=1e-4)
        assert np.ptp(numbers) > 0.01
    else:
        assert [row["label"] for row in ours] == [row["label"] for row in served]


def test_tags_of_words(tiny_model: ModelConfig, tmp_path: Path) -> None:
    tuned = make_tuned(tmp_path / "t", tiny_model, "token_classification")
    ours, served = export_and_ask(tuned, tmp_path / "m", [(text,) for text in TEXTS])
    for text, tags, row in zip(TEXTS, ours, served, strict=True):
        found = [tag for tag in row["tag"] if tag]
        # What does not fit has no token; what was cut is "O" in ours.
        assert found == tags[: len(found)], text
        assert len(found) == min(len(text.split()), 14)
    assert len({tag for tags in ours for tag in tags}) > 1


def test_answers_are_parts_of_the_context(
    tiny_model: ModelConfig, tmp_path: Path
) -> None:
    tuned = make_tuned(tmp_path / "t", tiny_model, "question_answering")
    rows = [("가", "b c d e"), ("b", "나나 😀 가 b"), ("b " * 30, "c d"), ("b", "")]
    ours, served = export_and_ask(tuned, tmp_path / "m", rows)
    for (_, context), one, other in zip(rows, ours, served, strict=True):
        assert other["answer"] == context[other["answer_start"] : other["answer_end"]]
        assert one["answer"] == other["answer"], context
        assert one["no_answer_score"] == pytest.approx(
            other["no_answer_score"], abs=1e-5
        )
        if one["answer"]:
            assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)
    assert any(row["answer"] for row in served)
    (long,) = ask_task(tmp_path / "m/1", [("b", "c " * 40)])
    assert long["is_cut"] == 1 and served[0]["is_cut"] == 0


def test_bytes_that_are_no_text_are_answered(
    tiny_model: ModelConfig, tmp_path: Path
) -> None:
    odd = [b"\xff\xfe", b"\x00", "\ud800".encode("utf-8", "surrogatepass"), b"a" * 5000]
    for kind in STATES:
        tuned = make_tuned(tmp_path / kind, tiny_model, kind)
        version = export_task(tuned, tmp_path / f"m_{kind}")
        function = tf.saved_model.load(str(version)).signatures["serving_default"]
        names = tuned.kind.inputs
        answers = function(**{name: tf.constant(odd) for name in names})
        assert all(value.shape[0] == len(odd) for value in answers.values())
        empty = function(**{name: tf.constant([], tf.string) for name in names})
        assert all(value.shape[0] == 0 for value in empty.values())


def test_another_program_serves_it(tiny_model: ModelConfig, tmp_path: Path) -> None:
    tuned = make_tuned(tmp_path / "t", tiny_model, "classification")
    version = export_task(tuned, tmp_path / "m")
    code = f"""
import json, sys
import tensorflow as tf, tensorflow_text
from tensorflow_serving.apis import prediction_log_pb2
signatures = tf.saved_model.load({str(version)!r}).signatures
path = {str(version)!r} + "/assets.extra/tf_serving_warmup_requests"
count = 0
for record in tf.data.TFRecordDataset(path):
    request = prediction_log_pb2.PredictionLog.FromString(record.numpy())
    request = request.predict_log.request
    inputs = {{k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}}
    signatures[request.model_spec.signature_name](**inputs)
    count += 1
answer = signatures["serving_default"](text=tf.constant(["가 b"]))
assert not any(name.startswith("electra_keras") for name in sys.modules)
print(json.dumps([count, answer["label"].numpy()[0].decode()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    count, label = json.loads(done.stdout.splitlines()[-1])
    assert count == 12  # Three signatures, one row and eight, short and full.
    assert label == tuned.predict([("가 b",)])[0]["label"]


def test_rows_of_pairs_are_those_of_the_tuning() -> None:
    pair = ServedPair(TOKENIZER, 16)
    texts = [("b " * a, "c " * b) for a in (0, 1, 6, 7, 20) for b in (0, 1, 6, 7, 20)]
    rows = pair.tokenize(*(tf.constant(column) for column in zip(*texts, strict=True)))
    for place, (first, second) in enumerate(texts):
        a, b = cut_pair(len(first) // 2, len(second) // 2, 13)
        ids = [2, *[23] * a, 3, *[24] * b, 3]
        length = int(rows["padding_mask"][place].numpy().sum())
        assert rows["token_ids"][place].numpy()[:length].tolist() == ids
        assert rows["segment_ids"][place].numpy().sum() == b + 1
        assert rows["is_cut"][place] == int(a + b < (len(first) + len(second)) // 2)


def test_raw_rows_need_all_their_texts(tiny_model: ModelConfig, tmp_path: Path) -> None:
    from electra_keras.errors import UsageError

    tuned = make_tuned(tmp_path / "t", tiny_model, "question_answering")
    with pytest.raises(UsageError, match="1 text a row; expected question and context"):
        tuned.predict([("가",)])
    with pytest.raises(UsageError, match="--sequence_length=17; expected 3 to 16"):
        export_task(tuned, tmp_path / "m", sequence_length=17)
    assert not (tmp_path / "m").exists()
    assert text_task(tmp_path).task.kind == "classification"
