"""python -m pytest tests/test_findings.py"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tuned_outcomes as tuned

from electra_keras.finetuning.reporting.answer_findings import AnswerFindings
from electra_keras.finetuning.reporting.classification_findings import (
    ClassificationFindings,
)
from electra_keras.finetuning.reporting.findings import (
    find_findings,
    tell_calibration,
)
from electra_keras.finetuning.reporting.regression_findings import RegressionFindings
from electra_keras.finetuning.reporting.token_findings import TokenFindings
from electra_keras.finetuning.squad_files import QuestionRow
from electra_keras.finetuning.tagged_files import TaggedRow
from electra_keras.finetuning.tasks.classification import Classification


def make_kind(name: str) -> Any:
    return SimpleNamespace(config=tuned.make_config(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("regression", RegressionFindings),
        ("token_classification", TokenFindings),
        ("question_answering", AnswerFindings),
    ],
)
def test_every_kind_of_task_has_its_findings(name: str, expected: type) -> None:
    assert type(find_findings(make_kind(name))) is expected


@pytest.mark.parametrize(
    ("probabilities", "is_right", "verdict"),
    [
        ([0.9, 0.9], [True, False], "it is too sure, by 0.400."),
        ([0.5, 0.5], [True, True], "it is not sure enough, by 0.500."),
        ([0.5, 0.5], [True, False], "it is as sure as it should be."),
    ],
)
def test_calibration_in_a_line(
    probabilities: list[float], is_right: list[bool], verdict: str
) -> None:
    assert tell_calibration(probabilities, is_right).endswith(f"are right: {verdict}")


def test_classification(tmp_path: Path) -> None:
    outcome = tuned.make_classification(tmp_path / "out").gather()
    matrix, confusions, by_label = outcome.findings.tables
    assert matrix.heads == ("Right label", "daily", "break-up", "love", "Rows")
    assert matrix.rows == (
        ("daily", "2", "1", "1", "4"),
        ("break-up", "1", "2", "0", "3"),
        ("love", "0", "0", "1", "1"),
    )
    assert matrix.shades[0] == (0.5, -0.25, -0.25, 0.0)
    assert matrix.shades[2] == (0.0, 0.0, 1.0, 0.0)
    assert confusions.rows == (
        ("daily", "break-up", "1", "25.0 %"),
        ("daily", "love", "1", "25.0 %"),
        ("break-up", "daily", "1", "33.3 %"),
    )
    assert by_label.rows[0] == ("daily", "4", "3", "2", "0.6667", "0.5000", "0.5714")
    assert outcome.findings.calibration == (
        "Calibration: its answers have a probability of 0.730 on average and 0.625 of "
        "them are right: it is too sure, by 0.105."
    )
    errors, doubts = outcome.findings.samples
    assert [(item.where, item.facts) for item in errors.items] == [
        ("line 3", (("answered", "love (0.980)"), ("right", "daily (0.010)"))),
        ("line 2", (("answered", "break-up (0.900)"), ("right", "daily (0.050)"))),
        ("line 8", (("answered", "daily (0.500)"), ("right", "break-up (0.250)"))),
    ]
    assert errors.items[1].texts == (("", tuned.HOSTILE),)
    assert [item.where for item in doubts.items] == [
        *("line 5", "line 9", "line 7", "line 4", "line 6")
    ]
    assert doubts.items[0].facts == (("answered", "daily (0.400)"),)
    assert outcome.baseline_name == "always daily, the most frequent label of training"
    assert outcome.baselines["validation"]["accuracy"] == 0.5
    assert outcome.baselines["test"]["accuracy"] == 1.0
    labels = {name: split.rows for name, split in outcome.data.splits.items()}
    assert outcome.about_kind.count_labels(labels).rows[1] == (
        *("break-up", "3", "30.0 %", "3", "37.5 %", "0", "0.0 %"),
    )


def test_many_labels_have_no_matrix_and_few_samples() -> None:
    values = [str(place) for place in range(30)]
    state = {"values": values, "names": values, "weights": [1.0] * 30}
    findings = ClassificationFindings(
        Classification(tuned.make_config("classification"), state)
    )
    rows = tuned.make_text_rows(values * 2)
    spread = [1 / 30] * 30
    predictions = [
        {"label": "0", "name": "0", "probabilities": spread} for _ in range(60)
    ]
    found = findings.find(rows, predictions)
    assert [table.heads[0] for table in found.tables] == ["Right label", "Label"]
    assert len(found.tables[0].rows) == 15 and len(found.tables[1].rows) == 30
    assert [len(samples.items) for samples in found.samples] == [20, 2]
    assert found.never_predicted == tuple(values[1:])


def test_pairs_show_both_texts_and_names_of_rows(tmp_path: Path) -> None:
    outcome = tuned.make_regression(tmp_path / "out").gather()
    (samples,) = outcome.findings.samples
    assert samples.title == "The largest errors"
    assert samples.items[0].facts == (("answered", "1.000"), ("right", "4.000"))
    assert samples.items[0].texts == (("text", "one 4"), ("second text", "two 4"))
    assert outcome.about_kind.content(outcome.data.splits["validation"].rows[0]) == (
        *("one 1", "two 1"),
    )


def test_regression(tmp_path: Path) -> None:
    outcome = tuned.make_regression(tmp_path / "out").gather()
    (table,) = outcome.findings.tables
    assert table.rows == (
        ("0 to 1", "1", "0.000", "0.500", "0.500"),
        ("1 to 2", "1", "1.000", "1.000", "0.000"),
        ("2 to 3", "1", "2.500", "3.000", "0.500"),
        ("4 to 5", "2", "4.500", "2.750", "1.750"),
    )
    assert outcome.findings.calibration == (
        "It answers 2.000 on average where 2.500 is right, and is off by 0.900 on "
        "average."
    )
    assert outcome.baseline_name == "always 2.500, the mean of training"
    assert outcome.baselines["validation"] == {
        **{"pearson": 0.0, "spearman": 0.0},
        "mse": pytest.approx(np.mean([6.25, 2.25, 0, 2.25, 6.25])),
    }
    labels = {"train": outcome.data.splits["train"].rows}
    assert outcome.about_kind.count_labels(labels).rows == (
        ("Train", "3", "1.000", "1.500", "2.000", "3.250", "4.500", "2.500"),
    )


TAGGED = [
    TaggedRow(("철수", "가", "서울", "에"), ("B-PS", "O", "B-LC", "O"), 1),
    TaggedRow(("삼성", "전자"), ("B-OG", "I-OG"), 6),
    TaggedRow(("아무", "것"), ("O", "O"), 9),
]
TAGS = [["B-PS", "O", "B-OG", "O"], ["B-OG", "O"], ["O", "O"]]


def test_tagged_words() -> None:
    findings = TokenFindings(make_kind("token_classification"))
    found = findings.find(TAGGED, TAGS)
    by_type, confusions = found.tables
    assert by_type.rows == (
        ("LC", "1", "0", "0", "–", "0.0000", "0.0000"),
        ("OG", "1", "2", "0", "0.0000", "0.0000", "0.0000"),
        ("PS", "1", "1", "1", "1.0000", "1.0000", "1.0000"),
    )
    assert confusions.rows == (
        ("B-LC", "B-OG", "1", "100.0 %"),
        ("I-OG", "O", "1", "100.0 %"),
    )
    assert found.never_predicted == ("LC",)
    (samples,) = found.samples
    assert [(item.where, item.facts) for item in samples.items] == [
        ("line 1", (("서울", "B-OG for B-LC"),)),
        ("line 6", (("전자", "O for I-OG"),)),
    ]
    baseline = findings.baseline(TAGGED, TAGGED[1:])
    assert baseline.name == "always O, no entity"
    assert baseline.predictions == [["O", "O"], ["O", "O"]]
    assert findings.count_labels({"train": TAGGED}).rows == (
        *(("Sentences", "3"), ("Words", "8")),
        *(("LC", "1"), ("OG", "1"), ("PS", "1")),
    )


def test_tags_without_a_scheme_are_counted_by_word() -> None:
    rows = [TaggedRow(("가", "나", "다"), ("NNP", "JX", "NNP"), 1)]
    findings = TokenFindings(make_kind("token_classification"))
    by_tag, _ = findings.find(rows, [["NNP", "NNP", "NNP"]]).tables
    assert by_tag.rows == (
        ("JX", "1", "0", "0", "–", "0.0000", "0.0000"),
        ("NNP", "2", "3", "2", "0.6667", "1.0000", "0.8000"),
    )
    baseline = findings.baseline(rows, rows)
    assert baseline.name == "always NNP, the most frequent tag of training"
    assert baseline.predictions == [["NNP"] * 3]


def test_many_wrong_words_are_cut() -> None:
    row = TaggedRow(("가",) * 20, ("B-PS",) * 20, 1)
    found = TokenFindings(make_kind("token_classification")).find([row], [["O"] * 20])
    facts = found.samples[0].items[0].facts
    assert len(facts) == 13 and facts[-1] == ("and", "8 more")


CONTEXT = "가" * 300 + "서울은 한국의 수도이다." + "나" * 300
QUESTIONS = [
    QuestionRow("a", "수도는?", CONTEXT, ((300, "서울"),), 1),
    QuestionRow("b", "누구?", "짧은 글.", (), 2),
    QuestionRow("c", "어디?", "한국 서울", ((0, "한국"), (3, "서울")), 3),
    QuestionRow("d", "무엇?", "작은 글.", ((0, "작은"),), 4),
]


def guess(answer: str, probability: float) -> dict[str, Any]:
    return {"answer": answer, "start": 0, "end": 2, "probability": probability}


def test_answers() -> None:
    findings = AnswerFindings(make_kind("question_answering"))
    predictions = [guess("한국", 0.75), guess("", 0.5), guess("서울", 0.25)]
    found = findings.find(QUESTIONS, [*predictions, guess("", 0.0)])
    (parts,) = found.tables
    assert parts.rows == (
        ("All", "4", "50.0 %", "0.5000", "0.5000"),
        ("With an answer", "3", "66.7 %", "0.3333", "0.3333"),
        ("Without", "1", "0.0 %", "1.0000", "1.0000"),
    )
    assert found.calibration.endswith(
        "0.500 on average and 0.500 of them are right: it is as sure as it should be."
    )
    errors, doubts = found.samples
    assert [item.where for item in errors.items] == [
        *("question 1, id a", "question 4, id d")
    ]
    assert errors.items[0].facts == (
        *(("answered", "한국 (0.750)"), ("right", "서울"), ("F1", "0.000")),
    )
    assert errors.items[1].facts[0] == ("answered", "(no answer)")
    question, context = errors.items[0].texts
    assert question == ("question", "수도는?")
    end = "은 한국의 수도이다."
    assert context[1] == f"… {'가' * 160}서울{end}{'나' * (160 - len(end))} …"
    assert [item.facts for item in doubts.items] == [(("answered", "서울 (0.250)"),)]


def test_answers_of_nothing() -> None:
    findings = AnswerFindings(make_kind("question_answering"))
    baseline = findings.baseline(QUESTIONS, QUESTIONS)
    assert baseline.name == "never an answer"
    assert [found["answer"] for found in baseline.predictions] == [""] * 4
    assert findings.find(QUESTIONS, baseline.predictions).calibration == ""
    assert findings.count_labels({"train": QUESTIONS}).rows == (
        ("Train", "4", "4", "3", "1"),
    )
