"""python -m pytest tests/test_retrieval_trial.py"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from retrieval_fixtures import quick_config, write_pairs
from tasks_fixtures import make_finder
from test_trial import newest_weights

from electra_keras.finetuning import resumable_fit
from electra_keras.finetuning.retrieval.chat_pairs import read_chat_pairs
from electra_keras.finetuning.retrieval.chat_vectors import EncodedChat
from electra_keras.finetuning.retrieval.retrieval_trial import (
    RetrievalTrial,
    read_retrieval_result,
)
from electra_keras.interchange.sources import open_pretrained
from electra_keras.training.history import History
from electra_keras.training.saver import Saver


@pytest.fixture(scope="module")
def make_trial(run_folder: Path, tmp_path_factory: pytest.TempPathFactory):
    source = open_pretrained(run_folder)
    path = write_pairs(tmp_path_factory.mktemp("pairs") / "pairs.csv")

    def make(folder: Path, **training: object) -> RetrievalTrial:
        config = quick_config(**training)
        finder = make_finder(source.vocabulary.entries)
        chat = EncodedChat.of(read_chat_pairs(path, config), finder, 12)
        return RetrievalTrial(
            *(config, chat, source), seed=3, folder=folder, fingerprint="f"
        )

    return make


def test_tuning_finds_answers_that_the_plain_network_does_not(chatbot_folder: Path):
    folder = chatbot_folder / "trial-3"
    rows = History(folder).rows("validation")
    assert [row["step"] for row in rows] == [
        0,
        *(rows[1]["step"] * n for n in (1, 2, 3, 4)),
    ]
    assert rows[-1]["task_score"] > rows[0]["task_score"] + 0.1
    result = read_retrieval_result(folder)
    assert result is not None and result.seed == 3
    assert result.score == max(row["task_score"] for row in rows)
    assert result.score == pytest.approx(
        next(r["questions_mrr"] for r in rows if r["step"] == result.step)
    )
    train = History(folder).rows("train")
    assert train[-1]["contrastive_loss"] < train[0]["contrastive_loss"]
    assert train[-1]["partner_accuracy"] > train[0]["partner_accuracy"]
    assert list(folder.glob("logs/train/events.out.tfevents*"))
    assert (folder / "curves.png").stat().st_size > 1_000


def test_a_stopped_trial_goes_on_as_if_it_had_not(
    make_trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_trial(tmp_path / "whole", epochs=1.0).run()

    class Signalling(Saver):
        def on_train_batch_end(self, batch: int, logs=None) -> None:
            if self.pretrainer.global_step == 4:
                os.kill(os.getpid(), signal.SIGTERM)
            super().on_train_batch_end(batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(resumable_fit, "Saver", Signalling)
        with pytest.raises(SystemExit):
            make_trial(tmp_path / "t", epochs=1.0).run()
    assert read_retrieval_result(tmp_path / "t") is None
    resumed = make_trial(tmp_path / "t", epochs=1.0).run()
    assert (resumed.step, resumed.score) == (whole.step, whole.score)
    ours, theirs = newest_weights(tmp_path / "t"), newest_weights(tmp_path / "whole")
    assert ours.keys() == theirs.keys() and len(ours) > 50
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    before = sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("*"))
    assert make_trial(tmp_path / "t", epochs=1.0).run() == resumed
    assert sorted(path.stat().st_mtime_ns for path in tmp_path.rglob("*")) == before
