"""What the checks look at: settings, `info.json`, `stats.json` and some rows.

Feeds `data_checks.py` and `setting_checks.py`. What preprocessing has counted over
all rows is taken from it; for the rest a bounded sample is read, so that the time
does not grow with the data.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.data.features import parse_examples
from electra_keras.data.info import DatasetInfo, load_vocabulary
from electra_keras.data.shard_reading import (
    find_damage,
    read_shards,
)
from electra_keras.data.vocabulary import UNK, Vocabulary
from electra_keras.errors import ElectraError

STATS_FILE = "stats.json"
# A rate of 1% is then known to 0.2% (two standard errors of 16,000 tokens, what
# 2,048 rows of 8 hold), and reading takes a tenth of a second.
SAMPLE_ROWS = 2_048
# Shards are cut by the hash of a document: any of them is a sample of all.
SAMPLE_SHARDS = 4


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All that is known of a run before it starts.

    Attributes:
        config: Settings; what is None there is taken from the data.
        info: Of the data.
        vocabulary: Of the data.
        stats: Content of `stats.json`; empty for a folder without one.
        token_ids: int32 (R, S). The first rows of the first training shards.
        lengths: int64 (R,). Real tokens of each row.
    """

    config: ExperimentConfig
    info: DatasetInfo
    vocabulary: Vocabulary
    stats: Mapping[str, Any]
    token_ids: np.ndarray
    lengths: np.ndarray

    @property
    def train_stats(self) -> Mapping[str, Any]:
        """What `stats.json` says of the training split; may be empty."""
        return (self.stats.get("splits") or {}).get("train") or {}

    @functools.cached_property
    def special_ids(self) -> Mapping[str, int]:
        """Id by name, as `vocab.txt` has them."""
        return self.vocabulary.special_token_ids

    @functools.cached_property
    def is_real(self) -> np.ndarray:
        """Which tokens are no padding: bool (R, S)."""
        return np.arange(self.token_ids.shape[1]) < self.lengths[:, np.newaxis]

    @functools.cached_property
    def is_text(self) -> np.ndarray:
        """Which tokens come from text, [UNK] among them: bool (R, S)."""
        special = [i for token, i in self.special_ids.items() if token != UNK]
        return self.is_real & ~np.isin(self.token_ids, special)


def gather_evidence(
    config: ExperimentConfig,
    info: DatasetInfo,
    folder: str | Path,
    *,
    skip_corrupt: bool = False,
) -> Evidence:
    """Reads what the checks need.

    Args:
        config: Settings of the run.
        info: Of the data.
        folder: Of the data.
        skip_corrupt: Leave out examples that cannot be read.

    Raises:
        ElectraError: A file of the folder is damaged.
    """
    folder = Path(folder)
    token_ids, lengths = _read_rows(info, folder, skip_corrupt=skip_corrupt)
    return Evidence(
        config=config,
        info=info,
        vocabulary=load_vocabulary(folder, info),
        stats=_read_stats(folder / STATS_FILE),
        token_ids=token_ids,
        lengths=lengths,
    )


def _read_stats(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        stats = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ElectraError(
            f"{path} cannot be read ({error})",
            expected="the JSON that preprocess wrote",
            fix="Restore it, or delete it: a sample is counted then.",
        ) from error
    return stats if isinstance(stats, dict) else {}


def _read_rows(
    info: DatasetInfo, folder: Path, *, skip_corrupt: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Reads the sample: token ids (R, S) and lengths (R,)."""
    shards = [shard for shard in info.splits.get("train", ()) if shard.examples]
    shards = shards[:SAMPLE_SHARDS]
    parts = []
    for shard in shards:
        count = min(shard.examples, SAMPLE_ROWS // len(shards))
        file, size = str(folder / shard.file), tf.constant([count], tf.int64)
        reader = read_shards(tf.constant([file]), size, info, skip_corrupt=skip_corrupt)
        try:
            records = reader.take(count).batch(count).get_single_element()
            rows = parse_examples(
                records, info.sequence_length, info.token_ids_dtype, info.packing
            )
        except tf.errors.OpError as error:
            raise find_damage(folder, info) or ElectraError(
                f"{file} holds other examples than info.json says "
                f"({str(error).splitlines()[0]})",
                expected=f"examples of packing {info.packing}",
                fix="Copy the folder again, or preprocess again.",
            ) from error
        is_read = tf.reduce_any(rows["padding_mask"] > 0, axis=1)
        parts.append(
            (
                rows["token_ids"][is_read].numpy(),
                rows["padding_mask"][is_read].numpy(),
            )
        )
    if not parts:
        empty = np.zeros((0, info.sequence_length), np.int32)
        return empty, np.zeros((0,), np.int64)
    token_ids, padding_mask = (np.concatenate(x) for x in zip(*parts, strict=True))
    return token_ids, padding_mask.sum(axis=1, dtype=np.int64)
