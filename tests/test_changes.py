"""python -m pytest tests/test_changes.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from electra_keras import train as command
from electra_keras.config import ExperimentConfig
from electra_keras.config_files import load_config
from electra_keras.data.info import load_info
from electra_keras.errors import UsageError
from electra_keras.training.changes import (
    FREE,
    OF_COURSE,
    Change,
    accept_changes,
    check_changes,
    find_changes,
    find_other_data,
)
from electra_keras.training.history import History

Capture = pytest.CaptureFixture[str]


def change(config: ExperimentConfig, **settings: Any) -> ExperimentConfig:
    return dataclasses.replace(
        config, train=dataclasses.replace(config.train, **settings)
    )


def refusal(
    config: ExperimentConfig,
    other: ExperimentConfig,
    *,
    allow_changes: bool,
    step: int = 6,
) -> str:
    with pytest.raises(UsageError) as error:
        check_changes(
            Path("RUN"),
            find_changes(config, other),
            other,
            step=step,
            allow_changes=allow_changes,
        )
    return str(error.value)


def test_every_setting_that_may_change_exists() -> None:
    known = ExperimentConfig().to_dict()
    for setting in (*FREE, *OF_COURSE):
        section, name = setting.split(".")
        assert name in known[section], setting


def test_allowed_changes_ask_for_the_flag(tiny_config: ExperimentConfig) -> None:
    other = change(tiny_config, kept_checkpoints=9, learning_rate=1e-4)
    assert refusal(tiny_config, other, allow_changes=False) == (
        "RUN holds another run: train.learning_rate was 0.003 and is now 0.0001; "
        "train.kept_checkpoints was 3 and is now 9; expected the same configuration "
        "and data to go on with a run. Give --allow_changes to go on with what is new, "
        "undo the change, or choose another --output."
    )
    changes = find_changes(tiny_config, other)
    check_changes(Path("RUN"), changes, other, step=6, allow_changes=True)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("model", "hidden_dim", 64),
        ("train", "objective", "mlm"),
        ("train", "seed", 2),
        ("train", "global_batch_size", 4),
        ("train", "overlapped_warmup", True),
        ("data", "mask_rate", 0.2),
        ("data", "mixed_shards", 1),
    ],
)
def test_what_makes_another_run_stays_refused(
    tiny_config: ExperimentConfig, section: str, name: str, value: Any
) -> None:
    part = dataclasses.replace(getattr(tiny_config, section), **{name: value})
    other = dataclasses.replace(tiny_config, **{section: part})
    text = refusal(tiny_config, other, allow_changes=True)
    assert f"RUN holds another run: {section}.{name} was " in text
    assert f"and is now {value}; expected" in text
    assert "decide what its weights, masks and place in the data mean" in text
    assert "choose another --output; --init_from=RUN takes the weights along" in text


def test_a_refusal_tells_what_the_flag_would_allow(
    tiny_config: ExperimentConfig,
) -> None:
    other = change(tiny_config, seed=2, clip_norm=2.0)
    text = refusal(tiny_config, other, allow_changes=False)
    assert "train.seed was 1 and is now 2; --allow_changes would allow: " in text
    assert "allow: train.clip_norm was 1.0 and is now 2.0; expected" in text


def test_changes_fit_the_steps_done(tiny_config: ExperimentConfig) -> None:
    other = change(tiny_config, train_steps=5)
    text = refusal(tiny_config, other, allow_changes=True)
    assert text.startswith("train.train_steps 5 of a run at step 6; expected at least")
    lengths = {"log_every_steps": 4, "evaluate_every_steps": 4, "train_steps": 8}
    other = change(
        tiny_config, steps_per_execution=4, checkpoint_every_steps=4, **lengths
    )
    text = refusal(tiny_config, other, allow_changes=True)
    assert "train.steps_per_execution 4 of a run at step 6; expected a divisor" in text


def test_the_boundary_of_two_stages_does_not_move(
    tiny_config: ExperimentConfig,
) -> None:
    config = change(tiny_config, objective="two_stage", train_steps=8)
    assert config.train.effective_generator_steps == 4
    longer = change(config, train_steps=16)
    text = refusal(config, longer, allow_changes=True)
    assert "train.generator_steps was 4 and is now 8; --allow_changes would" in text
    kept = change(longer, generator_steps=4)
    changes = find_changes(config, kept)
    assert [c.setting for c in changes] == [
        "train.train_steps",
        "train.generator_steps",
    ]
    check_changes(Path("RUN"), changes, kept, step=2, allow_changes=True)


def test_other_data_are_described(
    data_folder: Path, make_data_folder: Callable[..., Path]
) -> None:
    known = load_info(data_folder)
    assert find_other_data(known, known) == []
    fewer = load_info(make_data_folder("a", train=(9,), validation=(45,)))
    (found,) = find_other_data(known, fewer)
    assert str(found) == "the data are others: train examples 300 before, train " + (
        "examples 9 now"
    )
    assert not found.is_allowed
    other = load_info(make_data_folder("b", first_number=1))
    (found,) = find_other_data(known, other)
    assert "the data are others: fingerprint " in str(found)


def test_a_change_is_recorded_once(tmp_path: Path, capsys: Capture) -> None:
    rate = Change("train.learning_rate", 1.0, 2.0)
    kept = Change("train.kept_checkpoints", 3, 4)
    # The second time as after a kill before config.yaml was replaced.
    for _ in range(2):
        accept_changes(tmp_path, [rate, kept], 6)
    accept_changes(tmp_path, [Change("train.learning_rate", 2.0, 1.0)], 8)
    rows = [*map(json.loads, (tmp_path / "changes.jsonl").read_text().splitlines())]
    assert rows == [
        {"step": 6, "setting": "train.learning_rate", "was": 1.0, "is": 2.0},
        {"step": 6, "setting": "train.kept_checkpoints", "was": 3, "is": 4},
        {"step": 8, "setting": "train.learning_rate", "was": 2.0, "is": 1.0},
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "changed from step 6 on: train.kept_checkpoints was 3 and is now 4"
    )
    assert lines[1] == (
        "warning: from step 6 on the run takes another course: "
        "train.learning_rate was 1.0 and is now 2.0"
    )


def test_a_run_goes_on_with_what_is_new(
    run_folder: Path,
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    for step in (8, 9):
        shutil.rmtree(folder / f"checkpoints/step-{step:08d}")
    (tmp_path / "tiny.yaml").write_text(tiny_config.to_yaml())
    flags = [f"--config={tmp_path / 'tiny.yaml'}", f"--data={data_folder}"]
    flags += [f"--output={folder}", "--set=train.learning_rate=1e-3"]
    flags += ["--set=train.log_every_steps=1", "--set=train.train_steps=10"]
    assert command.main(flags) == 2
    assert "Give --allow_changes to go on" in capsys.readouterr().err
    assert command.main([*flags, "--allow_changes"]) == 0
    out = capsys.readouterr().out
    assert "another course: train.train_steps was 9 and is now 10; train.lear" in out
    assert "trained steps 6 to 10" in out
    rows = History(folder).rows("train")
    assert [row["step"] for row in rows] == [2, 4, 6, 7, 8, 9, 10]
    # Of the step after 7: 3 of 9 steps are left after a warm-up of 1.
    assert rows[3]["learning_rate"] == pytest.approx(1e-3 * 3 / 9)
    config = load_config(folder / "config.yaml")
    assert (config.train.learning_rate, config.train.train_steps) == (1e-3, 10)
    rows = [*map(json.loads, (folder / "changes.jsonl").read_text().splitlines())]
    assert {(row["step"], row["setting"]) for row in rows} == {
        (6, "train.learning_rate"),
        (6, "train.log_every_steps"),
        (6, "train.train_steps"),
    }
    # The same command without the flag is the run's own now.
    assert command.main(flags) == 0
