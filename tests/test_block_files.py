"""python -m pytest tests/test_block_files.py"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
import json
import struct
from pathlib import Path

import pytest

from beam_pipelines import storage
from beam_pipelines.block_files import BlockFile, write_blocks
from beam_pipelines.config import DataConfig, InputConfig
from beam_pipelines.document_blocks import DocumentBlock
from beam_pipelines.planning import plan_job
from beam_pipelines.reading import ReadSettings, ReadToFiles
from electra_keras.errors import ElectraError

# Two flushes of a range: shard 1 is in both, shards 0 and 3 are in none.
BLOCKS = [(1, b"one"), (4, b"four"), (1, b"uno"), (2, b"dos")]
INDEX_START = 13
BOUNDS = (0, 0, 2, 3, 3, 4)
ENTRIES_START = INDEX_START + 8 * len(BOUNDS)


@pytest.fixture
def file(tmp_path: Path) -> BlockFile:
    return write_blocks(str(tmp_path), "0.blocks", BLOCKS, shards=5)[0]


def read_all(folder: Path, file: BlockFile) -> list[list[bytes]]:
    return [list(file.read(str(folder), shard)) for shard in range(file.shards)]


def test_file_gives_the_blocks_of_each_shard_back_in_order(
    file: BlockFile, tmp_path: Path
) -> None:
    assert file == BlockFile("0.blocks", shards=5, blocks=4, index_start=INDEX_START)
    assert read_all(tmp_path, file) == [[], [b"one", b"uno"], [b"dos"], [], [b"four"]]


def test_bytes_are_as_described(tmp_path: Path) -> None:
    _, written = write_blocks(str(tmp_path), "0.blocks", BLOCKS, shards=5)
    data = (tmp_path / "0.blocks").read_bytes()
    assert written == (len(data), hashlib.sha256(data).hexdigest())
    assert data[:INDEX_START] == b"onefourunodos"
    assert struct.unpack_from("<6Q", data, INDEX_START) == BOUNDS
    entries = list(struct.iter_unpack("<QII", data[ENTRIES_START:]))
    assert [entry[:2] for entry in entries] == [(0, 3), (7, 3), (10, 3), (3, 4)]


def test_file_without_blocks_has_none_for_any_shard(tmp_path: Path) -> None:
    file, (size_bytes, _) = write_blocks(str(tmp_path), "0.blocks", [], shards=3)
    assert size_bytes == 4 * 8
    assert read_all(tmp_path, file) == [[], [], []]


def test_many_files_and_shards(tmp_path: Path) -> None:
    shards = 300
    files = []
    for number in range(40):
        blocks = [
            (shard, f"{number} {flush} {shard}".encode())
            for flush in range(3)
            for shard in range(number % 7, shards, 1 + number % 5)
        ]
        name = f"{number}.blocks"
        files.append(write_blocks(str(tmp_path), name, blocks, shards)[0])
    for shard in (0, 1, 6, 150, 299):
        found = [data for file in files for data in file.read(str(tmp_path), shard)]
        assert found == [
            f"{number} {flush} {shard}".encode()
            for number in range(40)
            if shard in range(number % 7, shards, 1 + number % 5)
            for flush in range(3)
        ]


def test_a_shard_takes_one_open_and_few_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [(shard, b"x" * 100) for shard in range(5000)]
    file, _ = write_blocks(str(tmp_path), "0.blocks", blocks, shards=5000)
    asked: list[list[int]] = []

    class Counted(io.FileIO):
        def __init__(self, path: str) -> None:
            super().__init__(path)
            asked.append([])

        def read(self, size: int | None = -1) -> bytes:
            asked[-1].append(size or 0)
            return super().read(size)

    monkeypatch.setattr(storage, "open_file", Counted)
    assert list(file.read(str(tmp_path), 4321)) == [b"x" * 100]
    assert asked == [[16, 16, 100]]


@pytest.mark.parametrize("shard", [-1, 5])
def test_shard_that_is_not_planned_is_refused(
    shard: int, file: BlockFile, tmp_path: Path
) -> None:
    with pytest.raises(ElectraError, match=r"expected a number from 0 to 4\."):
        list(file.read(str(tmp_path), shard))
    with pytest.raises(ElectraError, match=f"shard {shard} in 1.blocks"):
        write_blocks(str(tmp_path), "1.blocks", [(shard, b"")], shards=5)
    assert [path.name for path in tmp_path.iterdir()] == ["0.blocks"]


@pytest.mark.parametrize("left", [0, INDEX_START, ENTRIES_START, ENTRIES_START + 63])
def test_truncated_file_is_an_error(left: int, file: BlockFile, tmp_path: Path) -> None:
    path = tmp_path / "0.blocks"
    path.write_bytes(path.read_bytes()[:left])
    at = INDEX_START + 4 * 8 if left < ENTRIES_START else ENTRIES_START + 3 * 16
    with pytest.raises(ElectraError, match=f"0.blocks is damaged at byte {at}; expec"):
        list(file.read(str(tmp_path), 4))


def test_every_flipped_bit_is_an_error(file: BlockFile, tmp_path: Path) -> None:
    path = tmp_path / "0.blocks"
    data = path.read_bytes()
    for at in range(len(data)):
        for bit in range(8):
            flipped = bytes([data[at] ^ 1 << bit])
            path.write_bytes(data[:at] + flipped + data[at + 1 :])
            with pytest.raises(ElectraError, match=r"0\.blocks is damaged at byte \d"):
                read_all(tmp_path, file)


def test_missing_file_is_an_os_error(file: BlockFile, tmp_path: Path) -> None:
    (tmp_path / "0.blocks").unlink()
    with pytest.raises(FileNotFoundError, match=r"0\.blocks"):
        list(file.read(str(tmp_path), 0))


def test_row_of_a_range_does_not_grow_with_the_shards(tmp_path: Path) -> None:
    text = "\n\n".join(f"document number {number}." for number in range(2000))
    (tmp_path / "text.txt").write_text(f"{text}\n")
    config = DataConfig(inputs=(InputConfig(str(tmp_path / "text.txt")),))
    plan = plan_job(config)
    sizes, texts = [], []
    for shards in (1, 1000):
        folder = tmp_path / str(shards)
        shard_plan = dataclasses.replace(plan.shards, train_shards=shards)
        settings = ReadSettings(str(folder), config, shard_plan)
        row = ReadToFiles(settings, near=False).run(plan.ranges[0])
        sizes.append(len(json.dumps(row)))
        file = BlockFile(**json.loads(json.dumps(row["blocks"])))
        assert file.shards == len(shard_plan.keys())
        found = itertools.chain.from_iterable(read_all(folder, file))
        blocks = [DocumentBlock.from_bytes(data) for data in found]
        texts.append(sorted(text for block in blocks for text in block.texts()))
    assert texts[0] == texts[1]
    assert len(texts[0]) == 2000
    assert abs(sizes[1] - sizes[0]) < 20
