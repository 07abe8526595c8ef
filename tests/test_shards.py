"""python -m pytest tests/test_shards.py"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from beam_pipelines.config import (
    DataConfig,
    DeduplicationConfig,
    InputConfig,
    PackingConfig,
)
from beam_pipelines.document_blocks import DocumentBlock, hashes_to_columns
from beam_pipelines.shards import ShardSettings, write_shard
from beam_pipelines.splitting import ShardPlan, hash_document
from beam_pipelines.tokenization import TokenizerSpec
from electra_keras.data.features import parse_examples
from electra_keras.data.vocabulary import Vocabulary

TRAIN = ("train", 3)


def make_block(texts: list[str], source_index: int = 0) -> DocumentBlock:
    data = [text.encode() for text in texts]
    return DocumentBlock.make(
        hashes_to_columns([hash_document(text) for text in data]),
        np.full(len(data), source_index, np.uint32),
        np.arange(len(data), dtype=np.uint64),
        data,
    )


def read_rows(path: Path) -> list[list[int]]:
    dataset = tf.data.TFRecordDataset(str(path), compression_type="GZIP")
    rows = next(iter(dataset.batch(10_000)))
    return parse_examples(rows, 32)["token_ids"].numpy().tolist()


def read_rejected(folder: Path) -> list[tuple[str, int]]:
    lines = gzip.decompress(
        (folder / "rejected" / "train-00003.jsonl.gz").read_bytes()
    ).splitlines()
    rows = [json.loads(line) for line in lines]
    return [(row["reason"], row["offset"]) for row in rows]


@pytest.fixture
def texts(corpus_folder: Path) -> list[str]:
    return (corpus_folder / "a.txt").read_text("utf-8").strip().split("\n\n")


@pytest.fixture
def settings(tmp_path: Path, vocabulary_file: Path) -> ShardSettings:
    vocabulary = Vocabulary.load(vocabulary_file)
    return ShardSettings(
        folder=str(tmp_path),
        config=DataConfig(
            inputs=(InputConfig("a"), InputConfig("b", weight=2.5)),
            packing=PackingConfig(sequence_length=32, seed=3),
        ),
        plan=ShardPlan(4, 1, 0, 0.1, 0.0),
        sources=(("a.txt", 0), ("b.txt", 1)),
        tokenizer=TokenizerSpec(str(vocabulary_file), vocabulary.sha256, 300),
        special_token_ids=vocabulary.special_token_ids,
        vocabulary_size=len(vocabulary),
        token_ids_dtype="uint16",
    )


def with_packing(settings: ShardSettings, **changes: object) -> ShardSettings:
    packing = dataclasses.replace(settings.config.packing, **changes)  # type: ignore[arg-type]
    config = dataclasses.replace(settings.config, packing=packing)
    return dataclasses.replace(settings, config=config)


def test_shard_does_not_depend_on_the_order_of_arrival(
    texts: list[str], settings: ShardSettings, tmp_path: Path
) -> None:
    block = make_block(texts)
    rows = []
    for seed in (1, 2):
        order = list(range(len(texts)))
        random.Random(seed).shuffle(order)
        parts = [
            DocumentBlock.make(
                block.hashes[chosen],
                block.source_indices[chosen],
                block.offsets[chosen],
                [texts[i].encode() for i in chosen],
            )
            for chosen in (order[:50], order[50:])
        ]
        here = dataclasses.replace(settings, folder=str(tmp_path / str(seed)))
        (tmp_path / str(seed)).mkdir()
        rows.append(write_shard(TRAIN, parts, here))
    assert rows[0] == rows[1]
    file = tmp_path / "1" / "train-00003.tfrecord.gz"
    assert file.read_bytes() == (tmp_path / "2" / file.name).read_bytes()
    assert rows[0]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert rows[0]["bytes"] == file.stat().st_size
    assert rows[0]["examples"] == len(read_rows(file))
    assert rows[0]["counts"]["documents_in"] == rows[0]["counts"]["documents"] == 120


def test_packing_of_a_document_does_not_depend_on_the_others(
    texts: list[str], settings: ShardSettings, tmp_path: Path
) -> None:
    row = write_shard(TRAIN, [make_block(texts[:20])], settings)
    together = read_rows(tmp_path / row["file"])
    alone: list[list[int]] = []
    for text in texts[:20]:
        row = write_shard(TRAIN, [make_block([text])], settings)
        alone += read_rows(tmp_path / row["file"])
    assert together != alone  # They are shuffled,
    assert sorted(together) == sorted(alone)  # and nothing else.


def test_equal_documents_are_dropped_but_the_earliest(
    settings: ShardSettings, tmp_path: Path
) -> None:
    blocks = [make_block(["가나", "다", "가나", " ", "가나"])]
    row = write_shard(TRAIN, blocks, settings)
    assert row["examples"] == 2
    assert row["rejected"] == {"duplicate": 2, "no_tokens": 1}
    assert sorted(read_rejected(tmp_path)) == [
        ("duplicate", 2),
        ("duplicate", 4),
        ("no_tokens", 3),
    ]
    counts = row["counts"]
    assert (counts["documents_in"], counts["documents"]) == (5, 2)
    assert counts["copy_groups"] == 1
    assert row["top_copies"] == [
        {"copies": 3, "source": "a.txt", "offset": 0, "text": "가나"}
    ]
    config = dataclasses.replace(
        settings.config, deduplication=DeduplicationConfig(exact=False)
    )
    kept = write_shard(TRAIN, blocks, dataclasses.replace(settings, config=config))
    assert kept["examples"] == 4


def test_earliest_copy_is_that_of_the_first_file(
    settings: ShardSettings, tmp_path: Path
) -> None:
    blocks = [make_block(["가나", "라"], 1), make_block(["라", "가나"], 0)]
    row = write_shard(TRAIN, blocks, settings)
    assert row["kept_by_input"] == {"0": 2}
    assert sorted(read_rejected(tmp_path)) == [("duplicate", 0), ("duplicate", 1)]


def test_heavy_inputs_repeat_in_training_with_randomness_of_their_own(
    texts: list[str], settings: ShardSettings, tmp_path: Path
) -> None:
    block = make_block(texts[:40], source_index=1)  # Weight 2.5.
    row = write_shard(TRAIN, [block], settings)
    rows = Counter(map(tuple, read_rows(tmp_path / row["file"])))
    once = write_shard(TRAIN, [make_block(texts[:40])], settings)
    assert once["counts"]["copies"] == once["counts"]["documents"] == 40
    assert row["counts"]["documents"] == 40
    assert 80 < row["counts"]["copies"] < 120
    assert len(rows) > once["examples"]  # Copies are packed otherwise.
    held_out = write_shard(("validation", 0), [block], settings)
    assert held_out["counts"]["copies"] == 40


def test_near_duplicates_of_the_list_are_dropped(
    settings: ShardSettings, tmp_path: Path
) -> None:
    block = make_block(["가", "나", "다"])
    np.savez(tmp_path / "near.npz", dropped=block.ids[1:2], shown=block.ids[:2])
    settings = dataclasses.replace(settings, near_duplicates=str(tmp_path / "near.npz"))
    row = write_shard(TRAIN, [block], settings)
    assert row["rejected"] == {"near_duplicate": 1}
    assert row["shown"] == {"0": "가", "1": "나"}
    assert row["counts"]["documents"] == 2


def test_empty_shard_is_not_written(settings: ShardSettings, tmp_path: Path) -> None:
    assert write_shard(TRAIN, [], settings)["file"] == ""
    row = write_shard(TRAIN, [make_block([" "])], settings)
    assert (row["file"], row["counts"]["examples"]) == ("", 0)
    assert not list(tmp_path.glob("train*"))


def test_seed_changes_the_bytes_but_no_document(
    texts: list[str], settings: ShardSettings
) -> None:
    blocks = [make_block(texts)]
    first = write_shard(TRAIN, blocks, settings)
    other = write_shard(TRAIN, blocks, with_packing(settings, seed=4))
    assert first["sha256"] != other["sha256"]
    assert first["counts"]["text_tokens"] == other["counts"]["text_tokens"]


@pytest.mark.parametrize("kind", ["dense", "short"])
def test_other_packings_keep_every_token(
    kind: str, texts: list[str], settings: ShardSettings
) -> None:
    counts = write_shard(TRAIN, [make_block(texts)], settings)["counts"]
    other = write_shard(TRAIN, [make_block(texts)], with_packing(settings, kind=kind))[
        "counts"
    ]
    assert other["text_tokens"] == counts["text_tokens"]
    assert other["tokens"] - other["special_tokens"] == counts["text_tokens"]
    assert (other["blocks"] > other["examples"]) == (kind == "dense")
