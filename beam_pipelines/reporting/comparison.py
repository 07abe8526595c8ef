"""Two finished folders in, their figures side by side out.

Feeds the command `diff`. Shards are compared by the checksums that `info.json`
holds; only `compare_examples` reads them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from beam_pipelines.reporting.nested import flatten
from electra_keras.errors import ElectraError

if TYPE_CHECKING:
    from electra_keras.data.info import DatasetInfo

STATS_FILE = "stats.json"
# Of the run, not of the data.
_OF_THE_RUN = ("elapsed_secs", "runner", "workers")
# Too long to be read side by side; only whether they differ is told.
_LONG = ("histograms", "samples", "rejected_samples", "top")
_DIGEST_BYTES = 8
_BATCH_RECORDS = 4096  # One at a time costs more than its hash.


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of both folders.

    Attributes:
        key: Its name.
        a: Of the first folder; None if it does not have the figure.
        b: Of the second.
        counts_lacking: It counts what the other folder lacks, so the folders
            agree where both are 0.
    """

    key: str
    a: Any
    b: Any
    counts_lacking: bool = False

    @property
    def same(self) -> bool:
        """Whether the folders agree."""
        return not (self.a or self.b) if self.counts_lacking else self.a == self.b

    @property
    def change_rate(self) -> float | None:
        """(b - a) / a; None where that is no number."""
        for value in (self.a, self.b):
            if isinstance(value, bool) or not isinstance(value, int | float):
                return None
        return (self.b - self.a) / self.a if self.a else None


Sections = dict[str, list[Row]]


def compare_folders(a: Path, b: Path) -> Sections:
    """Compares settings, vocabularies, shards and statistics.

    Args:
        a: A folder written by `beam_pipelines.preprocess`.
        b: Another.

    Returns:
        Rows by section: of settings those that differ, of the rest all.

    Raises:
        UsageError: A folder is not there or not whole.
        ElectraError: A file of it cannot be read.
    """
    from electra_keras.data.info import load_info, load_vocabulary

    infos = load_info(a), load_info(b)
    entries = [
        set(load_vocabulary(folder, info).entries)
        for folder, info in zip((a, b), infos, strict=True)
    ]
    settings = _pair(*(_list_settings(info) for info in infos))
    vocabulary = [
        Row("entries", infos[0].vocabulary_size, infos[1].vocabulary_size),
        Row("sha256", infos[0].vocabulary_sha256, infos[1].vocabulary_sha256),
        Row(
            "entries of this one only",
            len(entries[0] - entries[1]),
            len(entries[1] - entries[0]),
            counts_lacking=True,
        ),
    ]
    return {
        "settings": [row for row in settings if not row.same],
        "vocabulary": vocabulary,
        "shards": _compare_shards(*infos),
        **_compare_stats(_load_stats(a), _load_stats(b)),
    }


def _list_settings(info: DatasetInfo) -> dict[str, Any]:
    return flatten(
        {
            **info.preprocess,
            "tokenizer": dataclasses.asdict(info.tokenizer),
            "packing": info.preprocess.get("packing", info.packing),
            "sequence_length": info.sequence_length,
            "compression": info.compression,
            "version": info.version,
        }
    )


def _compare_shards(a: DatasetInfo, b: DatasetInfo) -> list[Row]:
    rows = []
    for split in dict.fromkeys([*a.splits, *b.splits]):
        in_a, in_b = a.splits.get(split, ()), b.splits.get(split, ())
        size_a, size_b = (sum(shard.bytes for shard in x) for x in (in_a, in_b))
        sums_a, sums_b = ({(x.file, x.sha256) for x in y} for y in (in_a, in_b))
        rows += [
            Row(f"{split}.examples", a.examples(split), b.examples(split)),
            Row(f"{split}.tokens", a.tokens(split), b.tokens(split)),
            Row(f"{split}.bytes", size_a, size_b),
            Row(f"{split}.shards", len(in_a), len(in_b)),
            Row(
                f"{split}.shards of this one only",
                len(sums_a - sums_b),
                len(sums_b - sums_a),
                counts_lacking=True,
            ),
        ]
    return rows


def _load_stats(folder: Path) -> dict[str, Any]:
    path = folder / STATS_FILE
    try:
        stats = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ElectraError(
            f"{path} cannot be read ({error})",
            expected="the JSON that preprocess wrote",
            fix="Run python -m beam_pipelines.preprocess again.",
        ) from error
    return {key: value for key, value in stats.items() if key not in _OF_THE_RUN}


def _compare_stats(a: dict[str, Any], b: dict[str, Any]) -> Sections:
    """One section per part of the statistics; single figures in "totals"."""
    sections: Sections = {}
    for key in dict.fromkeys([*a, *b]):
        values = [_abridge(stats.get(key), key) for stats in (a, b)]
        # A long one that is empty in one folder has a hash in the other only.
        if all(isinstance(value, dict | list | None) for value in values):
            sections[key] = _pair(*map(flatten, values))
        else:
            sections.setdefault("totals", []).append(Row(key, *values))
    return sections


def _abridge(value: Any, key: str = "") -> Any:
    """Puts a short hash in the place of what is too long to show."""
    if value and key in _LONG:
        text = json.dumps(value, sort_keys=True)
        return f"hash {hashlib.sha256(text.encode()).hexdigest()[:12]}"
    if isinstance(value, dict):
        return {name: _abridge(inner, name) for name, inner in value.items()}
    return value


def _pair(a: dict[str, Any], b: dict[str, Any]) -> list[Row]:
    return [Row(key, a.get(key), b.get(key)) for key in dict.fromkeys([*a, *b])]


def compare_examples(a: Path, b: Path) -> list[Row]:
    """Compares the examples themselves, whatever their order and shards.

    Records are compared by a hash of 64 bits; a million of them take 8 MB.

    Returns:
        Per split, the examples of each folder that the other lacks; one that
        stands twice in a folder and once in the other counts once.

    Raises:
        ElectraError: A shard is damaged.
    """
    from electra_keras.data.info import load_info

    info_a, info_b = load_info(a), load_info(b)
    rows = []
    for split in dict.fromkeys([*info_a.splits, *info_b.splits]):
        hashes_a = _hash_records(a, info_a, split)
        hashes_b = _hash_records(b, info_b, split)
        shared = _count_shared(hashes_a, hashes_b)
        rows.append(
            Row(
                f"{split}.examples of this one only",
                len(hashes_a) - shared,
                len(hashes_b) - shared,
                counts_lacking=True,
            )
        )
    return rows


def _hash_records(folder: Path, info: DatasetInfo, split: str) -> np.ndarray:
    import tensorflow as tf

    paths = [str(folder / shard.file) for shard in info.splits.get(split, ())]
    records = tf.data.TFRecordDataset(paths, compression_type=info.compression)
    batches = records.batch(_BATCH_RECORDS).as_numpy_iterator()
    try:
        digests = b"".join(
            hashlib.blake2b(record, digest_size=_DIGEST_BYTES).digest()
            for batch in batches
            for record in batch
        )
    except tf.errors.OpError as error:
        raise ElectraError(
            f"a {split} shard of {folder} is damaged ({str(error).splitlines()[0]})",
            expected="shards as info.json describes them",
            fix="Copy them again, or preprocess again.",
        ) from error
    return np.frombuffer(digests, np.uint64)


def _count_shared(a: np.ndarray, b: np.ndarray) -> int:
    """Size of the intersection of two multisets."""
    values_a, counts_a = np.unique(a, return_counts=True)
    values_b, counts_b = np.unique(b, return_counts=True)
    _, in_a, in_b = np.intersect1d(
        values_a, values_b, assume_unique=True, return_indices=True
    )
    return int(np.minimum(counts_a[in_a], counts_b[in_b]).sum())
