"""python -m pytest tests/test_token_classification.py"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.errors import UsageError
from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.tagged_files import TaggedRow
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.task_data import load_task_data
from electra_keras.finetuning.task_loading import load_task
from electra_keras.finetuning.tasks.registry import find_kind
from electra_keras.finetuning.tasks.token_classification import TokenClassification
from electra_keras.finetuning.trial import Trial
from electra_keras.interchange.sources import open_pretrained
from electra_keras.training.history import History

# 조선 5, ##을 6, 왕 7.
FINDER = PieceFinder(Tokenizer(Vocabulary((*SPECIAL_TOKENS, "조선", "##을", "왕"))))
ROWS = [
    TaggedRow(("조선을", "\u200b", "왕", "왕을"), ("B-LC", "O", "O", "I-LC"), 1),
    TaggedRow(("왕",), ("O",), 6),
]
STATE = {
    "values": ["B-LC", "I-LC", "O"],
    "names": ["B-LC", "I-LC", "O"],
    "unseen": "O",
}


def make_task(*settings: str) -> TaskConfig:
    kind = ("task.kind=token_classification", "encoding.sequence_length=16")
    return load_task(None, (*kind, *settings))


def make_kind(state: dict | None = None, *settings: str) -> TokenClassification:
    return TokenClassification(make_task(*settings), state or STATE)


def test_it_is_found_by_its_name() -> None:
    assert find_kind("token_classification") is TokenClassification


def test_tags_are_found_and_kept_as_json() -> None:
    state = TokenClassification.learn(ROWS, make_task())
    assert json.loads(json.dumps(state)) == STATE
    rows = [TaggedRow(("가", "나", "다"), ("NNG", "NNG", "SF"), 1)]
    assert TokenClassification.learn(rows, make_task())["unseen"] == "NNG"
    assert TokenClassification.key(rows[0]) == "가 나 다"
    with pytest.raises(UsageError, match="labels O in the training file"):
        TokenClassification.learn(ROWS[1:], make_task())


def test_words_without_a_word_piece_or_a_place_are_told() -> None:
    encoded = make_kind().encode(ROWS, FINDER)
    first = encoded.examples[0]
    assert first["token_ids"].tolist() == [2, 5, 6, 7, 7, 6, 3]
    assert first["tag_ids"].tolist() == [-1, 0, -1, 2, 1, -1, -1]
    assert first["word_places"].tolist() == [1, -1, 3, 4]
    note = "1 of 5 words have no word piece: predicted as O"
    assert encoded.notes == (note,)
    short = make_kind(None, "encoding.sequence_length=4").encode(ROWS, FINDER)
    assert short.notes == ("2 of 5 words were cut: predicted as O", note)


def test_raw_texts_are_encoded_as_others() -> None:
    rows = [TaggedRow(("조선을", "왕"), ("", ""), 1)]
    (example,) = make_kind().encode(rows, FINDER).examples
    assert example["token_ids"].tolist() == [2, 5, 6, 7, 3]
    assert example["tag_ids"].tolist() == [-1] * 5
    assert example["word_places"].tolist() == [1, 3]


def test_every_word_gets_a_tag() -> None:
    kind = make_kind(None, "encoding.sequence_length=4")
    examples = kind.encode(ROWS, FINDER).examples
    logits = np.array([[9, 0, 0], [0, 3, 1], [9, 0, 0], [9, 0, 0]], np.float32)
    predictions = kind.predict(ROWS, examples, [{"logits": logits}] * 2)
    assert predictions == [["I-LC", "O", "O", "O"], ["I-LC"]]
    assert kind.score == "f1"
    # Of the one entity, 조선을, the type and both ends; 왕을 starts another.
    assert kind.measure(ROWS, [["B-LC", "O", "O", "O"], ["O"]]) == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "accuracy": 0.8,
    }


def test_parts_of_speech_are_measured_word_by_word() -> None:
    rows = [TaggedRow(("개", "가", "짖다"), ("NNG", "JKS", "VV"), 1)]
    state = TokenClassification.learn(rows, make_task())
    kind = make_kind(state)
    assert (kind.score, kind.has_entities) == ("accuracy", False)
    figures = kind.measure(rows, [["NNG", "NNG", "VV"]])
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    assert kind.warnings(rows)[-1] == (
        "no tag has a prefix such as B-: each word is measured by itself, and the "
        "score is accuracy"
    )
    assert make_kind().warnings(ROWS) == [
        f"label {tag} has 1 training example: it can hardly be learned"
        for tag in ("B-LC", "I-LC")
    ]


def test_sentences_with_other_tags_are_set_aside() -> None:
    strange = TaggedRow(("왕",), ("B-PS",), 9)
    known = make_kind().keep_known(LabelledFile("v.tsv", [*ROWS, strange]))
    assert known.rows == ROWS
    assert [str(entry) for entry in known.set_aside] == ["v.tsv:9: unknown tag (B-PS)"]


def test_the_loss_is_a_mean_over_words() -> None:
    kind = make_kind()
    examples = kind.encode(ROWS, FINDER).examples
    maker = BatchMaker(examples, kind.features, 3, 16)
    batch = {name: tf.constant(v) for name, v in maker.make(np.arange(2)).items()}
    assert batch["tag_ids"].numpy().tolist() == [
        [-1, 0, -1, 2, 1, -1, -1, -1],
        [-1, 2, -1, -1, -1, -1, -1, -1],
        [-1] * 8,
    ]
    assert float(kind.count(batch)) == 4.0
    logits = np.zeros((3, 8, 3), np.float32)
    logits[0, 1] = [np.log(2.0), 0.0, 0.0]
    logits[2] = 7.0
    logits[:, 0, 1] = 5.0  # [CLS] bears no tag.
    loss = kind.loss(batch, {"logits": tf.constant(logits)})
    assert float(loss) == pytest.approx(np.log(2.0) + 3 * np.log(3.0))


def make_sentences(count: int, seed: int) -> str:
    """Sentences in which 가 to 다 begin a name, and 라 goes on with it."""
    choose = random.Random(seed)
    sentences = []
    for _ in range(count):
        lines = []
        while len(lines) < 6:
            if choose.random() < 0.3:
                lines.append(f"{choose.choice('가나다')}\tB-PS")
                if choose.random() < 0.5:
                    lines.append("라\tI-PS")
            else:
                lines.append(f"{choose.choice('abcdefg')}\tO")
        sentences.append("\n".join(lines) + "\n")
    return "\n".join(sentences)


def test_a_trial_learns_names(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text(make_sentences(100, 1), "utf-8")
    (tmp_path / "validation.tsv").write_text(make_sentences(30, 2), "utf-8")
    config = make_task(
        *(f"files.{name}={tmp_path}/{name}.tsv" for name in ("train", "validation")),
        *("training.epochs=8", "training.batch_size=10"),
        "training.learning_rate=3e-3",
    )
    source = open_pretrained(run_folder)
    finder = PieceFinder(Tokenizer(source.vocabulary, source.tokenizer))
    data = load_task_data(config, finder)
    result = Trial(config, data, source, seed=1, folder=tmp_path / "t").run()
    # Names everywhere or nowhere would have at most 0.5.
    assert result.figures["validation"]["f1"] > 0.9
    assert result.state == data.kind.state
    losses = [row["task_loss"] for row in History(tmp_path / "t").rows("validation")]
    assert losses[-1] < 0.3 * losses[0]
    lines = (tmp_path / "t/validation_predictions.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in lines.splitlines()]
    assert len(rows) == 30
    assert all(len(row["prediction"]) == len(row["words"]) for row in rows)
