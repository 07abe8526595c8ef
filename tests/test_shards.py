"""python -m pytest tests/test_shards.py"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from beam_pipelines.options import PreprocessOptions
from beam_pipelines.records import frame_record, write_records
from beam_pipelines.shards import (
    ShardSettings,
    make_shard_settings,
    pack_shard,
    write_shard,
)
from beam_pipelines.splitting import (
    HashedDocument,
    hash_document,
    plan_shards,
)
from electra_keras.data.features import parse_examples


def hashed(texts: list[str]) -> list[HashedDocument]:
    return [
        HashedDocument(hash_document(text.encode()), 0, index, text.encode())
        for index, text in enumerate(texts)
    ]


@pytest.fixture
def documents(corpus_folder: Path) -> list[HashedDocument]:
    return hashed((corpus_folder / "a.txt").read_text("utf-8").strip().split("\n\n"))


@pytest.fixture
def settings(tmp_path: Path, vocabulary_file: Path) -> ShardSettings:
    options = PreprocessOptions(
        "unused", str(vocabulary_file), "unused", sequence_length=32, seed=3
    )
    return make_shard_settings(options, tmp_path)


def read_rows(path: Path, compression: str = "GZIP") -> list[list[int]]:
    dataset = tf.data.TFRecordDataset(str(path), compression_type=compression)
    rows = next(iter(dataset.batch(10_000)))
    return parse_examples(rows, 32)["token_ids"].numpy().tolist()


def test_shard_does_not_depend_on_the_order_of_arrival(
    documents: list[HashedDocument], settings: ShardSettings, tmp_path: Path
) -> None:
    rows = []
    for seed in (1, 2):
        random.Random(seed).shuffle(documents)
        (tmp_path / str(seed)).mkdir()
        here = dataclasses.replace(settings, folder=str(tmp_path / str(seed)))
        rows.append(write_shard(("train", 3), documents, here))
    assert rows[0] == rows[1]
    file = tmp_path / "1" / "train-00003.tfrecord.gz"
    assert file.read_bytes() == (tmp_path / "2" / file.name).read_bytes()
    assert rows[0]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert rows[0]["bytes"] == file.stat().st_size
    assert rows[0]["examples"] == len(read_rows(file))


def test_examples_are_those_of_packing_in_another_order(
    documents: list[HashedDocument], settings: ShardSettings, tmp_path: Path
) -> None:
    examples, counts = pack_shard(documents, settings)
    row = write_shard(("train", 0), documents, settings)
    written = read_rows(tmp_path / row["file"])
    packed = [
        np.pad(example.token_ids, (0, 32 - len(example.token_ids))).tolist()
        for example in examples
    ]
    assert written != packed
    assert sorted(written) == sorted(packed)
    assert counts["tokens"] == sum(id != 0 for line in written for id in line)


def test_packing_of_a_document_does_not_depend_on_the_others(
    documents: list[HashedDocument], settings: ShardSettings
) -> None:
    together, _ = pack_shard(documents, settings)
    alone: Counter[bytes] = Counter()
    for document in documents:
        examples, _ = pack_shard([document], settings)
        alone.update(example.token_ids.tobytes() for example in examples)
    assert Counter(example.token_ids.tobytes() for example in together) == alone


def test_duplicates_are_kept_and_documents_without_tokens_counted(
    settings: ShardSettings,
) -> None:
    examples, counts = pack_shard(hashed(["가나", "가나", "\u200e"]), settings)
    assert len(examples) == 2
    assert (counts["documents"], counts["documents_no_tokens"]) == (3, 1)


def test_empty_shard_is_not_written(settings: ShardSettings, tmp_path: Path) -> None:
    row = write_shard(("train", 0), hashed(["\u200e"]), settings)
    assert (row["file"], row["examples"]) == ("", 0)
    assert not list(tmp_path.glob("train*"))


def test_seed_changes_the_bytes_but_no_document(
    documents: list[HashedDocument], settings: ShardSettings
) -> None:
    first = write_shard(("train", 0), documents, settings)
    other = write_shard(("train", 0), documents, dataclasses.replace(settings, seed=4))
    assert first["sha256"] != other["sha256"]
    assert first["counts"]["text_tokens"] == other["counts"]["text_tokens"]


def test_framing_is_that_of_tensorflow(tmp_path: Path) -> None:
    records = [b"", b"abc", bytes(range(256)) * 300]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert b"".join(map(frame_record, records)) == (tmp_path / "theirs").read_bytes()


def test_gzip_holds_no_time_and_no_name(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    size_bytes, digest = write_records(path, [b"a", b"b"], compression="gzip")
    data = path.read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (size_bytes, digest)
    assert data[3:8] == b"\x00" * 5
    assert gzip.decompress(data) == frame_record(b"a") + frame_record(b"b")


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def records():  # type: ignore[no-untyped-def]
        yield b"a"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_records(tmp_path / "x.gz", records(), compression="gzip")
    assert list(tmp_path.iterdir()) == []


def test_split_follows_the_hash_and_the_rate() -> None:
    plan = plan_shards(10**6, 0.2, 10**5)
    assert (plan.train_shards, plan.validation_shards) == (10, 2)
    places = Counter(
        plan.place(hash_document(str(index).encode())) for index in range(20_000)
    )
    validation = sum(n for (split, _), n in places.items() if split == "validation")
    assert validation / 20_000 == pytest.approx(0.2, abs=0.01)
    assert len(places) == 12
    # A lower rate moves documents out of validation, never into it.
    lower = plan_shards(10**6, 0.1, 10**5)
    for index in range(2000):
        document_hash = hash_document(str(index).encode())
        if lower.place(document_hash)[0] == "validation":
            assert plan.place(document_hash)[0] == "validation"


@pytest.mark.parametrize(
    ("text_bytes", "rate", "shards"),
    [(10, 0.0, (1, 0)), (10, 0.01, (1, 1)), (10**9, 0.05, (60, 3))],
)
def test_number_of_shards_follows_the_size(
    text_bytes: int, rate: float, shards: tuple[int, int]
) -> None:
    plan = plan_shards(text_bytes, rate)
    assert (plan.train_shards, plan.validation_shards) == shards
