"""Which Beam runner runs a pipeline, and what its failures mean.

Used by both drivers, between their options and their pipeline.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import difflib
import itertools
import logging
import os
import re
import sys
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TextIO

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)

from beam_pipelines.config import DataConfig
from beam_pipelines.progress import show_progress
from beam_pipelines.runner_flags import (
    LOCAL_RUNNER,
    LONG_NAMES,
    check_runner,
    register_flags,
    runner_name,
    with_defaults,
)
from electra_keras import errors
from electra_keras.errors import ElectraError, UsageError, find_causes

# Below this much text starting processes costs more than it gains.
ONE_PROCESS_BYTES = 100 * 10**6
WORKER_BYTES = 900 * 10**6  # TensorFlow, the tokenizer and a shard at work.
SHUFFLE_FACTOR = 5  # Bytes of memory per byte that the local runner shuffles.
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
    register_flags(arguments)
    known_to_beam = beam_flags()
    our_flags = list(parser._option_string_actions)
    # First, since argparse would rather tell of the required one that is
    # missing because it was mistyped.
    for argument in arguments:
        name = argument.split("=")[0]
        if re.match("-+[A-Za-z]", name) and name not in {*our_flags, *known_to_beam}:
            parser.error(
                f"unknown flag {name}{_hint(name, [*our_flags, *known_to_beam])}"
            )
    options, rest = parser.parse_known_args(arguments)
    for previous, argument in itertools.pairwise(["", *rest]):
        if not argument.startswith("-") and previous not in known_to_beam:
            parser.error(f"unexpected argument {argument!r}; quote globs")
    options.beam_arguments = rest
    return options


def _hint(name: str, flags: Collection[str]) -> str:
    """What was meant: a setting that has no flag, or a flag nearly like it."""
    key = name.lstrip("-")
    for section, kind in typing.get_type_hints(DataConfig).items():
        is_section = dataclasses.is_dataclass(kind) and f"--{key}" not in flags
        names = [f.name for f in dataclasses.fields(kind)] if is_section else []
        if key in names:
            return f"; write --set {section}.{key}=VALUE"
    nearest = difflib.get_close_matches(name, flags, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def beam_flags() -> set[str]:
    """Returns all flags that Beam knows."""
    flags: set[str] = set()
    for options_class in PipelineOptions.__subclasses__():
        parser = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
        if hasattr(options_class, "_add_argparse_args"):
            options_class._add_argparse_args(parser)
        flags.update(parser._option_string_actions)
    return flags


@dataclasses.dataclass(frozen=True)
class Runner:
    """Runs the pipelines of a job.

    Attributes:
        arguments: Flags of Beam.
        workers: Processes of the local runner; others choose for themselves.
        debug: Leave Beam's errors and logs as they are.
    """

    arguments: tuple[str, ...]
    workers: int
    debug: bool

    @property
    def is_local(self) -> bool:
        """Whether the pipelines run on this machine, in Beam's own runner."""
        return self.name == LOCAL_RUNNER

    @property
    def name(self) -> str:
        """As Beam calls it."""
        return runner_name(PipelineOptions(list(self.arguments)))

    def options(self) -> PipelineOptions:
        """Makes Beam's options."""
        options = PipelineOptions(list(self.arguments))
        standard = options.view_as(StandardOptions)
        standard.runner = LONG_NAMES.get(self.name, self.name)
        if self.is_local and self.workers > 1:
            direct = options.view_as(DirectOptions)
            direct.direct_running_mode = "multi_processing"
            direct.direct_num_workers = self.workers
        return options

    @property
    def temp_location(self) -> str:
        """Where the runner may put files for a while, "" if it was not told."""
        return self.options().view_as(GoogleCloudOptions).temp_location or ""

    def pipeline(self) -> beam.Pipeline:
        """Makes an empty pipeline."""
        return beam.Pipeline(options=self.options())

    def run(
        self,
        pipeline: beam.Pipeline,
        total_bytes: Mapping[str, int],
        done_bytes: Mapping[str, Callable[[], int]] | None = None,
    ) -> None:
        """Runs a pipeline to its end, with progress bars.

        Args:
            pipeline: From `pipeline`.
            total_bytes: Expected bytes of text by stage, for the bars.
            done_bytes: How to ask, by stage, what workers elsewhere have done.

        Raises:
            ElectraError: A step failed.
        """
        if not self.debug:
            logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
        in_process = self.is_local and self.workers == 1
        ask = {} if in_process else done_bytes or {}
        is_quiet = self.is_local and not in_process and not self.debug
        try:
            with (
                _quiet_workers() if is_quiet else contextlib.nullcontext() as stream,
                show_progress(total_bytes, ask, stream),
            ):
                result = pipeline.run()
                try:
                    result.wait_until_finish()
                finally:
                    _close(result)
        except (ElectraError, OSError):
            raise
        except Exception as error:
            if self.debug:
                raise
            if any(isinstance(x, KeyboardInterrupt) for x in find_causes(error)):
                raise KeyboardInterrupt from None  # Within a step.
            raise explain_failure(error) from None  # It may be the cause itself.


def _close(result: Any) -> None:
    """Ends Dask's client, and the cluster it may have started, which Beam leaves."""
    if hasattr(result, "client") and hasattr(result, "futures"):
        result.client.close()


@contextlib.contextmanager
def _quiet_workers() -> Iterator[TextIO]:
    """Sends what worker processes write on stderr nowhere.

    They log each step of their start before any log level applies; what goes
    wrong in them comes back as an exception.

    Yields:
        The true stderr.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    with (
        open(os.devnull, "wb") as null,
        os.fdopen(os.dup(saved), "w", buffering=1) as stream,
    ):
        os.dup2(null.fileno(), 2)
        try:
            yield stream
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def make_runner(
    beam_arguments: Sequence[str], *, workers: int, text_bytes: int, debug: bool
) -> Runner:
    """Chooses the runner; by default this process, or several for much text.

    Args:
        beam_arguments: Flags of Beam.
        workers: Processes of the local runner; 0 decides by the text.
        text_bytes: Size of the input.
        debug: Leave Beam's errors and logs as they are.

    Raises:
        UsageError: A runner or mode that loses data or cannot start here.
    """
    options = PipelineOptions(list(beam_arguments))
    check_runner(options)
    direct = options.view_as(DirectOptions)
    if direct.direct_running_mode == "multi_processing" and not workers:
        workers = direct.direct_num_workers or os.cpu_count() or 1
    runner = Runner(tuple(with_defaults(beam_arguments, options)), workers or 1, debug)
    if not workers and runner.is_local and text_bytes > ONE_PROCESS_BYTES:
        affordable = int(0.7 * memory_bytes() / WORKER_BYTES)
        workers = max(1, min(os.cpu_count() or 1, affordable))
        runner = dataclasses.replace(runner, workers=workers)
    return runner


def memory_bytes() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_memory(text_bytes: int) -> None:
    """Refuses to shuffle in this process what does not fit its memory.

    Raises:
        UsageError: Beam's local runner would need more than 70% of it.
    """
    needed = WORKER_BYTES + SHUFFLE_FACTOR * text_bytes
    if needed > 0.7 * memory_bytes():
        raise UsageError(
            f"--shuffle=beam for {text_bytes / 1e9:.1f} GB of text, which the local "
            f"runner keeps in memory, about {needed / 1e9:.1f} GB",
            expected=f"at most 70% of the {memory_bytes() / 1e9:.1f} GB here",
            fix="Pass --shuffle=files, which needs little memory whatever the size.",
        )


def explain_failure(error: Exception) -> Exception:
    """Finds our error, or the last one, in what a runner raised.

    In this process the runner's error still holds ours; from a worker comes
    only the text of a traceback.
    """
    for cause in find_causes(error):
        if isinstance(cause, ElectraError | OSError):
            return cause
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
