"""Command: raw text in, `vocab.txt` out.

    ranges -> CountWords -> group by bucket -> WriteWordCounts -> SaveRows

and then one process learns the word pieces from the counts. Run
`python -m beam_pipelines.build_vocabulary --help`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_pipelines.documents import FileRange, find_files, plan_ranges
from beam_pipelines.manifest import SaveRows, take_rows
from beam_pipelines.options import (
    VocabularyOptions,
    from_arguments,
    make_vocabulary_parser,
)
from beam_pipelines.output_folder import check_output, write_file
from beam_pipelines.runners import make_pipeline_options, parse_arguments, run_pipeline
from beam_pipelines.vocabulary import learn_and_report
from beam_pipelines.word_counts import CountWords, WriteWordCounts, load_word_counts
from electra_keras.command_line import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    return run_command(
        make_vocabulary_parser(), _build_vocabulary, argv, parse=parse_arguments
    )


def _build_vocabulary(arguments: argparse.Namespace) -> None:
    start = time.monotonic()
    options = from_arguments(VocabularyOptions, arguments)
    pipeline_options = make_pipeline_options(arguments.beam_arguments)
    check_output(options.output, overwrite=options.overwrite)
    files = find_files(options.input)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = beam.Pipeline(options=pipeline_options)
        build_pipeline(pipeline, plan_ranges(files), folder=folder, options=options)
        totals = {"count": sum(file.text_bytes for file in files)}
        run_pipeline(pipeline, totals, debug=arguments.debug)
        words, counts = load_word_counts(Path(folder), take_rows(Path(folder)))
    text, summary = learn_and_report(words, counts, options)
    write_file(options.output, text, overwrite=options.overwrite)
    elapsed_secs = time.monotonic() - start
    rate = counts["text_bytes"] / 1e6 / elapsed_secs
    print(f"{options.output}: {summary}, {rate:.1f} MB/s, {elapsed_secs:.1f} s")


def build_pipeline(
    pipeline: beam.Pipeline,
    ranges: Sequence[FileRange],
    *,
    folder: str,
    options: VocabularyOptions,
) -> Any:
    """Adds the steps to a pipeline; one grouping, one leaf."""
    return (
        pipeline
        | "CreateRanges" >> beam.Create(list(ranges))
        | "CountWords" >> CountWords(options.max_bytes_per_word)
        | "GroupByBucket" >> beam.GroupByKey()
        | "WriteWordCounts" >> WriteWordCounts(folder)
        | "SaveRows" >> SaveRows(folder)
    )


if __name__ == "__main__":
    raise SystemExit(main())
