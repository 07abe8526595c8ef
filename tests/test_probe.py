"""python -m pytest tests/test_probe.py"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from electra_keras import train as command
from electra_keras.config import ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.config_files import load_config
from electra_keras.data.info import load_info, load_vocabulary
from electra_keras.errors import UsageError
from electra_keras.finetuning.probe import LinearProbe, classify_linearly
from electra_keras.models.networks import build_networks
from electra_keras.training.history import History
from electra_keras.training.probing import Probe
from electra_keras.training.saved_run import load_run
from electra_keras.training.saver import Saver

Capture = pytest.CaptureFixture[str]


def open_probe(path: Path | str, data: Path, **examples: int) -> tuple[Any, list[str]]:
    counts = {"train_examples": 2_000, "validation_examples": 2_000, **examples}
    probe = LinearProbe(str(path), **counts)
    info = load_info(data)
    return probe, probe.open(info, load_vocabulary(data, info))


@pytest.fixture(scope="module")
def network(tiny_model: ModelConfig) -> keras.Model:
    return build_networks(tiny_model, seed=3)[1]


# By itself -----------------------------------------------------------------------


def test_words_are_told_apart_by_untrained_embeddings(
    probe_task: Path, data_folder: Path, network: keras.Model
) -> None:
    probe, lines = open_probe(probe_task, data_folder)
    folder = probe_task.parent
    assert lines == [
        f"learns from 60 of 60 texts of {folder}/train.tsv",
        f"{folder}/train.tsv: 1 rows set aside: 1 empty text; the first is "
        f"{folder}/train.tsv:62: empty text",
        f"is measured on 20 of 20 texts of {folder}/validation.tsv",
    ]
    before = [variable.numpy() for variable in network.variables]
    figures = probe.measure(network)
    assert figures == {
        "probe_accuracy": 1.0,
        "probe_macro_f1": 1.0,
        "probe_majority_accuracy": 0.6,
    }
    assert probe.measure(network) == figures
    for variable, value in zip(network.variables, before, strict=True):
        assert np.array_equal(variable.numpy(), value)


def test_fewer_texts_are_drawn_by_label_and_long_ones_cut(
    probe_task: Path, data_folder: Path, tmp_path: Path, network: keras.Model
) -> None:
    task = tmp_path / "short.yaml"
    task.write_text(probe_task.read_text() + "encoding: {sequence_length: 5}\n")
    counts = {"train_examples": 20, "validation_examples": 10}
    probe, lines = open_probe(task, data_folder, **counts)
    folder = probe_task.parent
    pattern = "learns from 20 of 60 texts of .*; \\d+ cut to 5 tokens"
    assert re.fullmatch(pattern, lines[0])
    assert lines[2].startswith(f"is measured on 10 of 20 texts of {folder}/valid")
    # 6 of 10 are "bad".
    assert probe.measure(network)["probe_majority_accuracy"] == 0.6


def test_a_text_of_an_unknown_label_is_told(
    probe_task: Path, data_folder: Path, tmp_path: Path
) -> None:
    for name in ("train", "validation"):
        shutil.copy(probe_task.parent / f"{name}.tsv", tmp_path)
    with (tmp_path / "validation.tsv").open("a") as file:
        file.write("가\tugly\n")
    task = tmp_path / "task.yaml"
    task.write_text(probe_task.read_text().replace(str(probe_task.parent), "."))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        _, lines = open_probe("task.yaml", data_folder)
    assert lines[-1] == (
        "./validation.tsv: 1 rows set aside: 1 unknown label; the first is "
        "./validation.tsv:22: unknown label (ugly)"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "columns:",
            "task: {kind: regression}\ncolumns:",
            "task.yaml, a task of kind regression; expected kind classification, the "
            "only one that a linear probe learns.",
        ),
        ("  train:", "  test:", "no files.train"),
        ("train.tsv", "none.tsv", "no labelled file at "),
        ("label: label", "label: text", "expected each column once"),
        ("label: label", "label: sign", "no single column sign in "),
    ],
)
def test_a_task_that_does_not_fit_is_refused(
    probe_task: Path,
    data_folder: Path,
    tmp_path: Path,
    old: str,
    new: str,
    message: str,
) -> None:
    text = probe_task.read_text()
    assert old in text
    (tmp_path / "task.yaml").write_text(text.replace(old, new))
    with pytest.raises(UsageError) as error:
        open_probe(tmp_path / "task.yaml", data_folder)
    assert message in str(error.value)


def test_no_task_is_refused(data_folder: Path) -> None:
    with pytest.raises(UsageError) as error:
        open_probe("none.yaml", data_folder)
    assert str(error.value) == (
        "no task at none.yaml; expected a file such as those in configs/tasks/. "
        "Check train.probe."
    )


def test_a_draw_of_one_label_is_refused(probe_task: Path, data_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"1 of 60 texts of .*, all with one label"):
        open_probe(probe_task, data_folder, train_examples=1)


def test_classes_are_told_apart_by_a_line_whatever_the_scale() -> None:
    draw = np.random.default_rng(0)
    labels = np.arange(300) % 3
    centres = np.array([[0, 0], [900, 0], [0, 0.009]])
    features = centres[labels] + draw.normal(size=(300, 2)) * [100, 0.001]
    said = classify_linearly(features[:200], labels[:200], features[200:])
    assert (said == labels[200:]).mean() == 1.0
    assert said.dtype == np.int64


def test_a_run_without_the_setting_has_no_probe() -> None:
    assert LinearProbe.of(TrainConfig()) is None
    probe: Probe | None = LinearProbe.of(TrainConfig(probe="a.yaml"))
    assert isinstance(probe, LinearProbe)


# In a run ------------------------------------------------------------------------


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run without what the clock decides."""
    rows = History(folder).rows()
    for row in rows:
        for name in ("real_tokens_per_sec", "waiting_rate", "probe_secs"):
            row.pop(name, None)
    return rows


def assert_same_weights(one: Path, other: Path) -> None:
    networks = load_run(one).objective.networks
    for name, network in load_run(other).objective.networks.items():
        for mine, theirs in zip(
            networks[name].variables, network.variables, strict=True
        ):
            assert np.array_equal(mine.numpy(), theirs.numpy()), mine.path


@pytest.fixture(scope="module")
def flags(
    data_folder: Path,
    tiny_config: ExperimentConfig,
    probe_task: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[str]:
    config = tmp_path_factory.mktemp("probe") / "tiny.yaml"
    config.write_text(tiny_config.to_yaml())
    return [
        *(f"--config={config}", f"--data={data_folder}"),
        *(f"--set=train.probe={probe_task}", "--set=train.probe_every_steps=3"),
    ]


@pytest.fixture(scope="module")
def probed_run(flags: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probed") / "run"
    assert command.main([*flags, f"--output={folder}"]) == 0
    return folder


def test_a_run_with_a_probe_has_the_weights_of_one_without(
    probed_run: Path, run_folder: Path
) -> None:
    assert_same_weights(probed_run, run_folder)
    rows = rows_of(probed_run)
    probes = [row for row in rows if row["split"] == "probe"]
    assert [row for row in rows if row["split"] != "probe"] == rows_of(run_folder)
    # Windows of 2 steps: 3 falls in the second one. The embeddings tell it all.
    assert probes == [
        {
            "split": "probe",
            "step": step,
            "probe_accuracy": 1.0,
            "probe_macro_f1": 1.0,
            "probe_majority_accuracy": 0.6,
        }
        for step in (0, 4, 6, 9)
    ]
    config = load_config(probed_run / "config.yaml")
    assert config.train.probe_every_steps == 3
    best = "checkpoints/best.json"
    assert json.loads((probed_run / best).read_text()) == json.loads(
        (run_folder / best).read_text()
    )


def test_a_resumed_run_has_the_same_points(
    flags: list[str],
    probed_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Saver.on_epoch_end

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.pretrainer.global_step == 6:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Saver, "on_epoch_end", on_epoch_end)
        assert command.main([*flags, f"--output={folder}"]) == 130
    probes = [row["step"] for row in History(folder).rows("probe")]
    assert probes == [0, 4, 6]  # The last one is not in a checkpoint.
    assert command.main([*flags, f"--output={folder}"]) == 0
    assert rows_of(folder) == rows_of(probed_run)
    assert_same_weights(folder, probed_run)


def test_a_probe_may_be_given_on_the_way_and_be_taken_off(
    flags: list[str], run_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    for step in (8, 9):
        shutil.rmtree(folder / f"checkpoints/step-{step:08d}")
    assert command.main([*flags, f"--output={folder}"]) == 2
    assert "train.probe was None and is now " in capsys.readouterr().err
    assert command.main([*flags, f"--output={folder}", "--allow_changes"]) == 0
    assert "warning" not in capsys.readouterr().out
    assert [row["step"] for row in History(folder).rows("probe")] == [9]
    assert_same_weights(folder, run_folder)
    off = [*flags, "--set=train.probe=null", f"--output={folder}", "--allow_changes"]
    assert command.main(off) == 0


def test_a_wrong_probe_leaves_nothing(
    flags: list[str], tmp_path: Path, capsys: Capture
) -> None:
    output = tmp_path / "run"
    assert command.main([*flags, "--set=train.probe=none", f"--output={output}"]) == 2
    assert "no task at none; expected a file such as" in capsys.readouterr().err
    assert not output.exists()
