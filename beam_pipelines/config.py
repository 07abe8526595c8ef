"""All settings of the data pipeline: defaults, units and checks.

`options.py` reads them from a YAML file that lists only what differs, and from
flags; every station from the readers to the report is told by them.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from beam_pipelines.checks import (
    check_at_least,
    check_at_most,
    check_choice,
    check_rate,
)
from beam_pipelines.filters import FilterConfig
from electra_keras.errors import UsageError

FORMATS = ("auto", "text", "lines", "jsonl", "csv", "tsv", "parquet")
MALFORMED_POLICIES = ("replace", "skip", "fail")
PERSONAL_DATA_POLICIES = ("keep", "scrub")
SENTENCE_POLICIES = ("auto", "always", "never")
PACKINGS = ("reference", "dense", "short")
COMPRESSIONS = ("gzip", "none")
MIN_SEQUENCE_LENGTH = 8
MAX_SEQUENCE_LENGTH = 2**16 - 1  # Lengths of dense blocks are uint16.
MIN_BYTES_PER_WORD = 16
MIN_VOCABULARY_SIZE = 32
MORPHEME_SPLITTERS = ("none", "kiwi", "mecab")


@dataclasses.dataclass(frozen=True)
class InputConfig:
    """One named input.

    Attributes:
        path: Glob patterns, separated by commas. Compression (gzip, zstd,
            bzip2, xz) is told by content.
        name: In reports; "" takes the path.
        format: "text": documents separated by blank lines. "lines": one
            document a line. "jsonl", "csv", "tsv", "parquet": one document a
            row, see the keys. "auto": by the suffix of the name, without that
            of the compression; else text.
        text_key: Field or column of the text. JSON and Parquet: dots reach
            into nested fields, "data.body". CSV and TSV: a name of the header
            or a number, counted from 0, for files without one.
        id_key: Field or column that names documents; "" for none.
        turns_key: JSON and Parquet: field of a list of turns, which then takes
            the place of `text_key`; "" for none. A turn is a text, or an
            object with the next two fields.
        speaker_key: Field of a turn. Another speaker starts another segment;
            turns that are plain texts are each by another speaker.
        turn_text_key: Field of a turn.
        weight: How often each document is used: 0.5 uses half of them, chosen
            by hash, 2 every one twice.
    """

    path: str
    name: str = ""
    format: str = "auto"
    text_key: str = "text"
    id_key: str = ""
    turns_key: str = ""
    speaker_key: str = "speaker"
    turn_text_key: str = "text"
    weight: float = 1.0


@dataclasses.dataclass(frozen=True)
class ReadConfig:
    """How files are read.

    Attributes:
        malformed_utf8: "replace" puts U+FFFD for bytes that are not UTF-8,
            "skip" rejects their document, "fail" ends the job.
        max_document_bytes: A larger document is rejected, unread.
        max_unreadable_rate: Fraction of documents that may be rejected as
            unreadable (too large, broken JSON, no text) before the job fails.
        max_malformed_rate: Fraction of documents that may hold bytes that are
            not UTF-8 before the job fails: the files are in another encoding.
        limit: Documents to read, the first ones; 0 for all.
        sample_rate: Fraction of documents to use, chosen by hash.
    """

    malformed_utf8: str = "replace"
    max_document_bytes: int = 8 * 2**20
    max_unreadable_rate: float = 0.1
    max_malformed_rate: float = 0.5
    limit: int = 0
    sample_rate: float = 1.0

    def __post_init__(self) -> None:
        check_choice("read.malformed_utf8", self.malformed_utf8, MALFORMED_POLICIES)
        check_at_least("read.max_document_bytes", self.max_document_bytes, 1)
        check_rate("read.max_unreadable_rate", self.max_unreadable_rate)
        check_rate("read.max_malformed_rate", self.max_malformed_rate)
        check_at_least("read.limit", self.limit, 0)
        check_rate("read.sample_rate", self.sample_rate)


@dataclasses.dataclass(frozen=True)
class CleanConfig:
    """What is done to the text of a document, after normalising it to NFC.

    Attributes:
        preset: A name of `cleaning/presets.py`; docs/cleaning.md shows each.
        personal_data: "keep", or "scrub" telephone numbers, e-mail and such.
        split_sentences: "always" breaks lines at ends of sentences, "never"
            leaves them, "auto" breaks those of every format but "text".
    """

    preset: str = "raw"
    personal_data: str = "keep"
    split_sentences: str = "auto"

    def __post_init__(self) -> None:
        from beam_pipelines.cleaning.presets import PRESETS

        check_choice("clean.preset", self.preset, tuple(PRESETS))
        check_choice("clean.personal_data", self.personal_data, PERSONAL_DATA_POLICIES)
        check_choice("clean.split_sentences", self.split_sentences, SENTENCE_POLICIES)


@dataclasses.dataclass(frozen=True)
class DecontaminationConfig:
    """Which lines are cut since they stand in evaluation files.

    Attributes:
        path: Glob patterns of the evaluation files; "" for none.
        format: As of an input; "auto" takes plain text as one row a line.
        text_key: As of an input; several columns separated by commas.
        ngram_characters: Letters and digits that must agree in a row.
    """

    path: str = ""
    format: str = "auto"
    text_key: str = "text"
    ngram_characters: int = 32

    def __post_init__(self) -> None:
        check_choice("decontamination.format", self.format, FORMATS)
        check_at_least("decontamination.ngram_characters", self.ngram_characters, 12)


@dataclasses.dataclass(frozen=True)
class DeduplicationConfig:
    """Which copies are dropped; the earliest one stays.

    Attributes:
        exact: Drop documents whose clean text equals that of an earlier one.
        near: Drop near-duplicates too (MinHash over character 5-grams); only
            with `exact`.
        near_threshold: Estimated similarity from which two are near.
    """

    exact: bool = True
    near: bool = False
    near_threshold: float = 0.7

    def __post_init__(self) -> None:
        check_rate("deduplication.near_threshold", self.near_threshold)
        if self.near and not self.exact:
            raise UsageError(
                "--near_duplicates with --keep_duplicates, or deduplication.near "
                "without deduplication.exact",
                expected="equal documents dropped where nearly equal ones are: they "
                "are the nearest of all",
                fix="Leave out one of the two.",
            )


@dataclasses.dataclass(frozen=True)
class PackingConfig:
    """How the tokens of documents become examples.

    Attributes:
        kind: "reference": [CLS] a [SEP] b [SEP] from one document, as the
            paper. "dense": several short documents a row, each attending to
            itself only. "short": one document a row.
        sequence_length: Tokens of an example, specials included.
        single_segment_rate: Reference: fraction of examples with one segment.
        short_example_rate: Reference: fraction with a random target length.
        max_bytes_per_word: UTF-8 bytes; a longer word becomes [UNK]. 300 is
            100 Hangul syllables.
        seed: Of packing and of the order of examples.
    """

    kind: str = "reference"
    sequence_length: int = 128
    single_segment_rate: float = 0.1
    short_example_rate: float = 0.05
    max_bytes_per_word: int = 300
    seed: int = 1

    def __post_init__(self) -> None:
        check_choice("packing.kind", self.kind, PACKINGS)
        length = self.sequence_length
        check_at_least("packing.sequence_length", length, MIN_SEQUENCE_LENGTH)
        check_at_most("packing.sequence_length", length, MAX_SEQUENCE_LENGTH)
        check_rate("packing.single_segment_rate", self.single_segment_rate)
        check_rate("packing.short_example_rate", self.short_example_rate)
        least = MIN_BYTES_PER_WORD
        check_at_least("packing.max_bytes_per_word", self.max_bytes_per_word, least)


@dataclasses.dataclass(frozen=True)
class ShardsConfig:
    """How examples are split and stored.

    Attributes:
        validation_rate: Fraction of documents in the validation split, by
            hash of the text.
        test_rate: Fraction in the test split.
        shard_bytes: Text of a train shard, in bytes.
        compression: "gzip" or "none".
    """

    validation_rate: float = 0.01
    test_rate: float = 0.0
    shard_bytes: int = 16 * 2**20
    compression: str = "gzip"

    def __post_init__(self) -> None:
        check_rate("shards.validation_rate", self.validation_rate)
        check_rate("shards.test_rate", self.test_rate)
        check_at_least("shards.shard_bytes", self.shard_bytes, 1)
        check_choice("shards.compression", self.compression, COMPRESSIONS)
        if self.validation_rate + self.test_rate > 1:
            raise UsageError(
                f"shards.validation_rate {self.validation_rate} and "
                f"shards.test_rate {self.test_rate}",
                expected="at most 1 together",
                fix="Lower one.",
            )


@dataclasses.dataclass(frozen=True)
class VocabularyConfig:
    """How `beam_pipelines.build_vocabulary` learns.

    Attributes:
        size: Entries, specials included.
        character_coverage: Fraction of all characters of the corpus that the
            alphabet covers; words with others become [UNK].
        max_characters: Most characters of the alphabet.
        unused_tokens: Slots [unused0].. after the specials, for later use.
        user_tokens_file: Entries to hold in any case, one a line; "" for none.
        morphemes: "none", or a splitter of words into morphemes, "kiwi" or
            "mecab", so that no piece crosses the border of two.
        validation_rate: Fraction of documents, by hash, that the report is
            measured on and nothing is learned from.
    """

    size: int = 16000
    character_coverage: float = 0.9995
    max_characters: int = 6000
    unused_tokens: int = 0
    user_tokens_file: str = ""
    morphemes: str = "none"
    validation_rate: float = 0.0

    def __post_init__(self) -> None:
        check_at_least("vocabulary.size", self.size, MIN_VOCABULARY_SIZE)
        check_rate("vocabulary.character_coverage", self.character_coverage)
        check_at_least("vocabulary.max_characters", self.max_characters, 1)
        check_at_least("vocabulary.unused_tokens", self.unused_tokens, 0)
        check_choice("vocabulary.morphemes", self.morphemes, MORPHEME_SPLITTERS)
        check_rate("vocabulary.validation_rate", self.validation_rate)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """All that decides vocabulary and records; where they go does not."""

    inputs: tuple[InputConfig, ...] = ()
    read: ReadConfig = dataclasses.field(default_factory=ReadConfig)
    clean: CleanConfig = dataclasses.field(default_factory=CleanConfig)
    filters: FilterConfig = dataclasses.field(default_factory=FilterConfig)
    decontamination: DecontaminationConfig = dataclasses.field(
        default_factory=DecontaminationConfig
    )
    deduplication: DeduplicationConfig = dataclasses.field(
        default_factory=DeduplicationConfig
    )
    packing: PackingConfig = dataclasses.field(default_factory=PackingConfig)
    shards: ShardsConfig = dataclasses.field(default_factory=ShardsConfig)
    vocabulary: VocabularyConfig = dataclasses.field(default_factory=VocabularyConfig)

    def recipe(self) -> dict[str, Any]:
        """Returns what decides the records, given a vocabulary."""
        values = json.loads(json.dumps(dataclasses.asdict(self)))
        del values["vocabulary"]
        return values
