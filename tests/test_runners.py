"""python -m pytest tests/test_runners.py"""

from __future__ import annotations

import time

import pytest
from apache_beam.options.pipeline_options import DirectOptions

from beam_pipelines import runners
from beam_pipelines.options import make_preprocess_parser
from beam_pipelines.progress import advance, progress_line, show_progress
from beam_pipelines.runners import (
    Runner,
    check_memory,
    explain_failure,
    make_runner,
    parse_arguments,
)
from electra_keras.errors import ElectraError, UsageError

OURS = ["--input=a", "--vocabulary=b", "--output=c"]


def runner_of(flags: list[str], *, workers: int = 0, text_bytes: int = 0) -> Runner:
    return make_runner(flags, workers=workers, text_bytes=text_bytes, debug=False)


@pytest.mark.parametrize("flags", [[], ["--runner=DirectRunner"]])
def test_default_runner_is_this_process(flags: list[str]) -> None:
    runner = runner_of(flags)
    assert (runner.name, runner.is_local, runner.workers) == ("FnApiRunner", True, 1)


def test_much_text_gets_a_process_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr(runners, "memory_bytes", lambda: 64 * 10**9)
    assert runner_of([], text_bytes=10**9).workers == 4
    assert runner_of([], text_bytes=10**9, workers=1).workers == 1
    direct = runner_of([], text_bytes=10**9).options().view_as(DirectOptions)
    assert direct.direct_running_mode == "multi_processing"
    assert direct.direct_num_workers == 4
    monkeypatch.setattr(runners, "memory_bytes", lambda: 2 * 10**9)
    assert runner_of([], text_bytes=10**9).workers == 1


def test_shuffle_in_memory_is_refused_beyond_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runners, "memory_bytes", lambda: 16 * 10**9)
    check_memory(2 * 10**9)
    with pytest.raises(UsageError, match="--shuffle=files"):
        check_memory(3 * 10**9)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--direct_running_mode=multi_threading"], "loses records"),
        (["--runner=FlinkRunner"], "without --flink_job_server_jar"),
        (["--runner=SparkRunner"], "without --spark_job_server_jar"),
        (["--runner=PrismRunner"], "without --prism_location"),
    ],
)
def test_unsafe_and_unreachable_runners_are_refused(
    flags: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        runner_of(flags)


def test_flags_of_beam_are_kept_for_beam() -> None:
    flags = ["--runner", "DataflowRunner", "--project=p", "--seed=4"]
    options = parse_arguments(make_preprocess_parser(), [*OURS, *flags])
    assert options.beam_arguments == ["--runner", "DataflowRunner", "--project=p"]
    assert options.seed == 4
    runner = runner_of(options.beam_arguments)
    assert (runner.name, runner.is_local) == ("DataflowRunner", False)


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
