"""Command: raw text in, a data folder out.

    plan -> PreprocessJob -> audit -> description -> commit

Run `python -m beam_pipelines.preprocess --help`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from beam_pipelines import storage
from beam_pipelines.description import describe_folder
from beam_pipelines.job_description import FILE_TIMES
from beam_pipelines.manifest import check_rows, summary_line
from beam_pipelines.options import load_settings, make_preprocess_parser
from beam_pipelines.output_folder import JobFolder
from beam_pipelines.planning import (
    default_shuffle,
    describe_job,
    describe_plan,
    find_file_times,
    plan_job,
)
from beam_pipelines.preprocess_job import PreprocessJob
from beam_pipelines.runner_flags import check_paths
from beam_pipelines.runners import check_memory, make_runner, parse_arguments
from beam_pipelines.stats import make_stats
from electra_keras.command_line import run_command
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import ElectraError, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    return run_command(
        make_preprocess_parser(),
        _preprocess,
        argv,
        parse=parse_arguments,
        needs_tensorflow=False,
    )


def _preprocess(arguments: argparse.Namespace) -> None:
    start = time.monotonic()
    config = load_settings(arguments)
    vocabulary = _load_vocabulary(arguments.vocabulary)
    plan = plan_job(config)
    runner = make_runner(
        arguments.beam_arguments,
        workers=arguments.workers,
        text_bytes=plan.text_bytes,
        debug=arguments.debug,
    )
    shuffle = default_shuffle(runner, arguments.shuffle)
    if arguments.plan:
        print(describe_plan(plan, config, runner, shuffle))
        return
    filters = config.filters
    word_lists = (filters.blocked_words_file, filters.required_words_file)
    inputs = (file.path for file in plan.files)
    check_paths(runner.name, [*inputs, arguments.output, *word_lists])
    if shuffle == "beam" and runner.is_local:
        check_memory(plan.text_bytes)
    job_description = describe_job(config, plan, vocabulary.sha256)
    folder = JobFolder(
        arguments.output,
        overwrite=arguments.overwrite,
        resume=arguments.resume,
        description={**job_description, FILE_TIMES: find_file_times(plan)},
    )
    if folder.is_complete():
        print(f"{arguments.output} is complete; nothing to do")
        return
    with folder.open() as path:
        result = PreprocessJob(path, config, plan, vocabulary, runner, shuffle).run()
        try:
            check_rows(result.read, result.written, result.settings)
        except ElectraError:
            folder.discard()  # Which of the rows are wrong is not known.
            raise
        stats = make_stats(
            result.read,
            result.written,
            result.settings,
            near=result.near,
            overlaps=result.overlaps,
        )
        fingerprint = describe_folder(
            stats,
            result.written,
            result.settings,
            job_description,
            run={
                "elapsed_secs": round(time.monotonic() - start, 1),
                "runner": runner.name,
                "workers": runner.workers,
            },
        )
        folder.commit(fingerprint)
    print(summary_line(stats, arguments.output, time.monotonic() - start))


def _load_vocabulary(path: str) -> Vocabulary:
    if not storage.is_remote(path):
        return Vocabulary.load(path)
    if not storage.exists(path):
        raise UsageError(
            f"no vocabulary file at {path}",
            expected="a text file with one word piece a line",
            fix="Check --vocabulary.",
        )
    return Vocabulary.parse(storage.read_file(path), path)


if __name__ == "__main__":
    raise SystemExit(main())
