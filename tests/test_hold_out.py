"""python -m pytest tests/test_hold_out.py"""

from __future__ import annotations

from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.splitting import hold_out


def split(rows: list[str], rate: float = 0.2, name: str = "validation"):
    labelled = LabelledFile("a.tsv", list(rows))
    labelled.leave_out(3, "empty text")
    return hold_out(labelled, rate, lambda row: row, name)


def test_the_share_is_held_out_and_nothing_is_lost() -> None:
    rows = [f"row {number}" for number in range(5_000)]
    stays, held_out = split(rows)
    assert 900 < len(held_out.rows) < 1_100
    assert sorted(stays.rows + held_out.rows) == sorted(rows)
    assert stays.count_reasons() == {"empty text": 1}
    assert held_out.set_aside == []
    assert held_out.path == "a.tsv (held out for validation)"


def test_equal_rows_stay_together_whatever_their_order() -> None:
    rows = [f"row {number % 50}" for number in range(500)]
    stays, held_out = split(rows)
    assert not {*stays.rows} & {*held_out.rows}
    assert {*split(rows[::-1])[1].rows} == {*held_out.rows}
    assert {*split([*rows, "more"])[1].rows} - {"more"} == {*held_out.rows}
    spaced = [row.replace(" ", "  ") for row in held_out.rows]
    assert split(spaced)[0].rows == []


def test_two_splits_are_drawn_apart() -> None:
    rows = [f"row {number}" for number in range(2_000)]
    one, two = {*split(rows)[1].rows}, {*split(rows, name="test")[1].rows}
    assert 40 < len(one & two) < 130  # 4% of all, not 20%.
