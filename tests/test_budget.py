"""python -m pytest tests/test_budget.py"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from electra_keras import budget
from electra_keras.config import ExperimentConfig
from electra_keras.planning import throughput
from electra_keras.planning.plan import Plan
from electra_keras.planning.table import show_bytes, show_secs
from electra_keras.planning.throughput import Measurement

Capture = pytest.CaptureFixture[str]
PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def config_flag(
    tiny_config: ExperimentConfig, tmp_path_factory: pytest.TempPathFactory
) -> str:
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(tiny_config.to_yaml())
    return f"--config={path}"


def cells(output: str) -> dict[str, str]:
    """What a table shows: the last cell by the one before it."""
    rows = [line.split("│") for line in output.splitlines() if line.startswith("│")]
    return {f"{row[1].strip()}/{row[2].strip()}": row[3].strip() for row in rows}


def test_budget_of_a_configuration_alone(config_flag: str, capsys: Capture) -> None:
    assert budget.main([config_flag, "--vocabulary_size=40", "--device=v100"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0].strip() == "electra: 9 steps of 8 rows of 16 tokens"
    shown = cells(out)
    assert shown["parameters/generator"] == "9,064"
    assert shown["/discriminator"] == "28,001"
    # 40 x 16 + 16 x 16 + 2 x 16 and a LayerNorm.
    assert shown["/of these shared"] == "960"
    assert shown["/in all, shared ones once"] == "36,105"
    assert shown["tokens/seen, if no row is padded"] == "1.15e+03"
    assert shown["training memory/weights"] == "0 MB"
    assert shown["time/on v100"] == "0.0 minutes"
    assert "epochs/passes over the data" not in shown
    last = out.splitlines()[-1]
    assert last == (
        "v100: 3.7e+12 FLOPs/s; one V100: ELECTRA-Small, 4 days (Clark et al. 2020, "
        "table 1)"
    )


def test_without_a_device_all_are_shown(config_flag: str, capsys: Capture) -> None:
    assert budget.main([config_flag, "--vocabulary_size=40"]) == 0
    shown = cells(capsys.readouterr().out)
    on = [name for name in shown if "/on " in name]
    assert len(on) == 10 and on[:2] == ["time/on v100", "/on v100_float32"]


def test_data_decide_the_sizes_and_give_epochs(
    config_flag: str, data_folder: Path, capsys: Capture
) -> None:
    flags = [config_flag, f"--data={data_folder}", "--tokens_per_sec=10"]
    assert budget.main([*flags, "--set=train.train_steps=1500"]) == 0
    shown = cells(capsys.readouterr().out)
    # 12,000 of 300 examples with 3,088 real tokens.
    assert shown["epochs/passes over the data"] == "40.0"
    assert shown["tokens/seen, padding not counted"] == "1.24e+05"
    assert shown["time/at 10 tokens/s"] == "3.4 hours"


def test_measured_steps_give_the_time(
    config_flag: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def measure(plan: Plan, rows: int | None) -> Measurement:
        assert plan.config.train.global_batch_size == 8 and rows == 2
        return Measurement(
            device="an abacus",
            rows=2,
            steps=3,
            step_secs=100.0,
            tokens_per_sec=0.32,
            peak_bytes=5_000_000,
        )

    monkeypatch.setattr(throughput, "measure_plan", measure)
    flags = [config_flag, "--vocabulary_size=40", "--measure", "--measured_rows=2"]
    assert budget.main(flags) == 0
    shown = cells(capsys.readouterr().out)
    assert shown["measured/device"] == "an abacus"
    assert shown["/median of 3 steps of 2 rows"] == "100.000 s"
    assert shown["/peak memory, with tracing"] == "5 MB"
    assert shown["/the same estimated, without"] == "1 MB"
    # 9 steps of 8 rows, where 2 rows take 100 seconds.
    assert shown["time/as measured"] == "1.0 hours"
    assert not [name for name in shown if "/on " in name]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "vocabulary sizes: none; expected one size. Give --data or"),
        (
            ["--vocabulary_size=40", "--set=model.vocabulary_size=50"],
            "vocabulary sizes: 40 and 50; expected one size",
        ),
        (["--vocabulary_size=40", "--device=abacus"], "--device=abacus; expected one"),
        (
            ["--vocabulary_size=40", "--replicas=3"],
            "size 8 on 3 replicas, each in 1 parts; expected a",
        ),
        (
            ["--vocabulary_size=40", "--replicas=0"],
            "size 8 on 0 replicas, each in 1 parts; expected a",
        ),
        (
            ["--vocabulary_size=40", "--tokens_per_sec=0"],
            "--tokens_per_sec=0.0; expected a number above 0",
        ),
        (
            ["--vocabulary_size=40", "--measure", "--measured_rows=-1"],
            "--measured_rows=-1; expected a number above 0",
        ),
        (
            ["--vocabulary_size=40", "--set=data.sequence_length=32"],
            "data.sequence_length 32 with model.max_sequence_length 16; expected",
        ),
        (["--vocabulary_size=0"], "--vocabulary_size=0; expected a number above 0"),
        (["--data=none"], "no data folder at none"),
    ],
)
def test_wrong_use_is_told_in_one_line(
    config_flag: str, flags: list[str], message: str, capsys: Capture
) -> None:
    assert budget.main([config_flag, *flags]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize("flags", [["--device=v100", "--measure"], ["--dtype=float8"]])
def test_flags_that_do_not_go_together(flags: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        budget.main(flags)
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_help_teaches_and_lists_the_devices(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        budget.main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "  python -m electra_keras.budget --config=" in out
    assert "  a100_tf32_x8     eight A100 40 GB, TF32: ELECTRA-Base, 716 rows" in out


def test_page_shows_what_the_command_prints(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (PROJECT / "docs/training.md").read_text("utf-8")
    found = re.search(
        r"```bash\npython -m electra_keras\.budget (.*?)\n```\n\n```text\n(.*?)```",
        page,
        re.S,
    )
    assert found
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("COLUMNS", "80")
    assert budget.main(shlex.split(found[1].replace("\\\n", ""))) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.rstrip() for line in printed] == found[2].splitlines()


@pytest.mark.parametrize(
    ("show", "value", "expected"),
    [
        (show_bytes, 999_400_000, "999 MB"),
        (show_bytes, 1_000_000_000, "1.0 GB"),
        (show_bytes, 5.4e12, "5,400.0 GB"),
        (show_secs, 90, "1.5 minutes"),
        (show_secs, 3_600, "1.0 hours"),
        (show_secs, 172_799, "48.0 hours"),
        (show_secs, 345_600, "4.0 days"),
    ],
)
def test_units_follow_the_size(show: Any, value: float, expected: str) -> None:
    assert show(value) == expected
