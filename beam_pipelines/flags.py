"""Which flag is which setting: the tables that `options.py` makes parsers of."""

from __future__ import annotations

from typing import Any

from beam_pipelines.cleaning.presets import PRESETS
from beam_pipelines.config import (
    COMPRESSIONS,
    FORMATS,
    MALFORMED_POLICIES,
    MORPHEME_SPLITTERS,
    PACKINGS,
    PERSONAL_DATA_POLICIES,
)

# Flag, setting, metavar or choices, help.
Flag = tuple[str, str, Any, str]
READ_FLAGS: tuple[Flag, ...] = (
    ("format", "inputs.format", FORMATS, "of the files of --input"),
    ("text_key", "inputs.text_key", "KEY", "field or column of the text"),
    ("id_key", "inputs.id_key", "KEY", "field or column that names documents"),
    ("turns_key", "inputs.turns_key", "KEY", "field of a list of turns (dialogues)"),
    ("limit", "read.limit", "N", "documents to read, the first ones; 0: all"),
    ("sample_rate", "read.sample_rate", "RATE", "fraction of documents to use"),
    (
        "malformed_utf8",
        "read.malformed_utf8",
        MALFORMED_POLICIES,
        "what to do with bytes that are not UTF-8",
    ),
    ("clean", "clean.preset", tuple(PRESETS), "cleaning preset, see docs/cleaning.md"),
    (
        "personal_data",
        "clean.personal_data",
        PERSONAL_DATA_POLICIES,
        "telephone numbers, e-mail and such",
    ),
    (
        "max_bytes_per_word",
        "packing.max_bytes_per_word",
        "BYTES",
        "a longer word becomes [UNK]",
    ),
)
PREPROCESS_FLAGS: tuple[Flag, ...] = (
    (
        "decontaminate",
        "decontamination.path",
        "GLOB",
        "evaluation files whose lines are cut from the corpus",
    ),
    ("packing", "packing.kind", PACKINGS, "how documents become examples"),
    (
        "sequence_length",
        "packing.sequence_length",
        "TOKENS",
        "tokens of an example, specials included",
    ),
    (
        "single_segment_rate",
        "packing.single_segment_rate",
        "RATE",
        "fraction of examples with one segment",
    ),
    (
        "short_example_rate",
        "packing.short_example_rate",
        "RATE",
        "fraction of examples cut short at random",
    ),
    ("seed", "packing.seed", "N", "seed of packing and of the order of examples"),
    (
        "validation_rate",
        "shards.validation_rate",
        "RATE",
        "fraction of documents held out; 0 for none",
    ),
    ("test_rate", "shards.test_rate", "RATE", "fraction held out as a test split"),
    ("shard_bytes", "shards.shard_bytes", "BYTES", "text of one train shard"),
    ("compression", "shards.compression", COMPRESSIONS, "of the shards"),
)
VOCABULARY_FLAGS: tuple[Flag, ...] = (
    ("vocabulary_size", "vocabulary.size", "ENTRIES", "entries, specials included"),
    (
        "character_coverage",
        "vocabulary.character_coverage",
        "RATE",
        "fraction of characters the alphabet covers",
    ),
    (
        "max_characters",
        "vocabulary.max_characters",
        "N",
        "most characters of the alphabet",
    ),
    (
        "unused_tokens",
        "vocabulary.unused_tokens",
        "N",
        "slots [unused0].. for later use",
    ),
    (
        "user_tokens_file",
        "vocabulary.user_tokens_file",
        "FILE",
        "entries to hold in any case, one a line",
    ),
    (
        "morphemes",
        "vocabulary.morphemes",
        MORPHEME_SPLITTERS,
        "split words into morphemes before counting",
    ),
    (
        "validation_rate",
        "vocabulary.validation_rate",
        "RATE",
        "fraction of documents to measure on and not to learn from",
    ),
)
