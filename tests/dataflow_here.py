"""A Dataflow and a gs:// of this machine, for tests/test_dataflow.py.

    python tests/dataflow_here.py BUCKETS REPORT MODULE FLAGS...

Runs a command as `python -m MODULE` does. gs://NAME is the folder
BUCKETS/NAME. Beam's Dataflow runner does all that it does before the network:
it builds the package, stages everything and describes the job. What would then
be sent is written to REPORT, and the staged pipeline is run in this process.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import apache_beam.io.gcp.gcsio as gcsio
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2 as proto
from apache_beam.runners.dataflow.internal import apiclient
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

BUCKETS, REPORT = Path(sys.argv[1]), Path(sys.argv[2])


def place(path: str) -> Path:
    assert path.startswith("gs://"), path
    return BUCKETS / path.removeprefix("gs://")


class GcsHere:
    """What Beam's GCS file system asks of the store; objects, no folders."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> BinaryIO:
        if mode == "wb":
            place(path).parent.mkdir(parents=True, exist_ok=True)
        return open(place(path), mode)  # type: ignore[return-value]

    def exists(self, path: str) -> bool:
        return place(path).is_file()

    def size(self, path: str) -> int:
        return place(path).stat().st_size

    def _status(self, path: str) -> dict[str, Any]:
        status = place(path).stat()
        return {"size": status.st_size, "updated": status.st_mtime}

    def list_files(
        self, prefix: str, with_metadata: bool = False
    ) -> Iterator[tuple[str, tuple[int, float]]]:
        for path in sorted(BUCKETS.rglob("*")):
            name = f"gs://{path.relative_to(BUCKETS)}"
            if path.is_file() and name.startswith(prefix):
                yield name, (path.stat().st_size, path.stat().st_mtime)

    def copy_batch(self, pairs: list[tuple[str, str]]) -> list[tuple[str, str, None]]:
        for source, target in pairs:
            with self.open(target, "wb") as file:
                file.write(place(source).read_bytes())
        return [(source, target, None) for source, target in pairs]

    def delete_batch(self, paths: list[str]) -> list[tuple[str, None]]:
        for path in paths:
            place(path).unlink(missing_ok=True)
        return [(path, None) for path in paths]

    def is_soft_delete_enabled(self, path: str) -> bool:
        return False


def stage_file(
    self: Any, folder: str, name: str, stream: BinaryIO, *args: Any, **kwargs: Any
) -> None:
    with GcsHere().open(f"{folder}/{name}", "wb") as file:
        file.write(stream.read())


def submit(self: Any, job: Any) -> Any:
    """Notes the job, and runs it as if the service had."""
    text = job.json()
    report = {
        "job": json.loads(text),
        "imported": sorted({name.split(".")[0] for name in sys.modules}),
    }
    REPORT.write_text(json.dumps(report), "utf-8")
    staged = place(job.options.get_all_options()["staging_location"])
    pipeline = proto.Pipeline.FromString((staged / "pipeline.pb").read_bytes())
    for environment in pipeline.components.environments.values():
        environment.urn = "beam:env:embedded_python:v1"
        environment.payload = b""
    FnApiRunner().run_via_runner_api(pipeline, PipelineOptions([]))
    state = apiclient.dataflow.JobState.JOB_STATE_DONE
    return apiclient.dataflow.Job(id="1", current_state=state)


if __name__ == "__main__":
    gcsio.GcsIO = GcsHere
    apiclient.DataflowApplicationClient.stage_file = stage_file
    apiclient.DataflowApplicationClient.submit_job_description = submit
    module = sys.argv[3]
    sys.argv[1:] = sys.argv[4:]
    sys.path[0] = os.getcwd()  # As with -m.
    runpy.run_module(module, run_name="__main__", alter_sys=True)
