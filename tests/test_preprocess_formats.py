"""Every input, setting and stage through the whole command.

python -m pytest tests/test_preprocess_formats.py
"""

from __future__ import annotations

import bz2
import csv
import dataclasses
import gzip
import io
import json
import lzma
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from beam_pipelines.preprocess import main
from electra_keras.data.info import load_info

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CLS, SEP = 2, 3
WORDS = (
    *(f"w{number}" for number in range(60)),
    *("가", "나", "다", "라", "영화", "정말", "재미", "있다"),
    *(".", "!", "-", "@", "0000", "000", "010", "1234", "5678"),
    *("email", "example", "com", "lee"),
)
IDS = {word: len(SPECIALS) + number for number, word in enumerate(WORDS)}


@dataclasses.dataclass(frozen=True)
class Command:
    """Runs the command in a folder of its own."""

    folder: Path

    def run(self, *flags: str, output: str = "data") -> dict[str, Any]:
        """Runs; gives `stats.json`, in which every document is accounted for."""
        vocabulary = self.folder / "vocab.txt"
        vocabulary.write_text("\n".join([*SPECIALS, *WORDS]) + "\n")
        common = ("--sequence_length=32", "--validation_rate=0")
        paths = (f"--vocabulary={vocabulary}", f"--output={self.folder / output}")
        assert main([*paths, *common, *flags]) == 0
        stats = json.loads((self.folder / output / "stats.json").read_text())
        documents = stats["documents"]
        assert documents["read"] == documents["kept"] + sum(
            documents["rejected"].values()
        )
        return stats

    def hashes(self, output: str = "data") -> list[str]:
        """The hashes of all shards."""
        splits = load_info(self.folder / output).splits
        return [shard.sha256 for shards in splits.values() for shard in shards]

    def rows(self, split: str = "train", output: str = "data") -> dict[str, Any]:
        """What a training would read of a split."""
        import tensorflow as tf

        from electra_keras.data.features import parse_examples

        info = load_info(self.folder / output)
        files = [str(self.folder / output / s.file) for s in info.splits[split]]
        records = tf.data.TFRecordDataset(files, compression_type=info.compression)
        batch = next(iter(records.batch(100_000)))
        rows = parse_examples(
            batch, info.sequence_length, info.token_ids_dtype, info.packing
        )
        return {name: value.numpy() for name, value in rows.items()}

    def texts(self, split: str = "train", output: str = "data") -> list[list[int]]:
        """The ids of each block of each row, without specials."""
        rows = self.rows(split, output)
        blocks = rows.get("block_ids", rows["padding_mask"])
        return [
            [id for id in ids[blocks_of == block].tolist() if id not in (CLS, SEP)]
            for ids, blocks_of in zip(rows["token_ids"], blocks, strict=True)
            for block in range(1, blocks_of.max() + 1)
        ]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def make_documents(count: int, lines: int = 4, seed: int = 0) -> list[str]:
    choose = random.Random(seed)
    return [
        "\n".join(
            " ".join(choose.choices(WORDS[:64], k=choose.randint(2, 9))) + "."
            for _ in range(choose.randint(1, lines))
        )
        for _ in range(count)
    ]


def encode(text: str) -> list[int]:
    return [IDS[word] for word in text.replace(".", " .").split()]


def write_text(path: Path, documents: list[str]) -> None:
    path.write_text("\n\n".join(documents) + "\n")


def make_table(documents: list[str], separator: str) -> bytes:
    stream = io.StringIO(newline="")
    table = csv.writer(stream, delimiter=separator, lineterminator="\r\n")
    table.writerow(["number", "본문"])
    table.writerows(enumerate(documents))
    return stream.getvalue().encode()


def make_jsonl(documents: list[str]) -> bytes:
    rows = [{"data": {"body": text}, "n": 1} for text in documents]
    return "\n".join(map(json.dumps, rows)).encode()


def make_parquet(documents: list[str]) -> bytes:
    stream = io.BytesIO()
    table = pa.table({"data": [{"body": text} for text in documents]})
    pq.write_table(table, stream, row_group_size=13, compression="zstd")
    return stream.getvalue()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor().compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
NESTED = "--text_key=data.body"
FORMATS: dict[str, tuple[Callable[[list[str]], bytes], tuple[str, ...]]] = {
    "text": (lambda texts: "\n\n".join(texts).encode(), ()),
    "jsonl": (make_jsonl, (NESTED,)),
    "parquet": (make_parquet, (NESTED,)),
    "csv": (lambda texts: make_table(texts, ","), ("--text_key=본문",)),
    "tsv": (lambda texts: make_table(texts, "\t"), ("--text_key=본문",)),
    "lines": (lambda texts: "\n".join(texts).encode(), ("--format=lines",)),
}
CASES = [
    *(("jsonl", suffix) for suffix in COMPRESS),
    *(("text", suffix) for suffix in ("gz", "zst", "bz2", "xz")),
    *[("parquet", ""), ("csv", ""), ("csv", "zst"), ("tsv", ""), ("tsv", "gz")],
    *[("lines", ""), ("lines", "xz")],
]


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """Hashes of the shards of plain text, by the lines a document may have."""
    found = {}
    for lines in (1, 4):
        command = Command(tmp_path_factory.mktemp("twin"))
        write_text(command.folder / "a.txt", make_documents(60, lines))
        command.run(f"--input={command.folder}/a.txt", "--validation_rate=0.2")
        found[lines] = command.hashes()
    return found


@pytest.mark.parametrize(("format", "suffix"), CASES)
def test_same_documents_give_the_same_shards(
    format: str, suffix: str, command: Command, twins: dict[int, list[str]]
) -> None:
    # No cell of a table without quotes, and no line, holds a line end.
    lines = 1 if format in ("lines", "tsv") else 4
    write, flags = FORMATS[format]
    name = f"a.{format}" + (f".{suffix}" if suffix else "")
    content = COMPRESS[suffix](write(make_documents(60, lines)))
    (command.folder / name).write_bytes(content)
    stats = command.run(
        f"--input={command.folder}/{name}", *flags, "--validation_rate=0.2"
    )
    assert stats["documents"]["read"] == 60
    assert len(twins[lines]) == 2
    assert command.hashes() == twins[lines]


def test_many_ranges_and_shards_hold_what_one_of_each_holds(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from beam_pipelines import planning

    write_text(command.folder / "a.txt", make_documents(60))
    flags = (f"--input={command.folder}/a.txt", "--packing=short")
    command.run(*flags)
    monkeypatch.setattr(planning, "MIN_RANGE_BYTES", 100)
    command.run(*flags, "--shard_bytes=1000", output="many")
    assert len(command.hashes("many")) > 3
    assert sorted(command.texts()) == sorted(command.texts(output="many"))


def test_sentences_are_split_where_a_document_is_a_line(command: Command) -> None:
    documents = ["영화 정말 재미 있다. 가 나 다 라. 영화 있다!", "재미 있다! 가 있다."]
    (command.folder / "a.txt").write_text("\n".join(documents))
    flags = (f"--input={command.folder}/a.txt", "--single_segment_rate=0")
    stats = command.run(*flags, "--format=lines")
    assert stats["splits"]["train"]["lines"] == 5
    rows = command.rows()
    for ids, segments in zip(rows["token_ids"], rows["segment_ids"], strict=True):
        *_, last, sep = ids[(segments == 0) & (ids > 0)].tolist()
        assert sep == SEP
        assert last in (IDS["."], IDS["!"])
    stats = command.run(
        *flags, "--format=lines", "--set=clean.split_sentences=never", output="whole"
    )
    assert stats["splits"]["train"]["lines"] == 2


TURNS = [
    [{"who": who, "say": f"{word} {word}"} for who, word in turns]
    for turns in (
        [("a", "w1"), ("a", "w1"), ("b", "w2"), ("a", "w1")],
        [("b", "w2"), ("a", "w1"), ("b", "w2"), ("b", "w2"), ("a", "w1")],
        [("a", "w1"), ("b", "w2")],
    )
]


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_segments_change_where_the_speaker_does(format: str, command: Command) -> None:
    """Speaker a says nothing but w1 and b nothing but w2, so a change shows."""
    path = command.folder / f"a.{format}"
    if format == "jsonl":
        lines = [json.dumps({"talk": {"turns": turns}}) for turns in TURNS]
        path.write_text("\n".join(lines))
    else:
        pq.write_table(pa.table({"talk": [{"turns": turns} for turns in TURNS]}), path)
    config = command.folder / "config.yaml"
    config.write_text(
        f"inputs:\n- path: {path}\n  turns_key: talk.turns\n"
        "  speaker_key: who\n  turn_text_key: say\n"
        "packing:\n  single_segment_rate: 0\n  short_example_rate: 0\n"
    )
    command.run(f"--config={config}", "--sequence_length=16")
    rows = command.rows()
    assert len(rows["token_ids"]) == 3
    for ids, segments in zip(rows["token_ids"], rows["segment_ids"], strict=True):
        first = [id for id in ids[segments == 0].tolist() if id > SEP]
        second = [id for id in ids[segments == 1].tolist() if id > SEP]
        assert {first[-1], second[0]} == {IDS["w1"], IDS["w2"]}


def test_turns_that_are_plain_texts_change_the_speaker(command: Command) -> None:
    (command.folder / "a.jsonl").write_text('{"turns": ["w1 w2", "w3", "w4 w5"]}')
    flags = ("--turns_key=turns", "--single_segment_rate=0", "--short_example_rate=0")
    command.run(f"--input={command.folder}/a.jsonl", *flags)
    rows = command.rows()
    w1, w2, w3, w4, w5 = (IDS[f"w{number}"] for number in range(1, 6))
    expected = [CLS, w1, w2, SEP, w3, w4, w5, SEP]
    assert rows["token_ids"][0, :8].tolist() == expected
    assert rows["segment_ids"][0, :8].tolist() == [0] * 4 + [1] * 4


def write_weighted_inputs(command: Command) -> Path:
    """Documents of one word, so that each can be counted in the examples."""
    names = ("half", "twice", "once", "none")
    weights = dict(zip(names, (0.5, 2, 1, 0), strict=True))
    lines = ["inputs:"]
    for number, name in enumerate(names):
        words = WORDS[15 * number : 15 * number + 15]
        write_text(command.folder / f"{name}.txt", list(words))
        lines += [f"- path: {command.folder}/{name}.txt", f"  name: {name}"]
        lines += [f"  weight: {weights[name]}"]
    config = command.folder / "config.yaml"
    config.write_text("\n".join(lines))
    return config


def test_weights_repeat_and_leave_out_documents(command: Command) -> None:
    config = write_weighted_inputs(command)
    stats = command.run(f"--config={config}", "--packing=short")
    assert stats["documents"] == {
        "read": 60,
        "kept": 36,
        "measured": 60,
        "rejected": {"sampled_out": 24},
        "malformed_utf8": 0,
        "copies": 51,
    }
    kept = {name: part["kept"] for name, part in stats["inputs"].items()}
    assert kept == {"half": 6, "twice": 15, "once": 15, "none": 0}
    assert [part["weight"] for part in stats["inputs"].values()] == [0.5, 2, 1, 0]
    found = Counter(text[0] for text in command.texts())
    counts = [
        Counter(found[IDS[w]] for w in WORDS[i : i + 15]) for i in range(0, 60, 15)
    ]
    assert counts == [{1: 6, 0: 9}, {2: 15}, {1: 15}, {0: 15}]


def test_held_out_documents_never_repeat(command: Command) -> None:
    config = write_weighted_inputs(command)
    stats = command.run(
        f"--config={config}", "--packing=short", "--validation_rate=0.3"
    )
    held_out = stats["splits"]["validation"]
    assert (
        held_out["copies"] == held_out["documents"] == len(command.texts("validation"))
    )
    assert not set(map(tuple, command.texts())) & set(
        map(tuple, command.texts("validation"))
    )


def test_limit_reads_the_first_documents(command: Command) -> None:
    write_text(command.folder / "a.txt", list(WORDS[:10]))
    write_text(command.folder / "b.txt", list(WORDS[10:20]))
    flags = (f"--input={command.folder}/?.txt", "--packing=short")
    stats = command.run(*flags, "--limit=12")
    assert stats["documents"]["read"] == 12
    expected = sorted([IDS[word]] for word in WORDS[:12])
    assert sorted(command.texts()) == expected
    command.run(*flags, "--limit=1000", output="all")
    assert len(command.texts(output="all")) == 20


def test_smaller_sample_is_part_of_a_larger_one(command: Command) -> None:
    write_text(command.folder / "a.txt", list(WORDS[:60]))
    found = []
    for rate, kept in ((0.5, 24), (0.25, 15)):
        stats = command.run(
            f"--input={command.folder}/a.txt",
            *(f"--sample_rate={rate}", "--packing=short"),
            output=str(rate),
        )
        assert stats["documents"]["kept"] == kept
        assert stats["documents"]["rejected"] == {"sampled_out": 60 - kept}
        found.append(set(map(tuple, command.texts(output=str(rate)))))
    assert found[1] < found[0]


def test_plan_tells_and_writes_nothing(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text(command.folder / "a.txt", make_documents(60))
    (command.folder / "b.txt").write_bytes(b"w1")
    (command.folder / "vocab.txt").write_text("\n".join([*SPECIALS, *WORDS]))
    before = sorted(command.folder.rglob("*"))
    flags = [f"--input={command.folder}/?.txt", "--test_rate=0.1", "--near_duplicates"]
    flags += [
        f"--vocabulary={command.folder}/vocab.txt",
        f"--output={command.folder}/x",
    ]
    assert main([*flags, "--plan", "--shard_bytes=2000"]) == 0
    assert sorted(command.folder.rglob("*")) == before
    out, err = capsys.readouterr()
    size = (command.folder / "a.txt").stat().st_size
    lines = out.splitlines()
    assert err == ""
    assert lines[0].startswith("files: 2, about 0.000 GB of text")
    assert f"  {command.folder}/a.txt: {size:,} bytes, text" in lines
    assert "ranges: 2" in lines
    assert f"shards: {-(-size // 2000)} train, 1 validation, 1 test" in lines
    assert any(line.startswith("runner: FnApiRunner, 1 process") for line in lines)
    assert any(line.startswith("memory: about 0.9 GB of ") for line in lines)
    assert "time: about 7 s" in lines
    assert "stages: raw, exact duplicates, near-duplicates, packing reference" in lines
    assert lines[-1] == "nothing written"


def test_three_splits_share_no_document(command: Command) -> None:
    documents = make_documents(100)
    write_text(command.folder / "a.txt", documents)
    stats = command.run(
        f"--input={command.folder}/a.txt",
        *("--validation_rate=0.2", "--test_rate=0.3", "--packing=short"),
        "--sequence_length=128",
    )
    splits = stats["splits"]
    assert list(splits) == ["train", "validation", "test"]
    counts = [splits[split]["documents"] for split in splits]
    assert counts == [47, 25, 28]
    found = [text for split in splits for text in command.texts(split)]
    assert sorted(found) == sorted(map(encode, documents))
    info = load_info(command.folder / "data")
    assert [shard.file for shard in info.splits["test"]] == ["test-00000.tfrecord.gz"]


@pytest.mark.parametrize("packing", ["short", "dense"])
def test_every_document_is_a_block_of_its_own(packing: str, command: Command) -> None:
    documents = make_documents(100, lines=1)
    write_text(command.folder / "a.txt", documents)
    stats = command.run(f"--input={command.folder}/a.txt", f"--packing={packing}")
    assert sorted(command.texts()) == sorted(map(encode, documents))
    rows, train = command.rows(), stats["splits"]["train"]
    assert train["examples"] == len(rows["token_ids"])
    assert train["tokens"] == rows["padding_mask"].sum()
    assert train["padding_rate"] == pytest.approx(
        1 - rows["padding_mask"].mean(), abs=1e-6
    )
    assert not rows["segment_ids"].any()
    starts = (rows["token_ids"] == CLS).sum()
    assert starts == (rows["token_ids"] == SEP).sum() == 100
    if packing == "short":
        assert len(rows["token_ids"]) == 100
        assert train["padding_rate"] > 0.5
        return
    assert train["blocks"] == 100
    assert train["padding_rate"] < 0.1
    changes = np.diff(rows["block_ids"], axis=1, prepend=0) > 0
    assert np.array_equal(changes, rows["token_ids"] == CLS)


EVALUATION = [
    "영화 정말 재미 있다 가 나 다 라 영화 정말 재미 있다 가 나 다 라 w1 w2 w3",
    "w11 w12 w13 w14 w15 w16 w17 w18 w19 w20 w21 w22 w23 w24",
    "영화",
]


def test_lines_of_evaluation_files_are_cut(command: Command) -> None:
    (command.folder / "test.tsv").write_text(
        "id\ttext\n" + "".join(f"{n}\t{row}\n" for n, row in enumerate(EVALUATION))
    )
    documents = [
        EVALUATION[0],
        f"w5 w6 w7\n{EVALUATION[0].replace(' ', '  ')}\nw8 w9",
        *make_documents(50),
    ]
    write_text(command.folder / "a.txt", documents)
    stats = command.run(
        f"--input={command.folder}/a.txt",
        f"--decontaminate={command.folder}/test.tsv",
        *("--packing=short", "--sequence_length=128"),
    )
    assert stats["documents"]["rejected"] == {"contaminated": 1}
    assert stats["lines_cut"] == 2
    assert stats["decontamination"] == [
        {
            "file": f"{command.folder}/test.tsv",
            "rows": 3,
            "rows_ignored": 1,
            "rows_hit": 1,
            "documents_hit": 2,
        }
    ]
    texts = command.texts()
    assert encode("w5 w6 w7 w8 w9") in texts
    assert not any(encode(EVALUATION[0]) == text for text in texts)
    (rejected,) = (command.folder / "data/rejected").glob("*.jsonl.gz")
    assert json.loads(gzip.decompress(rejected.read_bytes())) == {
        "reason": "contaminated",
        "source": f"{command.folder}/a.txt",
        "offset": 0,
        "id": "",
        "text": EVALUATION[0],
    }
    assert "test.tsv" in (command.folder / "data/report.html").read_text()


def test_injected_copies_are_found_across_inputs(command: Command) -> None:
    """Equal ones and, of 40 documents, ten with a word changed."""
    choose = random.Random(4)
    documents = [" ".join(choose.choices(WORDS[:60], k=90)) for _ in range(40)]
    near = [f"{text.rsplit(' ', 1)[0]} 영화" for text in documents[:10]]
    write_text(command.folder / "a.txt", documents)
    # Of a near pair both are there twice: one cluster of two texts.
    write_text(command.folder / "b.txt", [*documents[20:25], *near, near[0]])
    write_text(command.folder / "c.txt", [documents[0]])
    flags = [f"--input={command.folder}/{name}.txt" for name in "abc"]
    flags += ["--packing=short", "--sequence_length=512"]
    stats = command.run(*flags, "--near_duplicates")
    assert stats["documents"]["rejected"] == {"duplicate": 7, "near_duplicate": 10}
    assert sorted(command.texts()) == sorted(map(encode, documents))
    exact, found = stats["duplicates"]["exact"], stats["duplicates"]["near"]
    assert (exact["groups"], exact["dropped"]) == (7, 7)
    # Equal documents are near each other too; they count as duplicates.
    assert (found["clusters"], found["dropped"]) == (10, 10)
    assert found["sizes"] == {"2": 10}
    kept, dropped = found["top"][0]["members"]
    assert kept["source"].endswith("a.txt")
    assert dropped["source"].endswith("b.txt")
    assert kept["text"][:100] == dropped["text"][:100] != ""
    stats = command.run(*flags, "--keep_duplicates", output="all")
    assert stats["documents"]["kept"] == 57


@pytest.mark.parametrize("flag", ["--keep_duplicates", "--set=deduplication.exact=no"])
def test_near_duplicates_need_exact_ones(
    flag: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--input=x", "--vocabulary=v", "--near_duplicates"]
    assert main([*flags, f"--output={command.folder}/data", flag]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--near_duplicates with --keep_duplicates" in line
    assert list(command.folder.iterdir()) == []


def test_personal_data_does_not_reach_the_shards(command: Command) -> None:
    documents = ["영화 010-1234-5678", "lee@example.com w1", "w2 010-1234-5678 w3"]
    write_text(command.folder / "a.txt", [*documents, *make_documents(5)])
    flags = (f"--input={command.folder}/a.txt", "--packing=short")
    stats = command.run(*flags, "--personal_data=scrub")
    assert stats["personal_data"] == {"email": 1, "phone": 2}
    ids = {id for text in command.texts() for id in text}
    assert not ids & {IDS["1234"], IDS["5678"], IDS["lee"]}
    assert {IDS["000"], IDS["0000"], IDS["email"]} <= ids
    stats = command.run(*flags, output="kept")
    assert "personal_data" not in stats
    assert IDS["1234"] in {id for text in command.texts(output="kept") for id in text}


# A number, an address and a name, each in ways that one stage or another sees.
PERSONAL = ("010-1234-5678", "lee.kim@mail.example.org", "bluesky77")
PHONE, MAIL, KAKAO_ID = PERSONAL
NEAR = f"w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 카톡 {KAKAO_ID} {MAIL}"
PRIVATE_DOCUMENTS = [
    f"전화는  {PHONE}  그리고 메일은 {MAIL} 카톡 아이디: {KAKAO_ID} 영화ㅋㅋㅋㅋ",
    f"<b>영화</b> {PHONE[:6]}\u200b{PHONE[6:]} 재미 있다",
    f"영화 정말 {MAIL.replace('@', '&#64;')} 재미 있다",
    MAIL,  # Nothing is left of it where a preset strips addresses.
    f"https://example.com/{MAIL}",
    f"짧다 {PHONE}",
    f"{EVALUATION[0]} {PHONE}",
    "영화  정말 재미 있다 w1 w2 w3 w4",
    *(f"{NEAR}가", f"{NEAR}가", f"{NEAR}나"),
    f"{PHONE} {MAIL} 카톡 아이디: {KAKAO_ID} \udcff",  # Not UTF-8.
    f"{'나 ' * 496} {PHONE} {MAIL} \udcff",  # The limit of what is shown cuts it.
]


@pytest.mark.parametrize("preset", ["raw", "korean_chat", "koelectra"])
def test_personal_data_is_in_no_file_of_the_folder(
    preset: str, command: Command
) -> None:
    rows = [{"text": text, "id": MAIL} for text in PRIVATE_DOCUMENTS]
    rows += [{"text": PHONE}, {"text": None, "id": PHONE}]
    rows += [{"text": text} for text in make_documents(20)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    lines.append(f'{{"text": "{PHONE} {MAIL}"')
    data = "\n".join(lines).encode(errors="surrogateescape")
    (command.folder / "a.jsonl").write_bytes(data)
    (command.folder / "test.txt").write_text(f"{EVALUATION[0]} {PHONE}")
    flags = (
        *(f"--input={command.folder}/a.jsonl", "--id_key=id", f"--clean={preset}"),
        *(f"--decontaminate={command.folder}/test.txt", "--near_duplicates"),
        *("--malformed_utf8=skip", "--set=filters.min_characters=18"),
        *("--set=read.max_unreadable_rate=0.5", "--set=filters.max_digit_rate=0.9"),
    )

    def find_leaks(output: str) -> set[str]:
        found = set()
        for path in (command.folder / output).rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                data = gzip.decompress(data) if path.suffix == ".gz" else data
                found |= {text for text in PERSONAL if text.encode() in data}
        return found

    stats = command.run(*flags, "--personal_data=scrub")
    assert find_leaks("data") == set()
    assert stats["documents"]["rejected"].keys() >= {
        *("contaminated", "duplicate", "json_invalid", "malformed_utf8"),
        *("near_duplicate", "text_missing", "too_short"),
    }
    assert {"kakao_id", "phone"} <= stats["personal_data"].keys()
    stages = [sample["stage"] for sample in stats["samples"]]
    assert stages[:1] == ["normalise"] and stages[-2:] == ["personal data"] * 2
    command.run(*flags, output="kept")
    assert find_leaks("kept") == set(PERSONAL)


@pytest.mark.parametrize("shuffle", ["files", "beam"])
def test_all_stages_together_account_for_every_document(
    shuffle: str, command: Command
) -> None:
    choose = random.Random(5)
    documents = [" ".join(choose.choices(WORDS[:60], k=60)) for _ in range(30)]
    rows: list[Any] = [{"text": text} for text in documents]
    rows += [{"text": text} for text in documents[:4]]
    rows += [{"text": f"{text[:-3]} 라"} for text in documents[4:8]]
    rows += [{"text": EVALUATION[0]}, {"text": " "}, {"text": 7}, {}, {"text": "w1"}]
    lines = [*map(json.dumps, rows), "{", '{"text": "\udcff"}']
    data = "\n".join(lines).encode(errors="surrogateescape")
    (command.folder / "a.jsonl").write_bytes(data)
    (command.folder / "test.txt").write_text("\n".join(EVALUATION))
    stats = command.run(
        f"--input={command.folder}/a.jsonl",
        f"--decontaminate={command.folder}/test.txt",
        *("--clean=korean_chat", "--personal_data=scrub", "--near_duplicates"),
        *("--set=filters.min_characters=5", "--set=read.max_unreadable_rate=0.2"),
        *("--sample_rate=0.9", "--malformed_utf8=skip", f"--shuffle={shuffle}"),
    )
    documents_of = stats["documents"]
    assert documents_of["read"] == len(lines) == 45
    assert documents_of["rejected"] == {
        "contaminated": 1,
        "duplicate": 3,
        "empty": 1,
        "json_invalid": 1,
        "malformed_utf8": 1,
        "near_duplicate": 2,
        "sampled_out": 7,
        "text_missing": 1,
        "text_not_string": 1,
        "too_short": 1,
    }
    stages = {stage["stage"]: stage["documents"] for stage in stats["funnel"]}
    assert list(stages.values()) == sorted(stages.values(), reverse=True)
    assert stages["deduplicate and pack"] == documents_of["kept"]
    assert (
        sum(part["documents"] for part in stats["splits"].values())
        == (documents_of["kept"])
    )
    info = load_info(command.folder / "data")
    assert sum(shard.examples for shard in info.splits["train"]) == len(
        command.rows()["token_ids"]
    )
