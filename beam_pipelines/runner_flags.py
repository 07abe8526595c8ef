"""Beam's flags in, checked and completed: which runner, and what it needs.

Below `runners.py`. What cannot start here, or loses data, is refused before
anything is read.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
)

from beam_pipelines import storage
from electra_keras.errors import UsageError

LOCAL_RUNNER = "FnApiRunner"
# Beam has no short name for it.
LONG_NAMES = {"DaskRunner": "apache_beam.runners.dask.dask_runner.DaskRunner"}
# Runners that fetch what they start from the internet unless it is given.
_NEEDS_FILE = {
    "FlinkRunner": "flink_job_server_jar",
    "SparkRunner": "spark_job_server_jar",
    "PrismRunner": "prism_location",
}


def register_flags(arguments: Sequence[str]) -> None:
    """Lets Beam know Dask's flags, which it does only once they are imported."""
    if any("dask" in argument.lower() for argument in arguments):
        # Read when Dask is imported, here and in its workers: else they tell
        # of each step of their start.
        os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
        with contextlib.suppress(ImportError):
            importlib.import_module("apache_beam.runners.dask.dask_runner")


def runner_name(options: PipelineOptions) -> str:
    """Spells a runner's name as Beam does, which takes it in any case."""
    given = options.view_as(StandardOptions).runner or LOCAL_RUNNER
    names = {name.lower(): name for name in _known_names()}
    names |= {long.lower(): name for name, long in LONG_NAMES.items()}
    lower = given.lower()
    name = names.get(lower) or names.get(f"{lower}runner") or given
    # Both first look for Prism, a binary to download.
    is_direct = name in ("DirectRunner", "SwitchingDirectRunner")
    return LOCAL_RUNNER if is_direct else name


def _known_names() -> list[str]:
    return [*StandardOptions.KNOWN_RUNNER_NAMES, *LONG_NAMES]


def check_runner(options: PipelineOptions) -> None:
    """Checks that the runner can start and keeps all data.

    Raises:
        UsageError: It does not, or what it needs is not given.
    """
    if options.view_as(DirectOptions).direct_running_mode == "multi_threading":
        raise UsageError(
            "--direct_running_mode=multi_threading",
            expected="in_memory or multi_processing: with threads Beam 2.77 loses "
            "records without a word (a race in its output buffers)",
            fix="Leave the flag out, or pass --workers=N for N processes.",
        )
    name = runner_name(options)
    if name not in _known_names() and "." not in name:
        raise UsageError(
            f"--runner={name}",
            expected=f"one of {', '.join(_known_names())}",
            fix="Correct the name; see docs/runners.md.",
        )
    if name == "DaskRunner" and not _is_installed("dask.distributed"):
        raise UsageError(
            f"--runner={name} without Dask",
            expected="the extra 'dask'",
            fix="In the checkout, run pip install '.[dask]'.",
        )
    given = options.get_all_options(drop_default=True)
    if given.get("dry_run"):
        raise UsageError(
            "--dry_run",
            expected="--plan, since nothing comes back from a dry run of Beam's",
            fix="Pass --plan, which says what would be done and writes nothing.",
        )
    flag = _NEEDS_FILE.get(name, "")
    if flag and not (given.get(flag) or given.get("job_endpoint")):
        raise UsageError(
            f"--runner={name} without --{flag}",
            expected="the file that this runner starts, which pip does not install",
            fix=f"Download it and pass --{flag}=FILE; see docs/runners.md.",
        )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # Of a package above it.
        return False


def check_paths(name: str, paths: Sequence[str]) -> None:
    """Checks that workers elsewhere reach what they read and write.

    Args:
        name: Of the runner.
        paths: Of input, output and word lists; "" for none.

    Raises:
        UsageError: Dataflow is to use files of this machine.
    """
    local = [path for path in paths if path and not storage.is_remote(path)]
    if name == "DataflowRunner" and local:
        raise UsageError(
            f"{local[0]} with --runner={name}",
            expected="input and output behind a scheme such as gs://, since its "
            "workers do not see the files of this machine",
            fix="Copy the input to a bucket and name it there.",
        )


def with_defaults(arguments: Sequence[str], options: PipelineOptions) -> Iterator[str]:
    """Adds the flags without which a runner does not do what it should."""
    yield from arguments
    name = runner_name(options)
    given = {argument.split("=")[0] for argument in arguments}
    if name == "DaskRunner" and not given & {
        "--dask_partition_size",
        "--dask_npartitions",
    }:
        # Beam would pack all units into one partition, for one worker.
        yield "--dask_partition_size=1"
    if name == "DataflowRunner" and "--setup_file" not in given:
        setup = Path(__file__).parents[1] / "setup.py"
        image = {"--sdk_container_image", "--worker_harness_container_image"}
        if setup.is_file() and not image & given:
            yield f"--setup_file={setup}"
