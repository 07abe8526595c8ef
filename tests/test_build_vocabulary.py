"""python -m pytest tests/test_build_vocabulary.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beam_pipelines import planning, word_counts
from beam_pipelines.build_vocabulary import main
from beam_pipelines.config import DataConfig, InputConfig
from beam_pipelines.planning import plan_job
from beam_pipelines.runners import Runner
from beam_pipelines.word_counts import WordCounts, count_corpus
from electra_keras.data.vocabulary import Vocabulary


def test_vocabulary_of_a_corpus(
    corpus_folder: Path,
    vocabulary_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "vocab.txt"
    arguments = [f"--input={corpus_folder}/*", f"--output={path}"]
    capsys.readouterr()
    assert main([*arguments, "--vocabulary_size=400"]) == 0
    out, err = capsys.readouterr()
    assert path.read_bytes() == vocabulary_file.read_bytes()
    vocabulary = Vocabulary.load(path)
    assert len(vocabulary) == 400
    assert {"국", "##국", "👍", "ㅋ", "##ㅋ", "?"} <= set(vocabulary.entries)
    assert err == ""
    assert out.count("\n") == 1
    assert "400 entries from 200 documents" in out
    assert "[UNK] rate 0.000%" in out
    names = {"vocab.txt", "vocab.txt.report.json", "vocab.txt.report.md"}
    assert {file.name for file in tmp_path.iterdir()} == names


def test_existing_file_is_refused_and_overwrite_moves_it_aside(
    corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("mine")
    arguments = [f"--input={corpus_folder}/a.txt", f"--output={path}"]
    arguments.append("--vocabulary_size=300")
    assert main(arguments) == 2
    assert "file exists" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main([*arguments, "--overwrite"]) == 0
    assert (tmp_path / "vocab.txt.old-1").read_text() == "mine"
    assert len(Vocabulary.load(path)) == 300


@pytest.mark.parametrize(
    ("text", "size", "message"),
    [
        ("", 100, "an empty corpus"),
        (" \n\n\x00\n", 100, "an empty corpus"),
        ("a few words only", 100, "at most 47"),
    ],
)
def test_poor_corpus_is_a_usage_error(
    text: str,
    size: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "text.txt").write_text(text)
    path = tmp_path / "vocab.txt"
    arguments = [f"--input={tmp_path}/text.txt", f"--output={path}"]
    assert main([*arguments, f"--vocabulary_size={size}"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not path.exists()


def test_held_out_documents_are_measured_and_not_learned_from(
    corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [f"--input={corpus_folder}/*", f"--output={tmp_path}/vocab.txt"]
    arguments += ["--vocabulary_size=300", "--validation_rate=0.3"]
    assert main(arguments) == 0
    assert "pieces per word on held-out text" in capsys.readouterr().out
    report = json.loads((tmp_path / "vocab.txt.report.json").read_text("utf-8"))
    assert 0 < report["held_out"]["words"] < report["training"]["words"]
    assert main([*arguments, "--validation_rate=0", "--overwrite"]) == 0
    whole = json.loads((tmp_path / "vocab.txt.report.json").read_text("utf-8"))
    assert whole["held_out"] is None
    total = report["held_out"]["words"] + report["training"]["words"]
    assert whole["training"]["words"] == total


def test_words_seen_once_are_dropped_from_a_large_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.txt").write_text("둘 one 둘 two two", "utf-8")
    config = DataConfig(inputs=(InputConfig(str(tmp_path / "text.txt")),))
    runner = Runner((), 1, debug=False)

    def count(folder: str) -> WordCounts:
        path = str(tmp_path / folder)
        return count_corpus(plan_job(config), config, folder=path, runner=runner)

    words = count("all")
    assert words.learned == {"one": 1, "two": 2, "둘": 2}
    assert words.counts["distinct_words"] == 3
    monkeypatch.setattr(word_counts, "PRUNE_ABOVE_WORDS", 1)
    pruned = count("pruned")
    assert pruned.learned == {"two": 2, "둘": 2}
    assert pruned.counts == words.counts


def test_same_counts_however_the_text_is_cut(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DataConfig(inputs=(InputConfig(f"{corpus_folder}/*"),))
    runner = Runner((), 1, debug=False)
    whole = count_corpus(
        plan_job(config), config, folder=str(tmp_path / "a"), runner=runner
    )
    monkeypatch.setattr(planning, "MIN_RANGE_BYTES", 5000)
    monkeypatch.setattr(word_counts, "_FLUSH_WORDS", 10)
    plan = plan_job(config)
    assert len(plan.ranges) > 5
    cut = count_corpus(plan, config, folder=str(tmp_path / "b"), runner=runner)
    assert cut == whole
