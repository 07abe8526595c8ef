"""python -m pytest tests/test_entities.py"""

from __future__ import annotations

import pytest

from electra_keras.finetuning.metrics.entities import (
    find_entities,
    measure_entities,
    measure_entities_by_type,
)


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("O O", []),
        ("B-X I-X O B-Y", [("X", 0, 2), ("Y", 3, 4)]),
        ("I-X I-X O", [("X", 0, 2)]),
        ("O I-X I-Y I-Y", [("X", 1, 2), ("Y", 2, 4)]),
        ("B-X I-Y", [("X", 0, 1), ("Y", 1, 2)]),
        ("B-X B-X I-X", [("X", 0, 1), ("X", 1, 3)]),
        ("I-X B-X", [("X", 0, 1), ("X", 1, 2)]),
        ("B-X O I-X", [("X", 0, 1), ("X", 2, 3)]),
        ("", []),
    ],
)
def test_entities_as_conlleval_finds_them(
    tags: str, entities: list[tuple[str, int, int]]
) -> None:
    assert find_entities(tags.split()) == entities


def test_type_and_both_ends_must_be_right() -> None:
    tags = [["B-X", "I-X", "O", "B-Y"], ["B-Z", "O"]]
    predictions = [["B-X", "I-X", "O", "B-X"], ["B-Z", "I-Z"]]
    assert measure_entities(tags, predictions) == {
        "precision": pytest.approx(1 / 3),
        "recall": pytest.approx(1 / 3),
        "f1": pytest.approx(1 / 3),
        "accuracy": pytest.approx(4 / 6),
    }
    assert measure_entities_by_type(tags, predictions) == {
        "X": pytest.approx(2 / 3),
        "Y": 0.0,
        "Z": 0.0,
    }


def test_the_example_of_seqeval() -> None:
    tags = [
        ["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"],
        ["B-PER", "I-PER", "O"],
    ]
    predictions = [
        ["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"],
        ["B-PER", "I-PER", "O"],
    ]
    assert measure_entities(tags, predictions)["f1"] == 0.5


def test_nothing_found_is_zero_not_an_error() -> None:
    assert measure_entities([["O"]], [["O"]])["f1"] == 0.0
    with pytest.raises(ValueError, match="differ in length"):
        measure_entities([["O"]], [["O", "O"]])
