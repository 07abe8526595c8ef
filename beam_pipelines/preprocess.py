"""Command: raw text in, a data folder out.

    ranges -> ReadDocuments -> group by shard -> WriteShards -> SaveRows

and then, when every shard is there, the audit and the files that describe it.
Run `python -m beam_pipelines.preprocess --help`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from beam_pipelines.documents import FileRange, find_files, plan_ranges
from beam_pipelines.manifest import (
    SaveRows,
    check_rows,
    make_stats,
    summary_line,
    take_rows,
    write_manifest,
)
from beam_pipelines.options import (
    PreprocessOptions,
    from_arguments,
    make_preprocess_parser,
)
from beam_pipelines.output_folder import check_output, new_folder
from beam_pipelines.runners import (
    make_pipeline_options,
    parse_arguments,
    run_pipeline,
)
from beam_pipelines.shards import ShardSettings, WriteShards, make_shard_settings
from beam_pipelines.splitting import ReadDocuments, ShardPlan, plan_shards
from electra_keras.command_line import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    return run_command(
        make_preprocess_parser(), _preprocess, argv, parse=parse_arguments
    )


def _preprocess(arguments: argparse.Namespace) -> None:
    start = time.monotonic()
    options = from_arguments(PreprocessOptions, arguments)
    pipeline_options = make_pipeline_options(arguments.beam_arguments)
    check_output(options.output, overwrite=options.overwrite)
    files = find_files(options.input)
    text_bytes = sum(file.text_bytes for file in files)
    plan = plan_shards(text_bytes, options.validation_rate, options.shard_bytes)
    with new_folder(options.output, overwrite=options.overwrite) as folder:
        settings = make_shard_settings(options, folder)
        pipeline = beam.Pipeline(options=pipeline_options)
        build_pipeline(pipeline, plan_ranges(files), plan=plan, settings=settings)
        totals = {"read": text_bytes, "write": text_bytes}
        run_pipeline(pipeline, totals, debug=arguments.debug)
        rows = take_rows(folder)
        check_rows(rows, folder, validation_rate=options.validation_rate)
        stats = make_stats(rows, sequence_length=options.sequence_length)
        write_manifest(folder, rows, stats, options=options, settings=settings)
    print(summary_line(stats, options.output, time.monotonic() - start))


def build_pipeline(
    pipeline: beam.Pipeline,
    ranges: Sequence[FileRange],
    *,
    plan: ShardPlan,
    settings: ShardSettings,
) -> Any:
    """Adds the steps to a pipeline; one grouping, one leaf."""
    return (
        pipeline
        | "CreateRanges" >> beam.Create(list(ranges))
        | "ReadDocuments" >> ReadDocuments(plan)
        | "GroupByShard" >> beam.GroupByKey()
        | "WriteShards" >> WriteShards(settings)
        | "SaveRows" >> SaveRows(settings.folder)
    )


if __name__ == "__main__":
    raise SystemExit(main())
