"""python -m pytest tests/test_question_answering.py"""

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
from electra_keras.finetuning.answer_head import AnswerHead
from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.squad_files import QuestionRow
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.task_data import load_task_data
from electra_keras.finetuning.task_loading import load_task
from electra_keras.finetuning.tasks.question_answering import QuestionAnswering
from electra_keras.finetuning.tasks.registry import find_kind
from electra_keras.finetuning.trial import Trial
from electra_keras.interchange.sources import open_pretrained
from electra_keras.training.history import History

# 왜 5, 가 6, 나 7, 다 8, ##에 9.
ENTRIES = (*SPECIAL_TOKENS, "왜", "가", "나", "다", "##에")
FINDER = PieceFinder(Tokenizer(Vocabulary(ENTRIES)))
ROWS = [
    QuestionRow("a", "왜", "가 나 다 가 나에", ((2, "나"),), 1),
    QuestionRow("b", "왜", "다 다", (), 2),
]
STATE = {"has_no_answer": True, "no_answer_threshold": None}


def make_task(*settings: str) -> TaskConfig:
    kind = ("task.kind=question_answering", "encoding.sequence_length=8")
    return load_task(None, (*kind, "encoding.doc_stride_tokens=2", *settings))


def make_kind(state: dict | None = None, *settings: str) -> QuestionAnswering:
    return QuestionAnswering(make_task(*settings), dict(state or STATE))


def test_it_is_found_by_its_name() -> None:
    assert find_kind("question_answering") is QuestionAnswering


def test_training_decides_whether_there_may_be_no_answer() -> None:
    learn = QuestionAnswering.learn
    assert json.loads(json.dumps(learn(ROWS, make_task()))) == STATE
    given = make_task("answers.no_answer_threshold=-2.75")
    assert learn(ROWS, given)["no_answer_threshold"] == -2.75
    state = learn(ROWS[:1], given)
    assert state == {"has_no_answer": False, "no_answer_threshold": None}
    assert QuestionAnswering(given, state).warnings(ROWS[:1]) == [
        "answers.no_answer_threshold -2.75 is not used: every training question has "
        "an answer"
    ]
    assert make_kind().warnings(ROWS) == []
    with pytest.raises(UsageError, match="1 training questions, none with an answer"):
        learn(ROWS[1:], make_task())


def test_examples_are_windows() -> None:
    encoded = make_kind().encode(ROWS, FINDER)
    first, second, third = encoded.examples
    assert first["token_ids"].tolist() == [2, 5, 3, 6, 7, 8, 6, 3]
    assert second["token_ids"].tolist() == [2, 5, 3, 8, 6, 7, 9, 3]
    assert (int(first["answer_starts"]), int(first["answer_ends"])) == (4, 4)
    assert (int(second["answer_starts"]), int(second["answer_ends"])) == (0, 0)
    assert [int(example["question"]) for example in encoded.examples] == [0, 0, 1]
    assert QuestionAnswering.key(ROWS[1]) == "다 다"
    assert first["is_fullest"].tolist() == [0, 0, 0, 1, 1, 1, 0, 0]
    assert third["starts"].tolist() == [0, 0, 0, 0, 2, 0]
    assert encoded.notes == ()


def test_what_does_not_fit_is_told() -> None:
    long = QuestionRow(
        "c", "왜 왜 왜 왜", "가 나 다 가 나", ((0, "가 나 다 가 나"),), 3
    )
    encoded = make_kind().encode([*ROWS, long], FINDER)
    # A question gets half of a row at most.
    assert encoded.examples[3]["token_ids"].tolist() == [2, 5, 5, 3, 6, 7, 8, 3]
    assert encoded.notes == (
        "1 of 2 answers are whole in no window: they are not learned, and hardly found",
    )
    with pytest.raises(UsageError, match="sequence_length 7 of question_answering"):
        make_kind(None, "encoding.sequence_length=7").encode(ROWS, FINDER)


def make_batch(kind: QuestionAnswering) -> dict[str, tf.Tensor]:
    examples = kind.encode(ROWS, FINDER).examples
    maker = BatchMaker(examples, kind.features, 4, 8)
    return {name: tf.constant(v) for name, v in maker.make(np.arange(3)).items()}


def test_the_loss_of_a_head_that_knows_nothing() -> None:
    kind = make_kind()
    head = kind.build_head(4, 0.1, 1)
    assert isinstance(head, AnswerHead)
    batch = make_batch(kind)
    states = tf.zeros((4, 8, 4))
    outputs = head(states, batch["padding_mask"], batch["segment_ids"])
    # Four tokens of context and [CLS] twice, then two and [CLS]: of that many,
    # start and end by half; and whether there is an answer, by half.
    expected = 2 * np.log(5.0) + np.log(3.0) + 0.5 * 3 * np.log(2.0)
    assert float(kind.loss(batch, outputs)) == pytest.approx(expected, rel=1e-6)
    assert float(kind.count(batch)) == 3.0


def test_the_end_is_learned_given_the_right_start() -> None:
    kind = make_kind({"has_no_answer": False, "no_answer_threshold": None})
    batch = make_batch(kind)
    head = kind.build_head(4, 0.1, 1)
    states = np.random.default_rng(3).normal(size=(4, 8, 4)).astype(np.float32)
    outputs = head(states, batch["padding_mask"], batch["segment_ids"])
    before = float(kind.loss(batch, outputs))
    # Another state of the right start, 4 in the first row, changes its ends...
    moved = outputs["start_states"].numpy()
    moved[0, 4] += 1.0
    assert float(kind.loss(batch, {**outputs, "start_states": moved})) != before
    # ...and that of another token, nothing.
    moved = outputs["start_states"].numpy()
    moved[0, 5] += 1.0
    assert float(kind.loss(batch, {**outputs, "start_states": moved})) == before


def span(start: int, end: int, score: float, doubt: float) -> dict[str, np.ndarray]:
    return {
        "starts": np.array([start]),
        "ends": np.array([end]),
        "scores": np.array([score]),
        "no_answer_logits": np.array(doubt, np.float32),
    }


def test_no_answer_is_given_above_the_threshold() -> None:
    outputs = [span(4, 4, -0.5, 1.0), span(5, 6, -1.0, 2.0), span(3, 3, -0.25, 3.0)]
    kind = make_kind()
    examples = kind.encode(ROWS, FINDER).examples
    asked = (ROWS, examples, outputs)
    chosen = kind.choose(*asked)
    assert chosen == {"no_answer_threshold": 2.0}
    kind.state.update(chosen)
    predictions = kind.predict(*asked)
    assert predictions == [
        {
            "answer": "나",
            "start": 2,
            "end": 3,
            "probability": 0.606531,
            "no_answer_score": 1.0,
        },
        {
            "answer": "",
            "start": 0,
            "end": 0,
            "probability": 0.778801,
            "no_answer_score": 3.0,
        },
    ]
    assert kind.measure(ROWS, predictions) == {
        "exact": 1.0,
        "f1": 1.0,
        "unpredicted": 0.0,
        "answerable_f1": 1.0,
        "unanswerable_f1": 1.0,
    }
    given = make_kind({**STATE, "no_answer_threshold": 5.0}, *GIVEN)
    assert given.choose(*asked) == {}
    assert [p["answer"] for p in given.predict(*asked)] == ["나", "다"]
    sure = make_kind({"has_no_answer": False, "no_answer_threshold": None})
    assert sure.choose(*asked) == {}
    assert sure.predict(*asked)[1] == {
        "answer": "다",
        "start": 0,
        "end": 1,
        "probability": 0.778801,
    }


GIVEN = ("answers.no_answer_threshold=5",)


def make_file(path: Path, count: int, seed: int, *, unanswerable: float) -> Path:
    """Questions for the Hangul word among Latin letters, at times for nothing."""
    choose = random.Random(seed)
    paragraphs = []
    for number in range(count):
        words = [choose.choice("abcdefg") for _ in range(choose.randint(4, 14))]
        answers = []
        if choose.random() >= unanswerable:
            answer = choose.choice("가다라") + choose.choice(["", "가", "나가"])
            place = choose.randrange(len(words))
            words[place] = answer
            start = len(" ".join([*words[:place], ""]))
            answers = [{"answer_start": start, "text": answer}]
        entry = {"id": str(number), "question": "하", "answers": answers}
        entry["is_impossible"] = not answers
        paragraphs.append({"context": " ".join(words), "qas": [entry]})
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), "utf-8")
    return path


@pytest.mark.parametrize("unanswerable", [0.0, 0.4])
def test_a_trial_learns_to_answer(
    run_folder: Path, tmp_path: Path, unanswerable: float
) -> None:
    counts = {"train": 120, "validation": 40, "test": 20}
    files = [
        make_file(tmp_path / f"{name}.json", count, count, unanswerable=unanswerable)
        for name, count in counts.items()
    ]
    config = make_task(
        *(f"files.{path.stem}={path}" for path in files),
        *("encoding.sequence_length=14", "encoding.doc_stride_tokens=5"),
        *("training.epochs=10", "training.batch_size=10"),
        *("training.learning_rate=3e-3", "answers.script=korquad"),
    )
    source = open_pretrained(run_folder)
    finder = PieceFinder(Tokenizer(source.vocabulary, source.tokenizer))
    data = load_task_data(config, finder)
    assert len(data.splits["train"].examples) > 120
    result = Trial(config, data, source, seed=1, folder=tmp_path / "t").run()
    losses = [row["task_loss"] for row in History(tmp_path / "t").rows("validation")]
    assert losses[-1] < 0.5 * losses[0]
    for name in ("validation", "test"):
        # Never an answer has 0.4 at most, any word about 0.1.
        assert result.figures[name]["f1"] > 0.8, result.figures
    threshold = result.state["no_answer_threshold"]
    assert isinstance(threshold, float) == bool(unanswerable)
    lines = (tmp_path / "t/test_predictions.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in lines.splitlines()]
    for row in rows:
        found = row["prediction"]
        assert row["context"][found["start"] : found["end"]] == found["answer"]
        if unanswerable:
            assert (found["answer"] == "") == (found["no_answer_score"] > threshold)
