"""python -m pytest tests/test_build_vocabulary.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from beam_pipelines import word_counts
from beam_pipelines.build_vocabulary import main
from electra_keras.data.tokenizer import Vocabulary


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
    assert [file.name for file in tmp_path.iterdir()] == ["vocab.txt"]


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


def test_words_seen_once_are_dropped_from_a_large_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "words.tsv").write_bytes("둘\t2\none\t1\n".encode())
    rows = [{"file": "words.tsv", "distinct": 2}, {"counts": {"documents": 3}}]
    words, counts = word_counts.load_word_counts(tmp_path, rows)
    assert words == {"one": 1, "둘": 2}
    monkeypatch.setattr(word_counts, "PRUNE_ABOVE_WORDS", 1)
    words, counts = word_counts.load_word_counts(tmp_path, rows)
    assert words == {"둘": 2}
    assert counts == {"documents": 3, "distinct_words": 2}
