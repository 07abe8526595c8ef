"""The flags of both commands: what they mean, and which setting each is.

Feeds the drivers. A flag sets a key of `config.py`; it wins over the file of
`--config`, and `--set` over both.
"""

from __future__ import annotations

import argparse
import dataclasses
import typing
from typing import Any

from beam_pipelines.config import DataConfig
from beam_pipelines.flags import (
    PREPROCESS_FLAGS,
    READ_FLAGS,
    VOCABULARY_FLAGS,
    Flag,
)
from electra_keras.command_line import make_parser
from electra_keras.config_files import load_config_as
from electra_keras.errors import UsageError

_PREPROCESS_TEXT = """\
Turns raw text into a data folder that electra_keras.train reads.

In:  text (documents are separated by blank lines), one document a line, JSONL,
     CSV, TSV or Parquet; plain or compressed.
Out: DIR/train-*.tfrecord.gz, validation-* and test-*, vocab.txt, info.json
     (what the records hold), stats.json and report.html (what happened),
     rejected/ (what was left out, and why), and COMPLETED, written last.

The same input, settings and seed give the same bytes, on any runner. DIR
appears whole or not at all; a job that was stopped goes on with --resume.

examples:
  python -m beam_pipelines.preprocess --input='corpus/*.txt' \\
    --vocabulary=vocab.txt --output=data --sequence_length=128
  python -m beam_pipelines.preprocess --config=configs/data_korean_comments.yaml \\
    --vocabulary=vocab.txt --output=data --plan
"""

_VOCABULARY_TEXT = """\
Learns a WordPiece vocabulary from raw text.

In:  what beam_pipelines.preprocess reads, cleaned in the same way.
Out: vocab.txt, one entry a line: [PAD] [UNK] [CLS] [SEP] [MASK] at 0 to 4,
     the alphabet, then word pieces, those learned first in front. It has
     exactly the size asked for, and the same text gives the same file.
     Beside it vocab.txt.report.md and .json: how well it fits.

example:
  python -m beam_pipelines.build_vocabulary --input='corpus/*.txt' \\
    --output=vocab.txt --vocabulary_size=16000
"""

_EPILOG = (
    "Every setting of beam_pipelines/config.py and filters.py can be given in the "
    "YAML file of --config or as --set section.key=value; --set wins over flags, "
    "flags over the file. Flags that Beam knows, such as --runner=..., are passed "
    "on to it; docs/runners.md has the commands."
)


def make_preprocess_parser() -> argparse.ArgumentParser:
    """Makes the parser of `beam_pipelines.preprocess`."""
    parser = make_parser("beam_pipelines.preprocess", _PREPROCESS_TEXT)
    parser.epilog = _EPILOG
    files = parser.add_argument_group("files")
    _add_input(files)
    files.add_argument(
        "--vocabulary",
        required=True,
        metavar="FILE",
        help="word pieces from beam_pipelines.build_vocabulary",
    )
    files.add_argument("--output", required=True, metavar="DIR", help="folder to make")
    files.add_argument(
        "--overwrite",
        action="store_true",
        help="move what is at DIR aside, to DIR.old-1, and write anew",
    )
    files.add_argument(
        "--resume", action="store_true", help="go on with a job that was stopped"
    )
    files.add_argument(
        "--plan",
        action="store_true",
        help="say what would be done, with memory and time; write nothing",
    )
    settings = parser.add_argument_group("settings")
    _add_flags(settings, (*READ_FLAGS, *PREPROCESS_FLAGS))
    settings.add_argument(
        "--near_duplicates",
        action="store_true",
        help="drop near-duplicates too, not only equal documents",
    )
    settings.add_argument(
        "--keep_duplicates", action="store_true", help="keep equal documents"
    )
    running = parser.add_argument_group("running")
    _add_workers(running)
    running.add_argument(
        "--shuffle",
        choices=("auto", "files", "beam"),
        default="auto",
        help="how documents get to their shard: through files, with little memory, "
        "or through Beam's own shuffle; auto: files on this machine, else beam",
    )
    return parser


def make_vocabulary_parser() -> argparse.ArgumentParser:
    """Makes the parser of `beam_pipelines.build_vocabulary`."""
    parser = make_parser("beam_pipelines.build_vocabulary", _VOCABULARY_TEXT)
    parser.epilog = _EPILOG
    files = parser.add_argument_group("files")
    _add_input(files)
    files.add_argument("--output", required=True, metavar="FILE", help="file to make")
    files.add_argument(
        "--overwrite",
        action="store_true",
        help="move what is at FILE aside, to FILE.old-1, and write anew",
    )
    settings = parser.add_argument_group("settings")
    _add_flags(settings, (*VOCABULARY_FLAGS, *READ_FLAGS))
    _add_workers(parser.add_argument_group("running"))
    return parser


def _add_input(group: Any) -> None:
    group.add_argument(
        "--config",
        metavar="FILE",
        help="YAML of settings, inputs with names, formats and weights among them",
    )
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, such as filters.min_characters=10; may be repeated",
    )
    group.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="GLOB",
        help="files; several patterns separated by commas; may be repeated; takes the "
        "place of the path of the one input of --config",
    )


def _add_workers(group: Any) -> None:
    group.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="processes on this machine; 0: one, or one a core for over 100 MB",
    )


def _add_flags(group: Any, flags: tuple[Flag, ...]) -> None:
    for name, key, form, text in flags:
        default = _default(key)
        shown = "none" if default == "" else default
        is_choice = isinstance(form, tuple)
        group.add_argument(
            f"--{name}",
            type=type(default),
            choices=form if is_choice else None,
            metavar=None if is_choice else form,
            help=f"{text} (default: {shown})".replace("%", "%%"),
        )


def _default(key: str) -> Any:
    section, name = key.split(".")
    kind = typing.get_type_hints(DataConfig)[section]
    if section == "inputs":
        kind = typing.get_args(kind)[0]
    fields = {field.name: field for field in dataclasses.fields(kind)}
    return fields[name].default


def load_settings(arguments: argparse.Namespace) -> DataConfig:
    """Makes the settings of file, flags and `--set`.

    Raises:
        UsageError: A wrong value or key, or no input.
    """
    sections: dict[str, Any] = {}
    of_inputs: dict[str, Any] = {}
    flags = (*READ_FLAGS, *PREPROCESS_FLAGS)
    if hasattr(arguments, "vocabulary_size"):
        flags = (*READ_FLAGS, *VOCABULARY_FLAGS)
    for name, key, _, _ in flags:
        value = getattr(arguments, name)
        section, setting = key.split(".")
        if value is not None:
            keys = (
                of_inputs if section == "inputs" else sections.setdefault(section, {})
            )
            keys[setting] = value
    if getattr(arguments, "near_duplicates", False):
        sections.setdefault("deduplication", {})["near"] = True
    if getattr(arguments, "keep_duplicates", False):
        sections.setdefault("deduplication", {})["exact"] = False
    if arguments.input:
        known = _only_input(arguments.config)
        sections["inputs"] = [
            {**known, "path": path, **of_inputs} for path in arguments.input
        ]
    elif of_inputs:
        flag = f"--{next(iter(of_inputs))}"
        raise UsageError(
            f"{flag} without --input",
            expected="such flags with the files they are about",
            fix="Write it into the inputs of the --config file.",
        )
    config = load_config_as(DataConfig, arguments.config, arguments.set, sections)
    if not config.inputs:
        raise UsageError(
            "no input",
            expected="--input=GLOB, or inputs in the file of --config",
            fix="Name the text files, such as --input='corpus/*.txt'.",
        )
    return config


def _only_input(path: str | None) -> dict[str, Any]:
    """Returns the input of a file with one, whose path `--input` replaces.

    Raises:
        UsageError: The file has several; which one is meant is not known.
    """
    if path is None:
        return {}
    inputs = load_config_as(DataConfig, path).inputs
    if len(inputs) > 1:
        raise UsageError(
            f"--input with the {len(inputs)} inputs of {path}",
            expected="one or the other",
            fix="Change the paths in a copy of the file.",
        )
    return dataclasses.asdict(inputs[0]) if inputs else {}
