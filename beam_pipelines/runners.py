"""Which Beam runner runs a pipeline, and what its failures mean.

Used by both drivers, between their options and their pipeline.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import logging
import re
import sys
from collections.abc import Iterable, Mapping, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
)

from beam_pipelines.progress import show_progress
from electra_keras import errors
from electra_keras.errors import ElectraError, UsageError

_LOCAL_RUNNER = "FnApiRunner"
# Lines of a traceback's text, without Beam's remark on the step.
_STEP = r"(?: \[while running .*\])?$"
_FAILURE = re.compile(rf"^((?:[\w.]+\.)?\w+(?:Error|Exception): .*?){_STEP}", re.M)
_OUR_FAILURE = re.compile(
    rf"errors\.(UsageError|ElectraError): (.*); expected (.*?)\. (.*?){_STEP}", re.M
)


def parse_arguments(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None
) -> argparse.Namespace:
    """Parses our flags and keeps Beam's in `beam_arguments`.

    Exits with 2 on a flag that neither knows, naming the nearest valid one.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    beam_flags = _beam_flags()
    our_flags = list(parser._option_string_actions)
    # First, since argparse would rather tell of the required one that is
    # missing because it was mistyped.
    for argument in arguments:
        name = argument.split("=")[0]
        if re.match("-+[A-Za-z]", name) and name not in {*our_flags, *beam_flags}:
            parser.error(f"unknown flag {name}{_hint(name, our_flags, beam_flags)}")
    options, rest = parser.parse_known_args(arguments)
    for previous, argument in itertools.pairwise(["", *rest]):
        if not argument.startswith("-") and previous not in beam_flags:
            parser.error(f"unexpected argument {argument!r}; quote globs")
    options.beam_arguments = rest
    return options


def _hint(name: str, *flag_groups: Iterable[str]) -> str:
    for flags in flag_groups:
        for nearest in difflib.get_close_matches(name, flags, n=1):
            return f"; did you mean {nearest}?"
    return ""


def _beam_flags() -> set[str]:
    flags: set[str] = set()
    for options_class in PipelineOptions.__subclasses__():
        parser = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
        if hasattr(options_class, "_add_argparse_args"):
            options_class._add_argparse_args(parser)
        flags.update(parser._option_string_actions)
    return flags


def make_pipeline_options(beam_arguments: Sequence[str]) -> PipelineOptions:
    """Makes Beam's options; the default runner is this process.

    Raises:
        UsageError: `--direct_running_mode=multi_threading`.
    """
    options = PipelineOptions(list(beam_arguments))
    if options.view_as(DirectOptions).direct_running_mode == "multi_threading":
        raise UsageError(
            "--direct_running_mode=multi_threading",
            expected="in_memory or multi_processing: with threads Beam 2.77 loses "
            "records without a word (a race in its output buffers)",
            fix="Leave the flag out.",
        )
    standard = options.view_as(StandardOptions)
    # "DirectRunner" first looks for Prism, a binary to download.
    if standard.runner in (None, "DirectRunner", "direct"):
        standard.runner = _LOCAL_RUNNER
    return options


def run_pipeline(
    pipeline: beam.Pipeline, total_bytes: Mapping[str, int], *, debug: bool
) -> None:
    """Runs a pipeline to its end, with progress bars if it is in-process.

    Args:
        pipeline: Built, with options from `make_pipeline_options`.
        total_bytes: Expected bytes of text by stage, for the bars.
        debug: Leave Beam's errors and logs as they are.

    Raises:
        ElectraError: A step failed.
    """
    if not debug:
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    options = pipeline.options
    is_local = options.view_as(StandardOptions).runner == _LOCAL_RUNNER
    mode = options.view_as(DirectOptions).direct_running_mode
    try:
        if is_local and mode == "in_memory":
            with show_progress(total_bytes):
                pipeline.run().wait_until_finish()
        else:
            pipeline.run().wait_until_finish()
    except (ElectraError, OSError):
        raise
    except Exception as error:
        if debug:
            raise
        raise explain_failure(error) from error


def explain_failure(error: Exception) -> Exception:
    """Finds our error, or the last one, in what a runner raised.

    In this process the runner's error still holds ours; from a worker comes
    only the text of a traceback.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ElectraError | OSError):
            return cause
        cause = cause.__cause__ or cause.__context__
    ours = _OUR_FAILURE.findall(str(error))
    if ours:
        kind, received, expected, fix = ours[-1]
        known: type[ElectraError] = getattr(errors, kind)
        return known(received, expected=expected, fix=fix)
    failures = _FAILURE.findall(str(error))
    if not failures:
        return error
    return ElectraError(
        f"a step of the pipeline failed: {failures[-1]}",
        expected="every step to finish",
        fix="Run it again with --debug for the traceback.",
    )
