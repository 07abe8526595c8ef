"""python -m pytest tests/test_task_kind.py

What holds for every kind of task.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.squad_files import QuestionRow
from electra_keras.finetuning.tagged_files import TaggedRow
from electra_keras.finetuning.task_config import KINDS
from electra_keras.finetuning.task_loading import load_task
from electra_keras.finetuning.tasks.registry import find_kind
from electra_keras.finetuning.tasks.task_kind import TaskKind, make_example
from electra_keras.finetuning.text_files import TextRow

FINDER = PieceFinder(Tokenizer(Vocabulary((*SPECIAL_TOKENS, "가", "나", "다"))))
LABELS = {"values": ["B-X", "O"], "names": ["B-X", "O"]}
# A state of each kind, rows to learn from of uneven length, and a raw one.
CASES: dict[str, tuple[dict[str, Any], list[Any], Any]] = {
    "classification": (
        {**LABELS, "weights": [0.5, 1.5]},
        [TextRow("가", None, "O", "1", 1), TextRow("가 나 다", None, "B-X", "2", 2)],
        TextRow("나", None, "", "1", 1),
    ),
    "regression": (
        {"low": 1.0, "high": 5.0},
        [TextRow("가", None, 1.0, "1", 1), TextRow("가 나 다", None, 4.0, "2", 2)],
        TextRow("나", None, 0.0, "1", 1),
    ),
    "token_classification": (
        {**LABELS, "unseen": "O"},
        [
            TaggedRow(("가",), ("B-X",), 1),
            TaggedRow(("가", "나", "다", "가"), ("O", "O", "B-X", "O"), 2),
        ],
        TaggedRow(("나",), ("",), 1),
    ),
    "question_answering": (
        {"has_no_answer": True, "no_answer_threshold": 0.0},
        [
            QuestionRow("1", "가", "나 다 가 나 다 가 나 다", ((2, "다 가"),), 1),
            QuestionRow("2", "나", "다", (), 2),
        ],
        QuestionRow("3", "나", "가 다", (), 1),
    ),
}


def make_kind(name: str) -> TaskKind[Any]:
    settings = (f"task.kind={name}", "encoding.sequence_length=10")
    return find_kind(name)(load_task(None, settings), CASES[name][0])


def test_rows_of_weight_0_are_not_counted() -> None:
    kind = find_kind("regression")(load_task(), {"low": 0, "high": 1})
    assert float(kind.count({"weights": tf.constant([1.0, 1.0, 0.0])})) == 2.0
    with pytest.raises(ValueError, match="sequence_length is open"):
        _ = kind.sequence_length


@pytest.mark.parametrize("name", KINDS)
def test_kinds_are_found_by_name(name: str) -> None:
    kind = find_kind(name)
    assert name in CASES and issubclass(kind, TaskKind)
    assert kind.__module__.endswith(f".{name}")


@pytest.mark.parametrize("name", KINDS)
def test_what_a_batch_needs_is_in_every_example(name: str) -> None:
    kind = make_kind(name)
    examples = kind.encode([*CASES[name][1], CASES[name][2]], FINDER).examples
    batch = BatchMaker(examples, kind.features, 8, 10).make(np.arange(len(examples)))
    assert {"token_ids", "weights", *kind.features} <= {*batch}
    # What is held out of the training rows is chosen by it.
    keys = {"token_classification": "나", "question_answering": "가 다"}
    assert kind.key(CASES[name][2]) == keys.get(name, "나\n")


def test_what_is_no_feature_stays_out_of_batches() -> None:
    row = FINDER.join(np.array([5]))
    example = make_example(row, word_places=np.array([1]))
    assert {name: value.tolist() for name, value in example.items()} == {
        "token_ids": [2, 5, 3],
        "segment_ids": [0, 0, 0],
        "word_places": [1],
    }
    batch = BatchMaker([example], {}, 1, 10).make(np.array([0]))
    assert {*batch} == {"token_ids", "segment_ids", "padding_mask", "weights"}


TWO_REPLICAS = """
import dataclasses

import keras
import numpy as np
from test_task_kind import CASES, FINDER, make_kind

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.finetuning.batches import BatchMaker, TaskBatches
from electra_keras.finetuning.task_data import Split
from electra_keras.finetuning.task_network import build_task_network
from electra_keras.finetuning.task_objective import TaskObjective
from electra_keras.finetuning.tuner import TaskTuner
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.training.strategies import make_strategy

config = TrainConfig(global_batch_size=4)
alone = make_strategy(config)
# One only: two strategies in a process share the keys of their collectives.
both = make_strategy(dataclasses.replace(config, strategy="mirrored"))
assert both.num_replicas_in_sync == 2
for name in CASES:
    runs = []
    for strategy in (alone, both):
        kind = make_kind(name)
        rows = CASES[name][1]
        examples = kind.encode(rows, FINDER).examples
        assert len(examples) < 4  # The rest of the batch only fills it up.
        maker = BatchMaker(examples, kind.features, 4, 10)
        with strategy.scope():
            network = build_task_network({model!r}, kind, seed=1)
            split = Split(LabelledFile("", rows), examples, ())
            tuner = TaskTuner(TaskObjective(network, kind), split, maker, 1)
            # What changes then is the gradient itself.
            tuner.compile(optimizer=keras.optimizers.SGD(1.0))
        before = [v.numpy() for v in network.trainable_variables]
        batches = TaskBatches(maker, maker, 1, strategy).train(0)
        logs = tuner.fit(batches, steps_per_epoch=1, verbose=0).history
        after = [v.numpy() for v in network.trainable_variables]
        gradients = [b - a for a, b in zip(after, before)]
        runs.append((logs["task_loss"][0], gradients))
    (loss, gradients), (other_loss, others) = runs
    largest = max(np.abs(gradient).max() for gradient in gradients)
    apart = max(np.abs(a - b).max() for a, b in zip(gradients, others))
    print(name, loss, other_loss, largest, apart)
    assert loss > 0.1 and abs(loss - other_loss) < 1e-5
    assert largest > 0.1 and apart < 1e-5
print("done")
"""


def test_two_replicas_have_the_loss_and_gradients_of_one(
    tiny_model, two_cpus: str
) -> None:
    path = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    code = two_cpus + path + TWO_REPLICAS.format(model=tiny_model)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert done.stdout.endswith("done\n")
