"""python -m pytest tests/test_inspect.py"""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beam_pipelines.inspect import main

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[1]

# The examples 0 to 3 of the fixtures, see conftest.py.
FIRST = "[CLS] 가 가 [SEP] [UNK] [SEP]"
SECOND = "[CLS] 가 나 바 사 [SEP]"


def show(capsys: Capture, *flags: Any) -> list[str]:
    assert main([str(flag) for flag in flags]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


@pytest.fixture
def dense_folder(make_data_folder: Any) -> Path:
    """One example of three blocks."""
    import tensorflow as tf

    from electra_keras.data.features import encode_example

    folder = make_data_folder(train=(1,), validation=())
    info = json.loads((folder / "info.json").read_text("utf-8"))
    ids = [2, 6, 3, 2, 7, 7, 3, 2, 8, 3]
    shard = info["splits"]["train"][0]
    path = folder / shard["file"]
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        writer.write(encode_example(ids, len(ids), block_tokens=[3, 4, 3]))
    data = path.read_bytes()
    shard |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    info["packing"] = "dense"
    (folder / "info.json").write_text(json.dumps(info), "utf-8")
    return folder


@pytest.fixture
def rejecting_folder(tmp_path: Path) -> Path:
    rows = [
        {"reason": "too_short", "source": "a.txt", "offset": 7, "id": "", "text": "굿"},
        {
            "reason": "duplicate",
            "source": "b.txt",
            "offset": 1_234,
            "id": "review-5",
            "text": "정말\n좋은 영화\x1b[31m",
        },
    ]
    (tmp_path / "rejected").mkdir()
    for place, row in enumerate(rows):
        line = json.dumps(row, ensure_ascii=False) + "\n"
        path = tmp_path / f"rejected/part-{place}.jsonl.gz"
        path.write_bytes(gzip.compress(line.encode()))
    return tmp_path


def test_shows_tokens_under_headings(data_folder: Path, capsys: Capture) -> None:
    assert show(capsys, data_folder, "--count=2") == [
        f"{data_folder}: 300 train examples, 45 validation examples in 4 shards, "
        "reference rows of at most 16 tokens, vocabulary of 40",
        "",
        "train 0: 6 tokens, 4 in the first segment (train-00000-of-00003.tfrecord.gz)",
        FIRST,
        "",
        "train 1: 6 tokens, one segment (train-00000-of-00003.tfrecord.gz)",
        SECOND,
    ]


def test_skip_opens_later_shards_only(data_folder: Path, capsys: Capture) -> None:
    flags = ["--count=2", "--json"]
    before = [json.loads(x) for x in show(capsys, data_folder, "--count=123", "--json")]
    rows = [json.loads(x) for x in show(capsys, data_folder, "--skip=119", *flags)]
    assert rows == before[119:121]
    assert [row["number"] for row in rows] == [119, 120]
    assert [row["shard"][:11] for row in rows] == ["train-00000", "train-00001"]
    assert show(capsys, data_folder, "--skip=300", *flags) == []


def test_json_holds_ids_and_segments(data_folder: Path, capsys: Capture) -> None:
    (line,) = show(capsys, data_folder, "--count=1", "--json")
    assert json.loads(line) == {
        "split": "train",
        "number": 0,
        "shard": "train-00000-of-00003.tfrecord.gz",
        "token_ids": [2, 6, 6, 3, 1, 3],
        "tokens": FIRST.split(),
        "segment_ids": [0, 0, 0, 0, 1, 1],
    }


def test_grep_joins_pieces_and_forgets_spaces(
    data_folder: Path, capsys: Capture
) -> None:
    lines = show(capsys, data_folder, "--json", "--grep=가 나바", "--count=1")
    assert [json.loads(line)["tokens"] for line in lines] == [SECOND.split()]
    # "하" is followed by "##가" and "##나" where words count up.
    lines = show(capsys, data_folder, "--json", "--grep=하가나a", "--count=3")
    found = [json.loads(line) for line in lines]
    assert len(found) == 3
    assert all("하 ##가 ##나 a" in " ".join(row["tokens"]) for row in found)
    flags = ["--json", "--grep=하가나a", "--count=1", "--skip=2"]
    assert json.loads(*show(capsys, data_folder, *flags)) == found[2]
    assert len(show(capsys, data_folder, "--grep=zzz")) == 1


def test_ids_stand_behind_the_tokens(data_folder: Path, capsys: Capture) -> None:
    lines = show(capsys, data_folder, "--ids", "--count=1", "--split=train")
    assert lines[-1] == "[CLS]/2 가/6 가/6 [SEP]/3 [UNK]/1 [SEP]/3"


def test_segments_have_colours(
    data_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = show(capsys, data_folder, "--count=1")
    assert "\x1b[2m[CLS]\x1b[0m \x1b[36m가\x1b[0m" in lines[-1]
    assert "\x1b[1;31m[UNK]\x1b[0m" in lines[-1]
    (row,) = [
        line for line in show(capsys, data_folder, "--count=4") if "[CLS]" in line
    ][3:]
    assert "\x1b[36m" in row and "\x1b[33m" in row
    plain = show(capsys, data_folder, "--count=4", "--plain")
    assert "\x1b" not in "".join(plain)


def test_blocks_of_dense_rows_take_turns(
    dense_folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = show(capsys, dense_folder)
    assert "dense rows of at most 16 tokens" in lines[0]
    assert lines[2].startswith("train 0: 10 tokens in 3 blocks (")
    assert lines[3] == "[CLS] 가 [SEP] [CLS] 나 나 [SEP] [CLS] 다 [SEP]"
    (line,) = show(capsys, dense_folder, "--json")
    assert json.loads(line)["block_ids"] == [1, 1, 1, 2, 2, 2, 2, 3, 3, 3]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    line = show(capsys, dense_folder)[3]
    assert "\x1b[36m가" in line and "\x1b[33m나" in line and "\x1b[36m다" in line


def test_rejected_documents(rejecting_folder: Path, capsys: Capture) -> None:
    assert show(capsys, rejecting_folder, "--rejected") == [
        *("too_short: a.txt, at 7", "굿", ""),
        *("duplicate: b.txt, at 1,234, id review-5", "정말", "좋은 영화‹U+001B›[31m"),
        "",
    ]
    lines = show(capsys, rejecting_folder, "--rejected=too_short", "--json")
    assert [json.loads(line)["offset"] for line in lines] == [7]
    lines = show(capsys, rejecting_folder, "--rejected", "--grep=정말좋은", "--json")
    assert [json.loads(line)["id"] for line in lines] == ["review-5"]
    lines = show(capsys, rejecting_folder, "--rejected", "--skip=1", "--json")
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--split=test"], "--split=test; expected one of train, validation"),
        (["--count=0"], "--count=0; expected 1 or more"),
        (["--skip=-1"], "--skip=-1; expected 0 or more"),
        (["--rejected"], "has no rejected documents; expected files in rejected/"),
    ],
)
def test_wrong_options_are_refused(
    data_folder: Path, capsys: Capture, flags: list[str], message: str
) -> None:
    assert main([str(data_folder), *flags]) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1


def test_damage_is_told(
    make_data_folder: Any, rejecting_folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert main([str(tmp_path / "none")]) == 2
    assert main([str(rejecting_folder), "--rejected=too_long"]) == 2
    assert "expected one of duplicate, too_short." in capsys.readouterr().err
    path = rejecting_folder / "rejected/part-0.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-9])
    assert main([str(rejecting_folder), "--rejected"]) == 1
    assert "part-0.jsonl.gz is damaged" in capsys.readouterr().err
    folder = make_data_folder(train=(9,), validation=())
    shard = next(folder.glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-20])
    assert main([str(folder), "--count=20"]) == 1
    assert "tfrecord.gz is damaged" in capsys.readouterr().err


def test_closed_pipe_is_no_error(rejecting_folder: Path) -> None:
    row = {"reason": "empty", "source": "c", "offset": 0, "id": "", "text": "x" * 900}
    lines = (json.dumps(row) + "\n").encode() * 500
    (rejecting_folder / "rejected/z.jsonl.gz").write_bytes(gzip.compress(lines))
    command = [sys.executable, "-m", "beam_pipelines.inspect", str(rejecting_folder)]
    with subprocess.Popen(
        [*command, "--rejected", "--count=500"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"too_short: a.txt, at 7\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_help_teaches(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "  python -m beam_pipelines.inspect data" in capsys.readouterr().out
