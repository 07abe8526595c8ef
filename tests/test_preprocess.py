"""python -m pytest tests/test_preprocess.py"""

from __future__ import annotations

import errno
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from beam_pipelines import shards
from beam_pipelines.preprocess import main
from electra_keras.data.features import parse_examples
from electra_keras.data.info import load_info

Capture = pytest.CaptureFixture[str]


def arguments(source: Path | str, vocabulary: Path, output: Path) -> list[str]:
    return [
        f"--input={source}",
        f"--vocabulary={vocabulary}",
        f"--output={output}",
        "--sequence_length=32",
        "--validation_rate=0.1",
    ]


@pytest.fixture(scope="module")
def data_folder(
    corpus_folder: Path,
    vocabulary_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("preprocess") / "data"
    flags = arguments(f"{corpus_folder}/*.txt", vocabulary_file, folder)
    assert main([*flags, "--shard_bytes=20000"]) == 0
    return folder


def read_split(folder: Path, split: str) -> dict[str, np.ndarray]:
    info = load_info(folder)
    files = [str(folder / shard.file) for shard in info.splits[split]]
    dataset = tf.data.TFRecordDataset(files, compression_type=info.compression)
    records = next(iter(dataset.batch(100_000)))
    rows = parse_examples(records, info.sequence_length, info.token_ids_dtype)
    return {name: value.numpy() for name, value in rows.items()}


def test_data_folder_is_what_the_reader_expects(data_folder: Path) -> None:
    info = load_info(data_folder)
    stats = json.loads((data_folder / "stats.json").read_text())
    assert len(info.splits["train"]) > 1
    assert stats["documents"]["read"] == stats["documents"]["kept"] == 200
    names = {"vocab.txt", "info.json", "stats.json", "manifest.json", "COMPLETED"}
    names |= {"config.yaml", "report.html", "data_card.md"}
    names |= {shard.file for shards in info.splits.values() for shard in shards}
    assert {path.name for path in data_folder.iterdir()} == names
    for split in ("train", "validation"):
        rows = read_split(data_folder, split)
        assert len(rows["token_ids"]) == info.examples(split)
        assert rows["padding_mask"].sum() == info.tokens(split)
        assert stats["splits"][split]["tokens"] == info.tokens(split)
        assert np.all(rows["token_ids"][:, 0] == info.special_token_ids["[CLS]"])
        assert stats["splits"][split]["padding_rate"] == pytest.approx(
            1 - rows["padding_mask"].mean(), abs=1e-6
        )
    assert info.preprocess["packing"]["seed"] == 1


def test_every_word_of_the_corpus_is_in_the_shards(
    data_folder: Path, corpus_folder: Path, vocabulary_file: Path
) -> None:
    from electra_keras.data.tokenizer import Tokenizer
    from electra_keras.data.vocabulary import Vocabulary

    tokenizer = Tokenizer(Vocabulary.load(vocabulary_file))
    text = "\n".join(path.read_text("utf-8") for path in corpus_folder.iterdir())
    expected = tokenizer.tokenize(tf.constant([text])).flat_values.numpy()
    rows = [read_split(data_folder, split) for split in ("train", "validation")]
    ids = np.concatenate([row["token_ids"].ravel() for row in rows])
    specials = list(load_info(data_folder).special_token_ids.values())
    assert np.array_equal(np.sort(ids[~np.isin(ids, specials)]), np.sort(expected))


def test_same_input_and_seed_give_the_same_bytes(
    data_folder: Path,
    corpus_folder: Path,
    vocabulary_file: Path,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    flags = arguments(f"{corpus_folder}/*.txt", vocabulary_file, tmp_path / "data")
    assert main([*flags, "--shard_bytes=20000"]) == 0
    for path in data_folder.iterdir():
        if path.name != "report.html":  # It tells how long it took.
            assert path.read_bytes() == (tmp_path / "data" / path.name).read_bytes()
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    assert "200 documents" in out and "0 documents dropped" in out


def test_uncompressed_shards_hold_the_same_examples(
    data_folder: Path, corpus_folder: Path, vocabulary_file: Path, tmp_path: Path
) -> None:
    flags = arguments(f"{corpus_folder}/*.txt", vocabulary_file, tmp_path / "data")
    flags += ["--shard_bytes=20000", "--compression=none"]
    assert main(flags) == 0
    assert load_info(tmp_path / "data").compression == ""
    expected = read_split(data_folder, "train")
    received = read_split(tmp_path / "data", "train")
    assert np.array_equal(expected["token_ids"], received["token_ids"])
    assert np.array_equal(expected["segment_ids"], received["segment_ids"])


def test_malformed_utf8_is_counted_replaced_and_reported(
    vocabulary_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    text = b"\n\n".join([b"ba \xff be", "가나 다".encode(), b"co", b"\x00 \x01"])
    (tmp_path / "text").write_bytes(gzip.compress(text))
    flags = arguments(tmp_path / "text", vocabulary_file, tmp_path / "data")
    assert main([*flags, "--validation_rate=0"]) == 0
    stats = json.loads((tmp_path / "data" / "stats.json").read_text())
    assert stats["documents"] == {
        "read": 4,
        "kept": 3,
        "measured": 3,
        "rejected": {"empty": 1},
        "malformed_utf8": 1,
        "copies": 3,
    }
    out = capsys.readouterr().out
    assert "1 had malformed UTF-8, replaced" in out
    assert "1 documents dropped (1 empty)" in out
    assert "validation" not in stats["splits"]


def test_full_folder_is_refused_and_overwrite_moves_it_aside(
    corpus_folder: Path, vocabulary_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("precious")
    flags = arguments(corpus_folder / "a.txt", vocabulary_file, tmp_path / "data")
    assert main(flags) == 2
    assert "the folder is not empty" in capsys.readouterr().err
    assert (tmp_path / "data" / "mine").read_text() == "precious"
    assert main([*flags, "--overwrite"]) == 0
    assert (tmp_path / "data.old-1" / "mine").read_text() == "precious"
    assert "data.old-1" in capsys.readouterr().out
    load_info(tmp_path / "data")


BAD_FLAGS = {
    "--input=missing-*.txt": "no file matches missing-*.txt",
    "--input=.": "is a folder",
    "--vocabulary=missing.txt": "no vocabulary file at missing.txt",
    "--sequence_length=7": "packing.sequence_length 7; expected 8 or more",
    "--sequence_length=long": "invalid int value",
    "--validation_rate=5": "Pass 0.05 for 5 percent",
    "--validation_rate=0.0001": "leaves the validation split of 120 documents empty",
    "--validation_rate=1": "leaves the train split of 120 documents empty",
    "--validaton_rate=0.1": "did you mean --validation_rate?",
    "--runer=FnApiRunner": "did you mean --runner?",
    "--direct_running_mode=multi_threading": "loses records",
    "more.txt": "unexpected argument 'more.txt'",
}


@pytest.mark.parametrize("flag", BAD_FLAGS)
def test_bad_flag_is_one_line_and_exit_code_2(
    flag: str,
    corpus_folder: Path,
    vocabulary_file: Path,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    flags = arguments(corpus_folder / "a.txt", vocabulary_file, tmp_path / "data")
    try:
        code = main([*flags, flag])
    except SystemExit as exit:
        code = exit.code  # type: ignore[assignment]
    err = capsys.readouterr().err
    assert (code, err.count("\n")) == (2, 1)
    assert BAD_FLAGS[flag] in err
    assert list(tmp_path.iterdir()) == []


def test_empty_corpus_is_a_usage_error(
    vocabulary_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "text").write_bytes(b" \n\n")
    flags = arguments(tmp_path / "text", vocabulary_file, tmp_path / "data")
    assert main(flags) == 2
    assert "an empty corpus" in capsys.readouterr().err


def test_truncated_gzip_fails_and_leaves_nothing(
    vocabulary_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    text = "\n\n".join(str(i**3) for i in range(9000)).encode()
    (tmp_path / "text.gz").write_bytes(gzip.compress(text)[:-9])
    flags = arguments(tmp_path / "text.gz", vocabulary_file, tmp_path / "data")
    assert main(flags) == 1
    err = capsys.readouterr().err
    assert "text.gz is a truncated or damaged gzip file" in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["text.gz"]


def test_full_disk_fails_in_one_line_and_can_be_resumed(
    corpus_folder: Path,
    vocabulary_file: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def encode_rows(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").touch()
    flags = arguments(corpus_folder / "a.txt", vocabulary_file, tmp_path / "data")
    with monkeypatch.context() as patch:
        patch.setattr(shards, "encode_rows", encode_rows)
        assert main([*flags, "--overwrite"]) == 1
    err = capsys.readouterr().err
    assert "the disk is full" in err
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["mine"]
    assert main([*flags, "--overwrite", "--resume"]) == 0
    load_info(tmp_path / "data")
    assert {path.name for path in tmp_path.iterdir()} == {"data", "data.old-1"}


def test_lost_documents_fail_the_job(
    corpus_folder: Path,
    vocabulary_file: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_shard = shards.write_shard
    monkeypatch.setattr(
        shards, "write_shard", lambda key, d, s: write_shard(key, [], s)
    )
    flags = arguments(corpus_folder / "a.txt", vocabulary_file, tmp_path / "data")
    assert main(flags) == 1
    assert "documents at the end of the run; expected 120" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_debug_shows_the_traceback(vocabulary_file: Path, tmp_path: Path) -> None:
    flags = arguments(tmp_path / "missing", vocabulary_file, tmp_path / "data")
    with pytest.raises(ValueError, match="no file matches"):
        main([*flags, "--debug"])


def test_help_teaches(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["--help"])
    assert exit.value.code == 0
    text = capsys.readouterr().out
    for word in (
        "documents are separated by blank lines",
        "examples:",
        "(default: 128)",
    ):
        assert word in text


def test_input_takes_the_place_of_the_path_of_a_config(
    vocabulary_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "c.yaml").write_text("inputs: [{path: x, format: lines}]")
    (tmp_path / "text.txt").write_text("\n".join(["ba be", "co de", "fa la"] * 9))
    flags = arguments(tmp_path / "text.txt", vocabulary_file, tmp_path / "data")
    flags += [f"--config={tmp_path / 'c.yaml'}", "--keep_duplicates"]
    assert main([*flags, "--validation_rate=0"]) == 0
    assert "27 documents" in capsys.readouterr().out
    (tmp_path / "c.yaml").write_text("inputs: [{path: x}, {path: y}]")
    assert main(flags) == 2
    assert "--input with the 2 inputs of" in capsys.readouterr().err


def test_files_that_are_not_utf8_are_an_error(
    vocabulary_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "text.txt").write_bytes("가나 다\n\n라\n\nba\n\n마".encode("cp949"))
    flags = arguments(tmp_path / "text.txt", vocabulary_file, tmp_path / "data")
    flags.append("--validation_rate=0")
    assert main(flags) == 2
    assert "iconv -f CP949 -t UTF-8" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]
    assert main([*flags, "--set=read.max_malformed_rate=1"]) == 0


def test_one_long_document_hints_at_lines(
    vocabulary_file: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "text.txt").write_text("ba be\nco de\nfa la\n")
    flags = arguments(tmp_path / "text.txt", vocabulary_file, tmp_path / "data")
    assert main(flags) == 2
    assert "pass --format=lines" in capsys.readouterr().err


def test_a_setting_without_a_flag_is_named(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["--min_characters=5"])
    assert "--set filters.min_characters=VALUE" in capsys.readouterr().err
