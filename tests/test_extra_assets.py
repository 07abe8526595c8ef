"""python -m pytest tests/test_extra_assets.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.serving.extra_assets import held_out_metrics, write_extra_assets
from electra_keras.serving.served_text import ServedText
from electra_keras.training.saved_run import RunRecord, read_run


@pytest.fixture(scope="module")
def run(run_folder: Path) -> RunRecord:
    return read_run(run_folder)


@pytest.fixture
def extra(run: RunRecord, tmp_path: Path) -> Path:
    """`assets.extra` of a version with two signatures."""
    text = ServedText(Tokenizer(run.vocabulary, run.info.tokenizer), 12)
    names = ("tokenize", "score")
    write_extra_assets(run, text, names, tmp_path, with_generator=False)
    return tmp_path / "assets.extra"


def test_files_are_these(run: RunRecord, extra: Path) -> None:
    copied = {"config.yaml", "data_info.json", "vocab.txt"}
    assert {path.name for path in extra.iterdir()} == {
        *copied,
        *("README.md", "export.json", "metrics.json", "tf_serving_warmup_requests"),
    }
    for name in copied:
        assert (extra / name).read_bytes() == (run.folder / name).read_bytes()
    assert json.loads((extra / "export.json").read_text()) == {
        "step": 9,
        "trained_sequence_length": 16,
        "sequence_length": 12,
        "with_generator": False,
        "signatures": ["score", "tokenize"],
    }


def test_metrics_are_the_last_of_the_run_up_to_the_checkpoint(
    run: RunRecord, extra: Path
) -> None:
    rows = [json.loads(x) for x in (run.folder / "metrics.jsonl").open()]
    (last,) = (r for r in rows if (r["split"], r["step"]) == ("validation", 9))
    assert json.loads((extra / "metrics.json").read_text()) == last
    checkpoint = dataclasses.replace(run.checkpoint, step=6)
    earlier = dataclasses.replace(run, checkpoint=checkpoint)
    assert held_out_metrics(earlier)["step"] == 4


def test_nothing_evaluated_is_said_and_not_made_up(
    run: RunRecord, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "run"
    elsewhere.mkdir()
    for name in ("config.yaml", "data_info.json", "vocab.txt"):
        (elsewhere / name).write_bytes((run.folder / name).read_bytes())
    text = ServedText(Tokenizer(run.vocabulary, run.info.tokenizer), 12)
    other = dataclasses.replace(run, folder=elsewhere)
    write_extra_assets(other, text, ("tokenize",), tmp_path, with_generator=False)
    extra = tmp_path / "assets.extra"
    assert not (extra / "metrics.json").exists()
    assert "Nothing was evaluated." in (extra / "README.md").read_text()


def test_history_comes_along_without_its_paths(run: RunRecord, tmp_path: Path) -> None:
    elsewhere = Path(shutil.copytree(run.folder, tmp_path / "run"))
    measured = '{"split": "validation", "loss": 12.5, "step": 9.0}'
    (elsewhere / "evaluation.json").write_text(measured)
    began = {"source": "/home/a/models/b", "kind": "tf1", "sha256": "12ab"}
    (elsewhere / "initial_weights.json").write_text(json.dumps(began))
    text = ServedText(Tokenizer(run.vocabulary, run.info.tokenizer), 12)
    other = dataclasses.replace(run, folder=elsewhere)
    write_extra_assets(other, text, ("tokenize",), tmp_path, with_generator=False)
    extra = tmp_path / "assets.extra"
    assert (extra / "evaluation.json").read_text() == measured
    known = json.loads((extra / "initial_weights.json").read_text())
    assert known == began | {"source": "b"}


def test_card_says_what_the_model_is(extra: Path) -> None:
    card = (extra / "README.md").read_text("utf-8")
    assert "A SavedModel of step 9" in card
    assert "Rows are cut at 12 tokens" in card
    assert "| objective | `electra`" in card
    assert "At step 9:" in card and "| `disc_loss` | " in card
    assert "`electra_keras.evaluate` has not run" in card
