"""python -m pytest tests/test_runners.py"""

from __future__ import annotations

import time

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import StandardOptions

from beam_pipelines.documents import FileRange
from beam_pipelines.options import make_preprocess_parser
from beam_pipelines.preprocess import build_pipeline
from beam_pipelines.progress import advance, progress_line, show_progress
from beam_pipelines.runners import (
    explain_failure,
    make_pipeline_options,
    parse_arguments,
)
from beam_pipelines.shards import ShardSettings
from beam_pipelines.splitting import plan_shards
from beam_pipelines.tokenization import TokenizerSpec
from electra_keras.errors import ElectraError, UsageError

OURS = ["--input=a", "--vocabulary=b", "--output=c"]


@pytest.mark.parametrize("flags", [[], ["--runner=DirectRunner"]])
def test_default_runner_is_this_process(flags: list[str]) -> None:
    options = make_pipeline_options(flags)
    assert options.view_as(StandardOptions).runner == "FnApiRunner"


def test_flags_of_beam_are_kept_for_beam() -> None:
    flags = ["--runner", "DataflowRunner", "--project=p", "--seed=4"]
    options = parse_arguments(make_preprocess_parser(), [*OURS, *flags])
    assert options.beam_arguments == ["--runner", "DataflowRunner", "--project=p"]
    assert options.seed == 4
    runner = make_pipeline_options(options.beam_arguments).view_as(StandardOptions)
    assert runner.runner == "DataflowRunner"


REMOTE = """Traceback (most recent call last):
  File "documents.py", line 1, in _read_gzip
{error} [while running 'ReadDocuments/ParDo(_ReadRangeFn)']

During handling of the above exception, another exception occurred:
RuntimeError: {error} [while running 'ReadDocuments/ParDo(_ReadRangeFn)']
"""


def test_our_error_is_found_in_the_text_of_a_worker() -> None:
    error = UsageError("x.txt; is bad", expected="a. good one", fix="Mend it. Now.")
    text = REMOTE.format(error=f"electra_keras.errors.UsageError: {error}")
    found = explain_failure(RuntimeError(text))
    assert isinstance(found, UsageError)
    assert str(found) == str(error)


def test_another_error_is_told_in_one_line() -> None:
    text = REMOTE.format(error="ValueError: no such thing")
    found = explain_failure(RuntimeError(text))
    assert type(found) is ElectraError
    assert "no such thing; expected every step to finish" in str(found)
    assert "\n" not in str(found)


def test_our_error_is_found_among_the_causes() -> None:
    ours = ElectraError("a", expected="b", fix="c")
    wrapped = RuntimeError("wrapped")
    wrapped.__context__ = ours
    assert explain_failure(wrapped) is ours


def test_pipeline_uses_portable_transforms_and_has_one_leaf() -> None:
    settings = ShardSettings(
        "folder", TokenizerSpec("v", "0", 300), {}, 9, "uint16", 8, 1, 0, 0, "none"
    )
    pipeline = beam.Pipeline(options=make_pipeline_options([]))
    ranges = [FileRange("a", 0, 0, 9)]
    build_pipeline(pipeline, ranges, plan=plan_shards(9, 0.1), settings=settings)
    transforms = pipeline.to_runner_api().components.transforms.values()
    urns = {transform.spec.urn for transform in transforms}
    assert "beam:transform:reshuffle:v1" not in urns
    assert "beam:transform:read:v1" not in urns
    consumed = {name for transform in transforms for name in transform.inputs.values()}
    produced = {
        name
        for transform in transforms
        if not transform.subtransforms
        for name in transform.outputs.values()
    }
    assert len(produced - consumed) == 1


def test_progress_is_a_plain_line_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beam_pipelines.progress.PLAIN_SECS", 0.01)
    totals = {"read": 4_000_000, "write": 4_000_000}
    with show_progress(totals):
        advance("read", 1_000_000)
        advance("read", 4_000_000)
        line = progress_line(totals, 2.0)
        time.sleep(0.5)
    err = capsys.readouterr().err
    assert line == "read 5.0 of ~5.0 MB, write 0.0 of ~4.0 MB after 2 s"
    assert err.startswith("read 5.0 of ~5.0 MB, write 0.0 of ~4.0 MB after")


@pytest.mark.parametrize("flag", ["-validation_rate=0.3", "--sede=4"])
def test_mistyped_flags_are_refused(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse_arguments(make_preprocess_parser(), [*OURS, flag])
    assert end.value.code == 2
    assert f"unknown flag {flag.split('=')[0]}; did you mean --" in (
        capsys.readouterr().err
    )
