"""python -m pytest tests/test_diff.py"""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from beam_pipelines.diff import main
from beam_pipelines.reporting.comparison import Row, compare_folders

Capture = pytest.CaptureFixture[str]

STATS: dict[str, Any] = {
    "documents": {"read": 40, "kept": 30, "rejected": {"empty": 6, "duplicate": 4}},
    "funnel": [
        {"stage": "read", "documents": 40, "text_bytes": 900},
        {"stage": "clean", "documents": 34, "text_bytes": 800},
    ],
    "text_bytes": 900,
    "duplicates": {"exact": {"groups": 2, "dropped": 4, "top": [{"text": "a"}]}},
    "histograms": {"words": {"edges": [0, 10], "counts": [30]}},
    "samples": [{"stage": "clean", "before": "a ", "after": "a"}],
    "elapsed_secs": 3.5,
    "runner": "FnApiRunner",
}


def write_stats(folder: Path, stats: dict[str, Any]) -> Path:
    (folder / "stats.json").write_text(json.dumps(stats), "utf-8")
    return folder


@pytest.fixture
def a(make_data_folder: Any) -> Path:
    return write_stats(make_data_folder("a", train=(20, 10), validation=(5,)), STATS)


@pytest.fixture
def b(a: Path) -> Path:
    return Path(shutil.copytree(a, a.parent / "b"))


def change_info(folder: Path, **fields: Any) -> None:
    path = folder / "info.json"
    info = json.loads(path.read_text("utf-8")) | fields
    path.write_text(json.dumps(info), "utf-8")


def rows_of(capsys: Capture, *flags: Any) -> dict[str, dict[str, Any]]:
    """The rows that differ, by section and key."""
    assert main(["--json", *map(str, flags)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["same"] is False
    return {
        name: {row["key"]: row for row in rows if not row["same"]}
        for name, rows in found["sections"].items()
        if not all(row["same"] for row in rows)
    }


def test_a_copy_is_the_same_whatever_made_it(a: Path, b: Path, capsys: Capture) -> None:
    write_stats(b, STATS | {"elapsed_secs": 9, "runner": "DaskRunner"})
    assert main(["--examples", str(a), str(b)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *(f"A {a}", f"B {b}", ""),
        *("settings: the same", "", "vocabulary: the same, 3 figures", ""),
        *("shards: the same, 10 figures", "", "documents: the same, 4 figures", ""),
        *("funnel: the same, 6 figures", "", "totals: the same, 3 figures", ""),
        *("duplicates: the same, 3 figures", "", "examples: the same, 2 figures", ""),
        "The same.",
    ]


def test_statistics_stand_side_by_side(a: Path, b: Path, capsys: Capture) -> None:
    stats = copy.deepcopy(STATS)
    stats["documents"] = {"read": 50, "kept": 30, "rejected": {"empty": 3, "new": 2}}
    write_stats(b, stats)
    assert main([str(a), str(b)]) == 1
    out = capsys.readouterr().out
    assert (
        """
documents
  read                40  50  +25.00 %
  kept                30  30  =
  rejected.empty       6   3  -50.00 %
  rejected.duplicate   4   –  differs
  rejected.new         –   2  differs
"""
        in out
    )
    assert out.endswith("\n\nThey differ.\n")


def test_stages_are_compared_by_name(a: Path, b: Path, capsys: Capture) -> None:
    stats = STATS | {"funnel": STATS["funnel"][1:]}
    write_stats(b, stats)
    rows = rows_of(capsys, a, b)
    assert set(rows) == {"funnel"}
    assert set(rows["funnel"]) == {*("read.stage", "read.documents", "read.text_bytes")}


def test_what_is_long_only_says_that_it_differs(
    a: Path, b: Path, capsys: Capture
) -> None:
    stats = copy.deepcopy(STATS)
    stats["samples"][0]["after"] = "b"
    stats["duplicates"]["exact"]["top"][0]["text"] = "b"
    write_stats(b, stats)
    rows = rows_of(capsys, a, b)
    assert {name: list(part) for name, part in rows.items()} == {
        "totals": ["samples"],
        "duplicates": ["exact.top"],
    }
    assert rows["totals"]["samples"]["a"].startswith("hash ")


def test_settings_that_differ_are_listed(a: Path, b: Path, capsys: Capture) -> None:
    for folder, rate in ((a, 0.01), (b, 0.02)):
        shards = {"validation_rate": rate, "compression": "gzip"}
        change_info(folder, preprocess={"shards": shards, "seed": 1})
    rows = rows_of(capsys, a, b)
    assert rows == {
        "settings": {
            "shards.validation_rate": {
                "key": "shards.validation_rate",
                "a": 0.01,
                "b": 0.02,
                "same": False,
                "change_rate": 1.0,
            }
        }
    }


def test_other_order_of_the_same_examples(
    a: Path, make_data_folder: Any, capsys: Capture
) -> None:
    b = write_stats(make_data_folder("b", train=(30,), validation=(5,)), STATS)
    rows = rows_of(capsys, "--examples", a, b)
    assert set(rows) == {"shards"}
    lacking = rows["shards"]["train.shards of this one only"]
    assert (lacking["a"], lacking["b"]) == (2, 1)
    assert "train.examples" not in rows["shards"]


def test_examples_that_the_other_lacks_are_counted(
    a: Path, make_data_folder: Any, capsys: Capture
) -> None:
    # Rows 4 to 33, then 34 to 38: a has 0 to 29, then 30 to 34.
    b = make_data_folder("b", train=(20, 10), validation=(5,), first_number=4)
    rows = rows_of(capsys, "--examples", a, write_stats(b, STATS))
    found = {key: (row["a"], row["b"]) for key, row in rows["examples"].items()}
    assert found == {
        "train.examples of this one only": (4, 4),
        "validation.examples of this one only": (4, 4),
    }
    lacking = rows["shards"]["train.shards of this one only"]
    assert (lacking["a"], lacking["b"]) == (2, 2)


def test_vocabularies_are_compared(a: Path, make_data_folder: Any) -> None:
    entries = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(35)))
    b = make_data_folder("b", train=(30,), validation=(), entries=entries)
    rows = compare_folders(a, write_stats(b, STATS))["vocabulary"]
    assert rows[0] == Row("entries", 40, 40)
    assert not rows[1].same
    assert rows[2] == Row("entries of this one only", 35, 35, counts_lacking=True)
    assert not rows[2].same


def test_change_needs_numbers() -> None:
    assert Row("x", 4, 5).change_rate == 0.25
    assert [Row("x", *pair).change_rate for pair in ((0, 5), (None, 5), ("a", 5))] == [
        *(None, None, None)
    ]


@pytest.mark.parametrize("damage", ["missing", "unfinished", "info", "stats", "shard"])
def test_trouble_exits_with_2(a: Path, b: Path, capsys: Capture, damage: str) -> None:
    flags = [str(a), str(b)]
    if damage == "missing":
        flags = [str(a), str(b / "none")]
    elif damage == "unfinished":
        (b / "COMPLETED").unlink()
    elif damage == "shard":
        flags = ["--examples", *flags]
        shard = next(b.glob("train-00000*"))
        shard.write_bytes(shard.read_bytes()[:-20])
    else:
        (b / f"{damage}.json").write_text("{")
    assert main(flags) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1


def test_help_teaches(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "  python -m beam_pipelines.diff data" in capsys.readouterr().out
