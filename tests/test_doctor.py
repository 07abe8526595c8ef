"""python -m pytest tests/test_doctor.py"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from electra_keras import doctor, train
from electra_keras.config import ExperimentConfig

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def config_flag(
    tiny_config: ExperimentConfig, tmp_path_factory: pytest.TempPathFactory
) -> str:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(tiny_config.to_yaml())
    return f"--config={path}"


@pytest.fixture
def unknown_data(make_data_folder: Any) -> Path:
    """A folder of which preprocessing says that a third is [UNK]."""
    folder = make_data_folder("unknown")
    train_split = {"unknown_token_rate": 0.35, "text_tokens": 2_388}
    stats = {"splits": {"train": train_split}}
    (folder / "stats.json").write_text(json.dumps(stats))
    return folder


def rows_of(output: str) -> dict[str, list[str]]:
    """The table's rows by check: status, measured, expected."""
    rows: dict[str, list[str]] = {}
    name = ""
    for line in output.splitlines():
        if not line.startswith("│"):
            continue
        status, check, *rest = (cell.strip() for cell in line.split("│")[1:-1])
        name = check or name
        if check:
            rows[name] = [status, *rest]
        else:  # Goes on from the line before.
            rows[name][1:] = [
                f"{a} {b}".strip() for a, b in zip(rows[name][1:], rest, strict=True)
            ]
    return rows


def test_table_and_fixes_of_a_run_that_may_start(
    config_flag: str, data_folder: Path, capsys: Capture
) -> None:
    assert doctor.main([config_flag, f"--data={data_folder}"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0].strip() == "preflight"
    rows = rows_of(out)
    assert len(rows) == 17
    assert rows["padding"] == ["warning", "36% of the rows is padding", "at most 30%"]
    assert rows["batch"] == ["ok", "8 of 300 examples (2.67%)", "at most 10%"]
    # Square brackets are text, not markup.
    assert "tokens are [UNK]" in rows["unknown tokens"][1]
    lines = out[out.index("└") :].splitlines()[1:]
    assert [line.split(":")[:2] for line in lines] == [
        ["warning", " unknown tokens"],
        ["warning", " padding"],
        ["warning", " warm-up"],
    ]
    assert lines[1].startswith("warning: padding: Preprocess with --packing=dense, or")


def test_doomed_run_gives_exit_code_1_after_the_table(
    config_flag: str, unknown_data: Path, capsys: Capture
) -> None:
    flags = [config_flag, f"--data={unknown_data}"]
    assert doctor.main(flags) == 1
    out, err = capsys.readouterr()
    assert rows_of(out)["unknown tokens"][0] == "doomed"
    assert err.count("\n") == 1
    assert err.startswith(
        "error: this run is doomed: unknown tokens: 35% of all 2,388 text tokens are"
    )
    assert "--force" not in err  # That is a flag of train.


def test_settings_are_judged_as_overridden(
    config_flag: str, data_folder: Path, capsys: Capture
) -> None:
    flags = [config_flag, f"--data={data_folder}"]
    assert doctor.main([*flags, "--set=train.global_batch_size=301"]) == 1
    out, err = capsys.readouterr()
    assert rows_of(out)["batch"][0] == "doomed"
    assert "batch: 301 of 300 examples (100%)" in err
    # What training refuses before the preflight is a finding here.
    assert doctor.main([*flags, "--set=model.vocabulary_size=41"]) == 1
    assert rows_of(capsys.readouterr().out)["vocabulary"][0] == "doomed"


def test_json_has_a_line_for_each_check(
    config_flag: str, unknown_data: Path, capsys: Capture
) -> None:
    assert doctor.main([config_flag, f"--data={unknown_data}", "--json"]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(found) == 17
    assert found[3] == {
        "name": "unknown tokens",
        "status": "doomed",
        "value": 0.35,
        "unit": "rate",
        "measured": "35% of all 2,388 text tokens are [UNK], such as "
        '"가 가 [SEP] [UNK]"',
        "expected": "at most 1%",
        "fix": "Build a vocabulary from this text, or a larger one.",
    }
    assert {x["fix"] == "" for x in found if x["status"] == "ok"} == {True}


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--data=none", "no data folder at none"),
        ("--config=none.yaml", "no configuration file at none.yaml"),
        ("--set=train.learning_rat=1", "the nearest is train.learning_rate"),
        (
            "--set=train.discriminator_loss_weight=0",
            "train.discriminator_loss_weight 0.0; expected a number above 0",
        ),
    ],
)
def test_wrong_use_is_told_in_one_line(
    config_flag: str, data_folder: Path, capsys: Capture, flag: str, message: str
) -> None:
    assert doctor.main([config_flag, f"--data={data_folder}", flag]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert message in err


def test_unfinished_data_are_told_in_one_line(
    config_flag: str, make_data_folder: Any, capsys: Capture
) -> None:
    folder = make_data_folder()
    (folder / "COMPLETED").unlink()
    assert doctor.main([config_flag, f"--data={folder}"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "has no COMPLETED file" in err


def test_nothing_is_written(config_flag: str, unknown_data: Path) -> None:
    before = {path: path.read_bytes() for path in unknown_data.iterdir()}
    doctor.main([config_flag, f"--data={unknown_data}"])
    assert {path: path.read_bytes() for path in unknown_data.iterdir()} == before


def test_train_refuses_a_doomed_run_and_writes_nothing(
    config_flag: str, unknown_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    flags = [config_flag, f"--data={unknown_data}", f"--output={tmp_path / 'run'}"]
    assert train.main(flags) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("error: this run is doomed: unknown tokens: 35% of all")
    assert err.endswith("Or go on all the same with --force.\n")
    assert not (tmp_path / "run").exists()


def test_forced_run_is_told_what_is_wrong_and_trains(
    config_flag: str, unknown_data: Path, tmp_path: Path, capsys: Capture
) -> None:
    flags = [config_flag, f"--data={unknown_data}", f"--output={tmp_path / 'run'}"]
    assert train.main([*flags, "--force", "--set=train.train_steps=2"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("trained steps 0 to 2: ")
    lines = err.splitlines()
    assert [line.split(": ")[:2] for line in lines[:3]] == [
        ["doomed", "unknown tokens"],
        ["warning", "padding"],
        ["warning", "warm-up"],
    ]
    assert lines[1] == (
        "warning: padding: 36% of the rows is padding; expected at most 30%. "
        "Preprocess with --packing=dense, or with --sequence_length=15, which holds "
        "95% of the rows."
    )
