"""python -m pytest tests/test_run.py"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from electra_keras.config import ExperimentConfig
from electra_keras.config_files import load_config
from electra_keras.data.info import DatasetInfo, load_info, load_vocabulary
from electra_keras.errors import UsageError
from electra_keras.training.best_checkpoint import BestCheckpoint
from electra_keras.training.history import History
from electra_keras.training.run import fit_to_data, open_run_folder, train
from electra_keras.training.saved_run import load_run
from electra_keras.training.saver import Saver
from electra_keras.training.windows import evaluation_epochs, split_windows

Rows = list[dict[str, Any]]
SIZES = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim")


def rows_of(folder: Path) -> Rows:
    """The rows of a run without what depends on time."""
    rows = History(folder).rows()
    for row in rows:
        row.pop("real_tokens_per_sec", None)
        row.pop("waiting_rate", None)
    return rows


def places(rows: Rows) -> list[tuple[str, int]]:
    return [(row["split"], row["step"]) for row in rows]


def change(config: ExperimentConfig, **settings: Any) -> ExperimentConfig:
    return dataclasses.replace(
        config, train=dataclasses.replace(config.train, **settings)
    )


PLACES = [
    *(("validation", 0), ("train", 2), ("train", 4), ("validation", 4)),
    *(("train", 6), ("train", 8), ("validation", 8), ("train", 9), ("validation", 9)),
]


def test_run_folder_holds_these_files(
    run_folder: Path, data_folder: Path, tiny_config: ExperimentConfig
) -> None:
    assert {path.name for path in run_folder.iterdir()} == {
        *("config.yaml", "data_info.json", "vocab.txt"),
        *("checkpoints", "logs", "metrics.jsonl", "curves.png"),
    }
    info = load_info(data_folder)
    resolved = fit_to_data(tiny_config, info)
    assert load_config(run_folder / "config.yaml") == resolved
    assert (resolved.model.vocabulary_size, resolved.data.sequence_length) == (40, 16)
    for theirs, mine in (("info.json", "data_info.json"), ("vocab.txt", "vocab.txt")):
        assert (data_folder / theirs).read_text() == (run_folder / mine).read_text()
    names = sorted(path.name for path in (run_folder / "checkpoints").iterdir())
    # Due are 4, 6 and 9; 8 is there since it was the best so far.
    newest = [f"step-{step:08d}" for step in (6, 8, 9)]
    assert names == ["best.json", *newest]
    rows = History(run_folder).rows("validation")
    best = max(rows, key=lambda row: row["disc_auc"])
    assert best["step"] in (8, 9)
    assert BestCheckpoint.read(run_folder / "checkpoints") == BestCheckpoint(
        best["step"], "disc_auc", best["disc_auc"]
    )
    assert (run_folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    for split in ("train", "validation"):
        assert any((run_folder / "logs" / split).iterdir())


def test_history_has_a_row_for_each_window_and_evaluation(run_folder: Path) -> None:
    rows = rows_of(run_folder)
    assert places(rows) == PLACES
    for row in rows:
        names = set(row) - {"split", "step", "learning_rate"}
        names.discard("unreadable_examples")
        assert len(names) == (13 if row["split"] == "train" else 11)
        assert all(np.isfinite(row[name]) for name in names)
        assert ("learning_rate" in row) == (row["split"] == "train")
    held_out = [row["real_tokens"] for row in rows if row["split"] == "validation"]
    assert len(set(held_out)) == 1


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    run = load_run(folder)
    return {
        variable.path: variable.numpy()
        for network in run.objective.networks.values()
        for variable in network.variables
    }


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Makes the run stop as if killed, before it saves at that step."""
    original = Saver.on_epoch_end

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.pretrainer.global_step == step:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    monkeypatch.setattr(Saver, "on_epoch_end", on_epoch_end)


def test_stopped_and_resumed_run_equals_one_in_one_go(
    run_folder: Path,
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_at(patch, 6)
        train(tiny_config, data_folder, folder)
    # Step 6 is in the history and not in a checkpoint: it is done again.
    assert places(rows_of(folder)) == PLACES[:5]
    names = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert names == ["best.json", "step-00000004"]
    capsys.readouterr()

    done = train(tiny_config, data_folder, folder)
    assert (done.start_step, done.step) == (4, 9)
    assert "step-00000004 at step 4\n" in capsys.readouterr().out
    assert rows_of(folder) == rows_of(run_folder)
    weights = weights_of(folder)
    for path, value in weights_of(run_folder).items():
        assert np.array_equal(value, weights[path]), path

    # Called once more, it has nothing left to do.
    again = train(tiny_config, data_folder, folder)
    assert (again.start_step, again.step, again.real_tokens) == (9, 9, 0.0)
    assert rows_of(folder) == rows_of(run_folder)


def test_damaged_last_checkpoint_costs_the_steps_since_the_one_before(
    run_folder: Path,
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path: Path,
) -> None:
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    (folder / "checkpoints/step-00000009/variables.index").unlink()
    done = train(tiny_config, data_folder, folder)
    assert (done.start_step, done.step) == (8, 9)
    assert rows_of(folder) == rows_of(run_folder)
    weights = weights_of(folder)
    for path, value in weights_of(run_folder).items():
        assert np.array_equal(value, weights[path]), path


@pytest.mark.parametrize("tied", ["all", "disentangled"])
def test_networks_tied_otherwise_reach_the_end_of_a_run(
    tied: str, data_folder: Path, tiny_config: ExperimentConfig, tmp_path: Path
) -> None:
    main = tiny_config.model
    equal = {f"generator_{size}": getattr(main, size) for size in SIZES}
    model = dataclasses.replace(main, tied_weights=tied, **equal)
    config = change(dataclasses.replace(tiny_config, model=model), train_steps=2)
    assert train(config, data_folder, tmp_path / "run").step == 2
    # What is written last, for which the token embeddings are asked.
    assert (tmp_path / "run/logs/projector/metadata.tsv").is_file()
    loaded = load_run(tmp_path / "run").discriminator.get_layer("embeddings")
    assert loaded.token_embeddings.shape[0] == load_info(data_folder).vocabulary_size


def test_another_configuration_is_refused_and_named(
    run_folder: Path, data_folder: Path, tiny_config: ExperimentConfig
) -> None:
    other = change(tiny_config, seed=2, learning_rate=1e-4)
    with pytest.raises(UsageError) as error:
        train(other, data_folder, run_folder)
    assert "train.learning_rate was 0.003 and is now 0.0001" in str(error.value)
    assert "train.seed was 1 and is now 2" in str(error.value)


def test_other_data_are_refused(
    run_folder: Path, make_data_folder: Any, tiny_config: ExperimentConfig
) -> None:
    data = make_data_folder(train=(120, 70, 109), validation=(45,))
    with pytest.raises(UsageError, match="holds another run: the data are others"):
        train(tiny_config, data, run_folder)


def test_leftovers_of_a_start_that_was_killed_are_no_obstacle(
    tiny_config: ExperimentConfig, data_folder: Path, tmp_path: Path
) -> None:
    info = load_info(data_folder)
    vocabulary = load_vocabulary(data_folder, info)
    (tmp_path / "data_info.json").write_text("{")
    open_run_folder(tmp_path, tiny_config, info, vocabulary)
    assert DatasetInfo.from_json((tmp_path / "data_info.json").read_text()) == info
    assert (tmp_path / "config.yaml").is_file()


def test_folder_with_other_files_is_refused(
    data_folder: Path, tiny_config: ExperimentConfig, tmp_path: Path
) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="holds other files; expected a new"):
        train(tiny_config, data_folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("section", "name", "value", "message"),
    [
        ("model", "vocabulary_size", 41, "model.vocabulary_size 41; expected 40"),
        ("data", "sequence_length", 32, "data.sequence_length 32; expected 16"),
        ("model", "max_sequence_length", 8, "rows of 16 tokens with"),
        ("train", "global_batch_size", 301, "has 300 train examples; expected at"),
    ],
)
def test_sizes_that_are_not_the_datas_are_refused_before_a_folder_is_made(
    data_folder: Path,
    tiny_config: ExperimentConfig,
    tmp_path: Path,
    section: str,
    name: str,
    value: int,
    message: str,
) -> None:
    part = dataclasses.replace(getattr(tiny_config, section), **{name: value})
    config = dataclasses.replace(tiny_config, **{section: part})
    with pytest.raises(UsageError) as error:
        train(config, data_folder, tmp_path / "run")
    assert message in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("start", "total", "log", "windows"),
    [
        (0, 9, 2, [(0, 8, 2), (8, 1, 1)]),
        (4, 9, 2, [(4, 4, 2), (8, 1, 1)]),
        (8, 9, 2, [(8, 1, 1)]),
        (9, 9, 2, []),
        (0, 10, 5, [(0, 10, 5)]),
        (0, 7, 100, [(0, 7, 7)]),
        (3, 7, 100, [(3, 4, 4)]),
        # Stopped in the middle of a window: it ends where it would have.
        (3, 10, 5, [(3, 2, 2), (5, 5, 5)]),
        (3, 9, 2, [(3, 1, 1), (4, 4, 2), (8, 1, 1)]),
        (7, 8, 5, [(7, 1, 1)]),
        (7, 7, 100, []),
    ],
)
def test_windows_cover_what_is_left(
    start: int, total: int, log: int, windows: list[tuple[int, int, int]]
) -> None:
    config = change(ExperimentConfig(), train_steps=total, log_every_steps=log)
    assert split_windows(start, config) == windows


@pytest.mark.parametrize(
    ("first", "steps", "window", "every", "epochs"),
    [
        # Ends of the windows: 2 4 6 8; then 9.
        (0, 8, 2, 4, [2, 4]),
        (0, 8, 2, 3, [2, 3]),  # 3 falls in the second window, 6 ends the third.
        (0, 8, 2, 1, [1, 2, 3, 4]),
        (0, 8, 2, 100, []),
        (4, 4, 2, 4, [4]),
        (8, 1, 1, 4, [9]),  # The end of the run.
        # The rest of the window from 2 to 4, in which 3 falls.
        (3, 1, 1, 3, [4]),
        (3, 1, 1, 4, [4]),
        (5, 1, 1, 4, []),
    ],
)
def test_evaluation_comes_with_the_window_that_reaches_it(
    first: int, steps: int, window: int, every: int, epochs: list[int]
) -> None:
    config = change(
        ExperimentConfig(),
        train_steps=9,
        log_every_steps=2,
        evaluate_every_steps=every,
    )
    assert evaluation_epochs(first, steps, window, config) == epochs


def test_history_drops_a_torn_line_and_rows_beyond_a_step(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.rows() == []
    for step in (2, 4, 6):
        history.append("train", step, {"loss": float(step)})
    history.append("validation", 4, {"loss": 0.5})
    with history.path.open("a") as file:
        file.write('{"split": "train", "st')
    assert [row["step"] for row in history.rows()] == [2, 4, 6, 4]
    history.cut_after(4)
    lines = [json.loads(line) for line in history.path.read_text().splitlines()]
    assert places(lines) == [("train", 2), ("train", 4), ("validation", 4)]
    assert [row["step"] for row in history.rows("validation")] == [4]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]
