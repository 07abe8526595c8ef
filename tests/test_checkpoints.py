"""python -m pytest tests/test_checkpoints.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.config import ModelConfig, TrainConfig
from electra_keras.errors import ElectraError
from electra_keras.objectives.electra import ElectraObjective
from electra_keras.training import checkpoints
from electra_keras.training.checkpoints import (
    Checkpoint,
    CheckpointFolder,
    Variables,
    network_variables,
    optimizer_variables,
)
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.pretrainer import ElectraPretrainer


def all_variables(model: ModelConfig, seed: int) -> Variables:
    """Everything that a run saves, with numbers that only this seed gives."""
    pretrainer = ElectraPretrainer(ElectraObjective.build(model, seed=seed))
    optimizer = make_optimizer(TrainConfig(train_steps=10), pretrainer)
    variables = {
        **network_variables(pretrainer.objective.networks),
        **optimizer_variables(optimizer),
    }
    for place, variable in enumerate(variables.values()):
        if variable.dtype == "float32":
            noise = tf.random.stateless_normal(variable.shape, [seed, place])
            variable.assign(noise)
    optimizer.iterations.assign(100 + seed)
    return variables


@pytest.fixture(scope="module")
def variables(tiny_model: ModelConfig) -> Variables:
    return all_variables(tiny_model, seed=1)


@pytest.fixture
def small() -> Variables:
    import keras

    return {"a": keras.Variable([1.0, 2.0]), "b": keras.Variable([[3.0]])}


def save(folder: CheckpointFolder, variables: Variables, step: int) -> Checkpoint:
    return folder.save(
        variables, step=step, config_fingerprint="c", data_fingerprint="d"
    )


def test_every_variable_comes_back_exactly(
    variables: Variables, tiny_model: ModelConfig, tmp_path: Path
) -> None:
    save(CheckpointFolder(tmp_path), variables, 5)
    fresh = all_variables(tiny_model, seed=2)
    # Both networks once, two moments for each weight, and the optimizer's counts.
    assert sum(name.startswith("networks/") for name in fresh) == 54
    assert sum("block_" in name for name in fresh) == 3 * 36
    for name, variable in fresh.items():
        if not name.endswith("learning_rate"):
            assert not np.array_equal(variable.numpy(), variables[name].numpy()), name
    checkpoint = CheckpointFolder(tmp_path).latest()
    assert checkpoint is not None
    checkpoint.restore(fresh)
    assert fresh.keys() == variables.keys()
    for name, variable in fresh.items():
        assert np.array_equal(variable.numpy(), variables[name].numpy()), name
    assert int(fresh["optimizer/electra_adam_w/iteration"].numpy()) == 101


def test_names_do_not_depend_on_what_else_the_process_built(
    variables: Variables, tiny_model: ModelConfig
) -> None:
    assert all_variables(tiny_model, seed=3).keys() == variables.keys()


def test_checkpoint_says_what_it_is(small: Variables, tmp_path: Path) -> None:
    saved = save(CheckpointFolder(tmp_path), small, 1234)
    assert saved == Checkpoint(tmp_path / "step-00001234", 1234, "c", "d")
    assert CheckpointFolder(tmp_path).latest() == saved
    state = json.loads((saved.folder / "state.json").read_text())
    assert (state["step"], state["trained_sequence_length"]) == (1234, 0)
    files = {path.name for path in saved.folder.iterdir()} - {"state.json"}
    assert set(state["sha256"]) == files
    assert files == {"variables.index", "variables.data-00000-of-00001"}


def test_trained_length_is_kept_and_an_older_checkpoint_has_none(
    small: Variables, tmp_path: Path
) -> None:
    folder = CheckpointFolder(tmp_path)
    names = {"config_fingerprint": "c", "data_fingerprint": "d"}
    saved = folder.save(small, step=1, trained_sequence_length=128, **names)
    assert folder.latest() == saved
    assert saved.trained_sequence_length == 128
    state = json.loads((saved.folder / "state.json").read_text())
    del state["trained_sequence_length"]
    (saved.folder / "state.json").write_text(json.dumps(state))
    older = folder.latest()
    assert older is not None and older.trained_sequence_length == 0


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path / "none").latest() is None
    assert CheckpointFolder(tmp_path).latest() is None


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_newest_checkpoints_are_kept(
    small: Variables, tmp_path: Path, kept: int
) -> None:
    folder = CheckpointFolder(tmp_path, kept=kept)
    for step in (8, 9, 10, 100):
        save(folder, small, step)
    names = ["step-00000008", "step-00000009", "step-00000010", "step-00000100"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names[-kept:]


def test_saving_a_step_again_keeps_the_first(small: Variables, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    first = save(folder, small, 3)
    stamp = (first.folder / "state.json").stat().st_mtime_ns
    assert save(folder, small, 3) == first
    assert (first.folder / "state.json").stat().st_mtime_ns == stamp


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [cut_off, flip_a_bit, remove])
@pytest.mark.parametrize(
    "file", ["variables.index", "variables.data-00000-of-00001", "state.json"]
)
def test_damaged_checkpoint_is_passed_over_for_the_one_before(
    small: Variables,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage,
    file: str,
) -> None:
    folder = CheckpointFolder(tmp_path)
    before = save(folder, small, 1)
    path = save(folder, small, 2).folder / file
    if file == "state.json":
        # Its closing brace, not the line end; in the middle, a digit of a hash.
        path.write_text(path.read_text().rstrip("\n"))
    damage(path)
    assert folder.latest() == before
    warning = "step-00000002 is damaged and passed over\n"
    assert capsys.readouterr().out.endswith(warning)


def test_damaged_step_is_set_aside_and_saved_anew(
    small: Variables, tmp_path: Path
) -> None:
    folder = CheckpointFolder(tmp_path)
    saved = save(folder, small, 2)
    flip_a_bit(saved.folder / "variables.data-00000-of-00001")
    assert folder.latest() is None
    small["a"].assign([5.0, 6.0])
    assert save(folder, small, 2) == saved
    assert folder.latest() == saved
    small["a"].assign([0.0, 0.0])
    saved.restore(small)
    assert small["a"].numpy().tolist() == [5.0, 6.0]
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.rpartition("-")[0] for name in names] == [
        "damaged-step-00000002",
        "step",
    ]


def test_partial_and_foreign_folders_are_ignored(
    small: Variables, tmp_path: Path
) -> None:
    folder = CheckpointFolder(tmp_path, kept=1)
    saved = save(folder, small, 1)
    for name in ("step-00000009.partial-abc", "step-new", "notes"):
        shutil.copytree(saved.folder, tmp_path / name)
    assert folder.latest() == saved
    save(folder, small, 2)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"step-00000002", "step-00000009.partial-abc", "step-new", "notes"}


@pytest.mark.parametrize("failing", ["_hash_files", "_flush"])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_failure_while_saving_leaves_nothing(
    small: Variables,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    error: BaseException,
) -> None:
    folder = CheckpointFolder(tmp_path)
    before = save(folder, small, 1)

    def fail(path: Path) -> None:
        raise error

    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(checkpoints, failing, fail)
        save_other = CheckpointFolder(tmp_path)
        save(save_other, small, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert folder.latest() == before


def test_checkpoint_of_other_variables_is_refused(
    small: Variables, tmp_path: Path
) -> None:
    import keras

    saved = save(CheckpointFolder(tmp_path), small, 1)
    for other in (
        {**small, "c": keras.Variable([1.0])},
        {**small, "a": keras.Variable([1.0, 2.0, 3.0])},
    ):
        with pytest.raises(ElectraError, match="does not fit the networks"):
            saved.restore(other)


def test_part_of_a_checkpoint_can_be_restored(small: Variables, tmp_path: Path) -> None:
    saved = save(CheckpointFolder(tmp_path), small, 1)
    small["a"].assign([9.0, 9.0])
    saved.restore({"a": small["a"]})
    assert small["a"].numpy().tolist() == [1.0, 2.0]
