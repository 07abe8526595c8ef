"""The options of both commands: what they mean, their units and checks.

Feeds the drivers. A frozen dataclass per command holds the resolved values;
its parser teaches them.
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from beam_pipelines.packing import (
    MIN_SEQUENCE_LENGTH,
    SHORT_EXAMPLE_RATE,
    SINGLE_SEGMENT_RATE,
)
from beam_pipelines.splitting import SHARD_BYTES
from electra_keras.command_line import make_parser
from electra_keras.errors import UsageError

MIN_VOCABULARY_SIZE = 32
MIN_BYTES_PER_WORD = 16
MAX_BYTES_PER_WORD = 300  # 100 Hangul syllables.

_PREPROCESS_TEXT = """\
Turns raw text into a data folder that electra_keras.train reads.

In:  text files (or gzip of text); documents are separated by blank lines, and
     a line is a sentence or a paragraph.
Out: DIR/train-*.tfrecord.gz and validation-*.tfrecord.gz, vocab.txt,
     info.json (what the records hold), stats.json (counts), and COMPLETED,
     written last. DIR appears whole or not at all.

The same input, options and seed give the same bytes.

example:
  python -m beam_pipelines.preprocess --input='corpus/*.txt' \\
    --vocabulary=vocab.txt --output=data --sequence_length=128
"""

_VOCABULARY_TEXT = """\
Learns a WordPiece vocabulary from raw text.

In:  text files (or gzip of text).
Out: vocab.txt, one entry a line: [PAD] [UNK] [CLS] [SEP] [MASK] at 0 to 4,
     the alphabet, then word pieces, those learned first in front. It has
     exactly the size asked for, and the same text gives the same file.

example:
  python -m beam_pipelines.build_vocabulary --input='corpus/*.txt' \\
    --output=vocab.txt --vocabulary_size=16000
"""

_EPILOG = "Flags that Beam knows, such as --runner=..., are passed on to it."


@dataclasses.dataclass(frozen=True)
class PreprocessOptions:
    """Options of `beam_pipelines.preprocess`.

    Attributes:
        input: Glob patterns, separated by commas.
        vocabulary: Path of `vocab.txt`.
        output: Folder to make.
        sequence_length: Tokens of an example, specials included.
        validation_rate: Fraction of documents in the validation split.
        seed: Of packing and of the order of examples.
        single_segment_rate: Fraction of examples with one segment.
        short_example_rate: Fraction of examples with a random target length.
        max_bytes_per_word: UTF-8 bytes; a longer word becomes [UNK].
        shard_bytes: Text of a train shard, in bytes.
        compression: "gzip" or "none".
        overwrite: Move what is at `output` aside.

    Raises:
        UsageError: A value is out of its range.
    """

    input: str
    vocabulary: str
    output: str
    sequence_length: int = 128
    validation_rate: float = 0.01
    seed: int = 1
    single_segment_rate: float = SINGLE_SEGMENT_RATE
    short_example_rate: float = SHORT_EXAMPLE_RATE
    max_bytes_per_word: int = MAX_BYTES_PER_WORD
    shard_bytes: int = SHARD_BYTES
    compression: str = "gzip"
    overwrite: bool = False

    def __post_init__(self) -> None:
        _check_at_least(self, "sequence_length", MIN_SEQUENCE_LENGTH)
        _check_rate(self, "validation_rate")
        _check_rate(self, "single_segment_rate")
        _check_rate(self, "short_example_rate")
        _check_at_least(self, "max_bytes_per_word", MIN_BYTES_PER_WORD)
        _check_at_least(self, "shard_bytes", 1)

    def recipe(self) -> dict[str, Any]:
        """Returns what decides the records; where they go does not."""
        fields = dataclasses.asdict(self)
        return {k: v for k, v in fields.items() if k not in ("output", "overwrite")}


@dataclasses.dataclass(frozen=True)
class VocabularyOptions:
    """Options of `beam_pipelines.build_vocabulary`.

    Attributes:
        input: Glob patterns, separated by commas.
        output: File to make.
        vocabulary_size: Entries, specials included.
        character_coverage: Fraction of all characters of the corpus that the
            alphabet covers; words with others become [UNK].
        max_characters: Most characters of the alphabet.
        max_bytes_per_word: UTF-8 bytes; longer words are not learned from.
        overwrite: Move what is at `output` aside.

    Raises:
        UsageError: A value is out of its range.
    """

    input: str
    output: str
    vocabulary_size: int = 16000
    character_coverage: float = 0.9995
    max_characters: int = 6000
    max_bytes_per_word: int = MAX_BYTES_PER_WORD
    overwrite: bool = False

    def __post_init__(self) -> None:
        _check_at_least(self, "vocabulary_size", MIN_VOCABULARY_SIZE)
        _check_rate(self, "character_coverage")
        _check_at_least(self, "max_characters", 1)
        _check_at_least(self, "max_bytes_per_word", MIN_BYTES_PER_WORD)


def _check_rate(options: Any, name: str) -> None:
    value = getattr(options, name)
    if not 0 <= value <= 1:
        raise UsageError(
            f"--{name}={value}",
            expected="a fraction from 0 to 1",
            fix=f"Pass --{name}={value / 100:g} for {value:g} percent."
            if 1 < value <= 100
            else "Correct it.",
        )


def _check_at_least(options: Any, name: str, least: int) -> None:
    value = getattr(options, name)
    if value < least:
        raise UsageError(
            f"--{name}={value}", expected=f"{least} or more", fix="Raise it."
        )


def make_preprocess_parser() -> argparse.ArgumentParser:
    """Makes the parser of `beam_pipelines.preprocess`."""
    parser = make_parser("beam_pipelines.preprocess", _PREPROCESS_TEXT)
    parser.epilog = _EPILOG
    add = _adder(parser, PreprocessOptions)
    add("input", "GLOB", "text files; several patterns separated by commas")
    add("vocabulary", "FILE", "word pieces from beam_pipelines.build_vocabulary")
    add("output", "DIR", "folder to make")
    add("sequence_length", "TOKENS", "tokens of an example, specials included")
    add("validation_rate", "RATE", "fraction of documents held out; 0 for none")
    add("seed", "N", "seed of packing and of the order of examples")
    add("single_segment_rate", "RATE", "fraction of examples with one segment")
    add("short_example_rate", "RATE", "fraction of examples cut short at random")
    add("max_bytes_per_word", "BYTES", "a longer word becomes [UNK]")
    add("shard_bytes", "BYTES", "text that goes into one train shard")
    _add_compression(parser)
    _add_overwrite(parser, "DIR")
    return parser


def make_vocabulary_parser() -> argparse.ArgumentParser:
    """Makes the parser of `beam_pipelines.build_vocabulary`."""
    parser = make_parser("beam_pipelines.build_vocabulary", _VOCABULARY_TEXT)
    parser.epilog = _EPILOG
    add = _adder(parser, VocabularyOptions)
    add("input", "GLOB", "text files; several patterns separated by commas")
    add("output", "FILE", "vocabulary file to make")
    add("vocabulary_size", "ENTRIES", "entries of the vocabulary, specials included")
    add("character_coverage", "RATE", "fraction of characters the alphabet covers")
    add("max_characters", "N", "most characters of the alphabet")
    add("max_bytes_per_word", "BYTES", "longer words are not learned from")
    _add_overwrite(parser, "FILE")
    return parser


def _adder(parser: argparse.ArgumentParser, options_class: type) -> Any:
    """Returns a function that adds a flag with its dataclass default."""
    fields = {field.name: field for field in dataclasses.fields(options_class)}

    def add(name: str, metavar: str, text: str) -> None:
        default = fields[name].default
        if default is dataclasses.MISSING:
            parser.add_argument(f"--{name}", required=True, metavar=metavar, help=text)
            return
        parser.add_argument(
            f"--{name}",
            type=type(default),
            default=default,
            metavar=metavar,
            help=f"{text} (default: %(default)s)",
        )

    return add


def _add_compression(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--compression",
        choices=("gzip", "none"),
        default="gzip",
        help="of the shards (default: %(default)s)",
    )


def _add_overwrite(parser: argparse.ArgumentParser, metavar: str) -> None:
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help=f"move what is at {metavar} aside, to {metavar}.old-1, and write anew",
    )


def from_arguments(options_class: type, arguments: argparse.Namespace) -> Any:
    """Makes an options dataclass of parsed arguments."""
    names = [field.name for field in dataclasses.fields(options_class)]
    return options_class(**{name: getattr(arguments, name) for name in names})
