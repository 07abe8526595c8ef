"""Command: raw text in, `vocab.txt` out, with a report on it.

    ranges -> CountRange -> AddUpBucket -> learn -> report

Run `python -m beam_pipelines.build_vocabulary --help`.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence

from beam_pipelines import storage
from beam_pipelines.options import load_settings, make_vocabulary_parser
from beam_pipelines.output_folder import check_output, write_file
from beam_pipelines.planning import plan_job
from beam_pipelines.runner_flags import check_paths
from beam_pipelines.runners import Runner, make_runner, parse_arguments
from beam_pipelines.vocabulary import learn_and_report
from beam_pipelines.word_counts import count_corpus
from electra_keras.command_line import run_command

REPORT_SUFFIXES = (".report.json", ".report.md")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    return run_command(
        make_vocabulary_parser(),
        _build_vocabulary,
        argv,
        parse=parse_arguments,
        needs_tensorflow=False,
    )


def _build_vocabulary(arguments: argparse.Namespace) -> None:
    start = time.monotonic()
    config = load_settings(arguments)
    output = arguments.output
    paths = (output, *(output + suffix for suffix in REPORT_SUFFIXES))
    for path in paths:
        check_output(path, overwrite=arguments.overwrite)
    plan = plan_job(config)
    runner = make_runner(
        arguments.beam_arguments,
        workers=arguments.workers,
        text_bytes=plan.text_bytes,
        debug=arguments.debug,
    )
    with _work_folder(output, runner) as folder:
        check_paths(runner.name, [*(file.path for file in plan.files), folder])
        words = count_corpus(plan, config, folder=folder, runner=runner)
    learned = learn_and_report(
        words.learned,
        words.counts,
        config.vocabulary,
        max_bytes_per_word=config.packing.max_bytes_per_word,
        held_out_counts=words.held_out,
    )
    texts = (learned.text, learned.report.to_json(), learned.report.to_markdown())
    for path, text in zip(paths, texts, strict=True):
        write_file(path, text, overwrite=arguments.overwrite)
    elapsed_secs = time.monotonic() - start
    rate = words.counts["text_bytes"] / 1e6 / elapsed_secs
    print(f"{output}: {learned.summary}, {rate:.1f} MB/s, {elapsed_secs:.1f} s")


@contextlib.contextmanager
def _work_folder(output: str, runner: Runner) -> Iterator[str]:
    """Gives a folder that all workers reach, and removes it."""
    if runner.is_local:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
        return
    folder = f"{output}.work"
    if storage.is_remote(runner.temp_location):
        name = f"vocabulary-{secrets.token_hex(4)}"
        folder = storage.join(runner.temp_location, name)
    try:
        yield folder
    finally:
        storage.remove_folder(folder)


if __name__ == "__main__":
    raise SystemExit(main())
