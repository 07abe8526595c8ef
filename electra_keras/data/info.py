"""`info.json`: what a data folder says of itself, and the check at its door.

Written by `beam_pipelines.preprocess`, read by everything that trains.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from electra_keras.data.vocabulary import TokenizerConfig, Vocabulary
from electra_keras.errors import ElectraError, UsageError

INFO_FILE = "info.json"
VOCABULARY_FILE = "vocab.txt"
COMPLETED_FILE = "COMPLETED"
FORMAT_VERSION = 1


@dataclasses.dataclass(frozen=True)
class ShardInfo:
    """One shard file: its name in the folder, counts and checksum."""

    file: str
    examples: int
    tokens: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """A data folder in numbers.

    Attributes:
        sequence_length: S, tokens of a padded row.
        vocabulary_size: V.
        vocabulary_sha256: Hash of the vocabulary the ids were made with.
        special_token_ids: Id by name: [PAD] [UNK] [CLS] [SEP] [MASK].
        tokenizer: Settings of the tokenizer the ids were made with.
        token_ids_dtype: "uint16" or "int32", see `features.py`.
        compression: "GZIP" or "", as TensorFlow names it.
        splits: Shards by split: "train", "validation", "test".
        features: The record's features in words, for other readers.
        preprocess: The resolved options that made the folder.
        format_version: Of this file.
        version: Of the project that wrote it.
        packing: "reference", "dense" or "short", see `features.py`; folders
            that do not say are "reference".
    """

    sequence_length: int
    vocabulary_size: int
    vocabulary_sha256: str
    special_token_ids: dict[str, int]
    tokenizer: TokenizerConfig
    token_ids_dtype: str
    compression: str
    splits: dict[str, tuple[ShardInfo, ...]]
    features: dict[str, Any] = dataclasses.field(default_factory=dict)
    preprocess: dict[str, Any] = dataclasses.field(default_factory=dict)
    format_version: int = FORMAT_VERSION
    version: str = ""
    packing: str = "reference"

    def examples(self, split: str) -> int:
        """Examples of a split."""
        return sum(shard.examples for shard in self.splits.get(split, ()))

    def tokens(self, split: str) -> int:
        """Real tokens of a split, specials included."""
        return sum(shard.tokens for shard in self.splits.get(split, ()))

    @property
    def fingerprint(self) -> str:
        """Hash over the vocabulary and the shards' checksums."""
        text = json.dumps(
            [
                self.vocabulary_sha256,
                self.sequence_length,
                [
                    [s, x.file, x.sha256]
                    for s in sorted(self.splits)
                    for x in self.splits[s]
                ],
            ]
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """Returns the text of `info.json`."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> DatasetInfo:
        """Reads what `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: The text is not such a file.
        """
        fields = json.loads(text)
        if fields["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {fields['format_version']}")
        fields["tokenizer"] = TokenizerConfig(**fields["tokenizer"])
        fields["splits"] = {
            split: tuple(ShardInfo(**shard) for shard in shards)
            for split, shards in fields["splits"].items()
        }
        return cls(**fields)


def load_info(folder: str | Path) -> DatasetInfo:
    """Reads a data folder's `info.json` and checks that the folder is whole.

    Raises:
        UsageError: No such folder, no `COMPLETED` in it, or a shard is missing.
        ElectraError: `info.json` or the vocabulary does not fit the rest.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(
            f"no data folder at {folder}",
            expected="a folder written by beam_pipelines.preprocess",
            fix="Check the path, or run python -m beam_pipelines.preprocess.",
        )
    if not (folder / COMPLETED_FILE).is_file():
        raise UsageError(
            f"{folder} has no {COMPLETED_FILE} file",
            expected="a data folder whose preprocessing has finished",
            fix="Run python -m beam_pipelines.preprocess again.",
        )
    try:
        info = DatasetInfo.from_json((folder / INFO_FILE).read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ElectraError(
            f"{folder / INFO_FILE} cannot be read ({error!r})",
            expected=f"an info.json of format {FORMAT_VERSION}",
            fix="Run python -m beam_pipelines.preprocess again.",
        ) from error
    load_vocabulary(folder, info)
    _check_shards_exist(folder, info)
    return info


def _check_shards_exist(folder: Path, info: DatasetInfo) -> None:
    there = {path.name for path in folder.iterdir()}
    shards = [shard.file for split in info.splits.values() for shard in split]
    missing = [file for file in shards if file not in there]
    if missing:
        raise UsageError(
            f"{len(missing)} of {len(shards)} shards are missing in {folder}, such as "
            f"{missing[0]}",
            expected="all that info.json lists",
            fix="Copy the folder again, or preprocess again.",
        )


def load_vocabulary(folder: str | Path, info: DatasetInfo) -> Vocabulary:
    """Reads the folder's `vocab.txt` and checks it against `info`.

    Raises:
        ElectraError: Its hash is not the one the data were made with.
    """
    path = Path(folder) / VOCABULARY_FILE
    vocabulary = Vocabulary.load(path)
    if vocabulary.sha256 != info.vocabulary_sha256:
        raise ElectraError(
            f"{path} has hash {vocabulary.sha256[:12]}",
            expected=f"{info.vocabulary_sha256[:12]}, the vocabulary that the "
            "data were made with",
            fix="Restore that vocabulary or preprocess again.",
        )
    return vocabulary
