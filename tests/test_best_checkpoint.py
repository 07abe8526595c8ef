"""python -m pytest tests/test_best_checkpoint.py"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from electra_keras import convert, evaluate, export
from electra_keras.errors import UsageError
from electra_keras.interchange.sources import open_pretrained
from electra_keras.training.best_checkpoint import BestCheckpoint
from electra_keras.training.checkpoints import CheckpointFolder, Variables
from electra_keras.training.saved_run import read_run

Capture = pytest.CaptureFixture[str]


def of_auc(step: int, value: float) -> BestCheckpoint:
    return BestCheckpoint(step, "disc_auc", value)


def test_a_step_is_judged_by_the_first_metric_that_it_has() -> None:
    values = {"loss": 9.0, "main_lm_loss": 4.0, "disc_auc": 0.6}
    assert BestCheckpoint.of(3, values) == of_auc(3, 0.6)
    del values["disc_auc"]
    assert BestCheckpoint.of(3, values) == BestCheckpoint(3, "main_lm_loss", 4.0)
    assert BestCheckpoint.of(3, {"loss": 9.0}) == BestCheckpoint(3, "loss", 9.0)
    assert BestCheckpoint.of(3, {"loss": math.nan}) is None
    assert BestCheckpoint.of(3, {}) is None


def test_higher_auc_and_lower_loss_are_better() -> None:
    assert of_auc(1, 0.5).beats(None)
    assert of_auc(2, 0.6).beats(of_auc(1, 0.5))
    assert not of_auc(2, 0.5).beats(of_auc(1, 0.5))  # The earlier one stays.
    losses = [BestCheckpoint(step, "loss", 9.0 - step) for step in (1, 2)]
    assert losses[1].beats(losses[0]) and not losses[0].beats(losses[1])
    # The second of two stages has a discriminator.
    assert of_auc(3, 0.1).beats(losses[1]) and not losses[1].beats(of_auc(3, 0.1))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 1}', '{"step": 1, "m": 2}'])
def test_a_broken_name_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "best.json").write_text(text)
    assert BestCheckpoint.read(tmp_path) is None


@pytest.fixture
def small() -> Variables:
    import keras

    return {"a": keras.Variable([1.0, 2.0])}


def save(folder: CheckpointFolder, variables: Variables, step: int) -> Path:
    names = {"config_fingerprint": "c", "data_fingerprint": "d"}
    return folder.save(variables, step=step, **names).folder


def steps(folder: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in folder.glob("step-*"))


def test_the_best_is_not_forgotten(small: Variables, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, kept=2)
    save(folder, small, 1)
    folder.mark_best(of_auc(1, 0.7))
    for step in (2, 3, 4):
        save(folder, small, step)
    assert steps(tmp_path) == [1, 3, 4]
    # Another one is the best now, and the first one goes.
    folder.mark_best(of_auc(4, 0.8))
    assert steps(tmp_path) == [3, 4]
    assert json.loads((tmp_path / "best.json").read_text()) == {
        "step": 4,
        "metric": "disc_auc",
        "value": 0.8,
    }


def test_the_best_is_found_again(small: Variables, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, kept=9)
    for step in (1, 2, 3, 4):
        save(folder, small, step)
    folder.mark_best(of_auc(1, 0.5))
    # Killed before 2 was named; 5 was never saved, and 4 will come again.
    judged = [of_auc(2, 0.6), None, of_auc(5, 0.9), of_auc(4, 0.8)]
    assert folder.find_best(judged, 3) == of_auc(2, 0.6)
    assert BestCheckpoint.read(tmp_path) == of_auc(2, 0.6)
    (tmp_path / "step-00000002/variables.index").unlink()
    assert folder.find_best([*judged, of_auc(3, 0.4)], 3) == of_auc(3, 0.4)
    assert folder.find_best([], 2) is None
    assert not (tmp_path / "best.json").exists()


def test_a_checkpoint_is_chosen_by_name(small: Variables, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, kept=9)
    assert folder.choose("best") is None
    paths = {str(step): save(folder, small, step) for step in (1, 2, 30)}
    with pytest.raises(UsageError, match=r"no best\.json in .* a step of 1, 2, 30"):
        folder.choose("best")
    folder.mark_best(of_auc(2, 0.6))
    expected = {**paths, "best": paths["2"], "latest": paths["30"]}
    for which, path in expected.items():
        chosen = folder.choose(which)
        assert chosen is not None and chosen.folder == path
    for which in ("3", "worst", "-1", ""):
        with pytest.raises(UsageError, match=f"no checkpoint {which} in"):
            folder.choose(which)
    (paths["2"] / "variables.index").unlink()
    for which in ("2", "best"):
        with pytest.raises(UsageError, match=r"checkpoint 2 of .* is damaged"):
            folder.choose(which)


def test_what_a_kill_left_is_removed(small: Variables, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "none")
    folder.remove_partial()
    folder = CheckpointFolder(tmp_path)
    path = save(folder, small, 1)
    left = f"step-00000002.partial-{'0123456789abcdef' * 2}"
    for name in (left, "step-00000002.partial-mine", "notes"):
        shutil.copytree(path, tmp_path / name)
    folder.remove_partial()
    assert {path.name for path in tmp_path.iterdir()} == {
        *("step-00000001", "step-00000002.partial-mine", "notes"),
    }


@pytest.fixture(scope="module")
def run(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose newest checkpoint is 9 and whose best is 6."""
    copy = tmp_path_factory.mktemp("best") / "run"
    shutil.copytree(run_folder, copy)
    of_auc(6, 0.99).write(copy / "checkpoints")
    return copy


def test_commands_read_the_best_when_asked(
    run: Path, data_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert read_run(run).checkpoint.step == 9
    assert read_run(run, "8").checkpoint.step == 8
    flags = [f"--run={run}", f"--data={data_folder}", "--checkpoint=best"]
    assert evaluate.main(flags) == 0
    assert json.loads((run / "evaluation.json").read_text())["step"] == 6
    flags = [f"--run={run}", f"--output={tmp_path / 'models'}", "--checkpoint=best"]
    assert export.main(flags) == 0
    assert "exported step 6 to" in capsys.readouterr().out
    source = open_pretrained(run, checkpoint="best")
    assert source.run is not None and source.run.checkpoint.step == 6


def test_commands_refuse_a_checkpoint_that_is_not_there(
    run: Path, tmp_path: Path, capsys: Capture
) -> None:
    flags = [f"--run={run}", f"--output={tmp_path / 'models'}"]
    assert export.main([*flags, "--checkpoint=7"]) == 2
    assert "no checkpoint 7 in" in capsys.readouterr().err
    hugging_face = tmp_path / "hf"
    flags = [f"--run={run}", "--to=huggingface", f"--output={hugging_face}"]
    assert convert.main(flags) == 0
    flags = [f"--source={hugging_face}", "--to=tf1", f"--output={tmp_path / 'tf1'}"]
    capsys.readouterr()
    assert convert.main([*flags, "--checkpoint=best"]) == 2
    assert "expected a run folder of electra_keras.train" in capsys.readouterr().err
