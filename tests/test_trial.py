"""python -m pytest tests/test_trial.py"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tasks_fixtures import make_finder, text_task

from electra_keras.finetuning import resumable_fit
from electra_keras.finetuning.task_data import load_task_data
from electra_keras.finetuning.trial import Trial, read_result
from electra_keras.interchange.sources import open_pretrained
from electra_keras.training.history import History
from electra_keras.training.saver import Saver


@pytest.fixture(scope="module")
def make_trial(run_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    files = tmp_path_factory.mktemp("files")
    source = open_pretrained(run_folder)
    finder = make_finder(source.vocabulary.entries)

    def make(folder: Path, *settings: str, **options) -> Trial:
        config = text_task(files, *settings)
        data = load_task_data(config, finder)
        return Trial(config, data, source, seed=3, folder=folder, **options)

    return make


def newest_weights(folder: Path) -> dict[str, np.ndarray]:
    (checkpoint,) = sorted(folder.glob("checkpoints/step-*/variables.index"))[-1:]
    reader = tf.train.load_checkpoint(str(checkpoint.with_suffix("")))
    names = [name for name in reader.get_variable_to_shape_map() if "variables" in name]
    return {name: reader.get_tensor(name) for name in names}


def test_a_trial_learns_and_is_only_read_once_finished(
    make_trial, tmp_path: Path
) -> None:
    trial = make_trial(tmp_path / "t", "training.epochs=12")
    result = trial.run()
    assert result.seed == 3
    assert result.figures["validation"]["accuracy"] > 0.8
    scores = [row["task_score"] for row in History(tmp_path / "t").rows("validation")]
    assert len(scores) == 13  # Before the first step, and after each epoch.
    assert result.score == max(scores)
    assert result.step == 12 * scores.index(max(scores))
    lines = (tmp_path / "t/validation_predictions.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in lines.splitlines()]
    right = [row["label"] == row["prediction"]["label"] for row in rows]
    assert np.mean(right) == pytest.approx(result.score)
    assert (tmp_path / "t/curves.png").stat().st_size > 1_000
    before = sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("*"))
    assert trial.run() == result == read_result(tmp_path / "t")
    assert sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("*")) == before


def test_a_stopped_trial_goes_on_as_if_it_had_not(
    make_trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("training.epochs=2", "training.dropout_rate=0.2")
    whole = make_trial(tmp_path / "whole", *settings).run()

    class Signalling(Saver):
        def on_train_batch_end(self, batch: int, logs=None) -> None:
            if self.pretrainer.global_step == 17:
                os.kill(os.getpid(), signal.SIGTERM)
            super().on_train_batch_end(batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(resumable_fit, "Saver", Signalling)
        with pytest.raises(SystemExit):
            make_trial(tmp_path / "t", *settings).run()
    assert read_result(tmp_path / "t") is None
    resumed = make_trial(tmp_path / "t", *settings).run()
    assert resumed.figures == whole.figures and resumed.step == whole.step
    lean = make_trial(tmp_path / "lean", *settings, with_report=False).run()
    assert lean.figures == whole.figures
    assert {path.name for path in (tmp_path / "whole").iterdir()} - {
        path.name for path in (tmp_path / "lean").iterdir()
    } == {"validation_predictions.jsonl", "curves.png"}
    ours, theirs = newest_weights(tmp_path / "t"), newest_weights(tmp_path / "whole")
    assert ours.keys() == theirs.keys() and len(ours) > 50
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def test_from_scratch_no_weights_are_taken(make_trial, tmp_path: Path) -> None:
    tuners = [
        make_trial(tmp_path / "a", from_scratch=from_scratch)._build()
        for from_scratch in (False, True)
    ]
    tables = [
        {v.path: v for v in tuner.objective.networks["task"].variables}[
            "embeddings/token_embeddings"
        ]
        for tuner in tuners
    ]
    assert np.abs(tables[0].numpy() - tables[1].numpy()).max() > 0.01
    assert tuners[1].optimizer.variable_rates["embeddings/token_embeddings"] == 1.0
    assert tuners[0].optimizer.variable_rates["embeddings/token_embeddings"] == 0.8**3


def test_a_trial_stops_when_it_gets_no_better(make_trial, tmp_path: Path) -> None:
    settings = ("training.patience_epochs=2", "training.epochs=30")
    trial = make_trial(tmp_path / "t", *settings, "training.learning_rate=1e-9")
    result = trial.run()
    steps = [row["step"] for row in History(tmp_path / "t").rows("validation")]
    assert steps[-1] < 30 * 12
    assert result.step < steps[-1]


def test_two_replicas_learn_what_one_does(
    run_folder: Path, two_cpus: str, tmp_path: Path
) -> None:
    code = f"""{two_cpus}
import json, sys
from pathlib import Path
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from tasks_fixtures import make_finder, text_task
from electra_keras.finetuning.task_data import load_task_data
from electra_keras.finetuning.trial import Trial
from electra_keras.interchange.sources import open_pretrained
source = open_pretrained({str(run_folder)!r})
for strategy in ("none", "mirrored"):
    folder = Path({str(tmp_path)!r})
    config = text_task(folder, f"training.strategy={{strategy}}", "training.epochs=1",
                       "training.dropout_rate=0", "training.batch_size=10")
    data = load_task_data(config, make_finder(source.vocabulary.entries))
    Trial(config, data, source, seed=3, folder=folder / strategy).run()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
    one, two = newest_weights(tmp_path / "none"), newest_weights(tmp_path / "mirrored")
    weights = [name for name in one if "networks" in name]
    assert len(weights) > 30
    for name in weights:
        np.testing.assert_allclose(two[name], one[name], atol=2e-5, err_msg=name)
