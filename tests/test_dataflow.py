"""python -m pytest tests/test_dataflow.py

Beam's own code builds, stages and describes a job for Dataflow; only the
network is replaced, see `dataflow_here.py`. What a service does with it, such
as starting workers, no test here can tell.
"""

from __future__ import annotations

import base64
import bz2
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from apache_beam.portability.api import beam_runner_api_pb2 as proto

from beam_pipelines.preprocess import main
from beam_pipelines.runners import make_runner
from electra_keras.errors import UsageError

PROJECT = Path(__file__).parent.parent
FLAGS = ["--sequence_length=32", "--validation_rate=0.1", "--shard_bytes=20000"]
DATAFLOW = [
    "--runner=DataflowRunner",
    "--project=my-project",
    "--region=us-central1",
    "--temp_location=gs://my-bucket/tmp",
    "--no_auth",
]


def has_gcp() -> bool:
    try:
        return importlib.util.find_spec("google.cloud.dataflow_v1beta3") is not None
    except ImportError:
        return False


needs_gcp = pytest.mark.skipif(
    not has_gcp(), reason="needs the extra 'gcp', see pyproject.toml"
)


def run_on_dataflow(folder: Path, corpus: Path, module: str, *flags: str) -> str:
    """Runs a command on what a bucket holds; returns what it prints."""
    bucket = folder / "my-bucket" / "corpus"
    bucket.mkdir(parents=True)
    for path in corpus.iterdir():
        (bucket / path.name).write_bytes(path.read_bytes())
    run = subprocess.run(
        [
            sys.executable,
            str(PROJECT / "tests" / "dataflow_here.py"),
            str(folder),
            str(folder / "report.json"),
            module,
            "--input=gs://my-bucket/corpus/*.txt",
            *flags,
            *DATAFLOW,
        ],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return run.stdout


@pytest.fixture(scope="module")
def buckets(
    corpus_folder: Path,
    vocabulary_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The folder of gs:// after a job, with `report.json` of what was sent."""
    folder = tmp_path_factory.mktemp("buckets")
    output = ("--output=gs://my-bucket/data", f"--vocabulary={vocabulary_file}")
    module = "beam_pipelines.preprocess"
    printed = run_on_dataflow(folder, corpus_folder, module, *output, *FLAGS)
    assert "gs://my-bucket/data: 200 documents" in printed
    return folder


@pytest.fixture(scope="module")
def report(buckets: Path) -> dict[str, Any]:
    return json.loads((buckets / "report.json").read_text("utf-8"))


def find_staged(buckets: Path, name: str) -> Path:
    (path,) = (buckets / "my-bucket" / "tmp").glob(f"*/{name}")
    return path


@pytest.fixture(scope="module")
def pipeline(buckets: Path) -> proto.Pipeline:
    data = find_staged(buckets, "pipeline.pb").read_bytes()
    assert len(data) < 2**20
    return proto.Pipeline.FromString(data)


@needs_gcp
def test_job_is_described(report: dict[str, Any]) -> None:
    job = report["job"]
    environment = job["environment"]
    assert environment["tempStoragePrefix"].startswith(
        "storage.googleapis.com/my-bucket/tmp/"
    )
    assert environment["version"]["job_type"] == "FNAPI_BATCH"
    (pool,) = environment["workerPools"]
    packages = {package["name"] for package in pool["packages"]}
    assert "workflow.tar.gz" in packages
    (image,) = pool["sdkHarnessContainerImages"]
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"beam_python{version}_sdk:2.77" in image["containerImage"]


@needs_gcp
def test_nothing_heavy_is_imported_to_submit(report: dict[str, Any]) -> None:
    heavy = {"tensorflow", "tensorflow_text", "keras", "keras_hub", "sentencepiece"}
    assert not heavy & set(report["imported"])


@needs_gcp
def test_package_for_the_workers_holds_both_rooms(buckets: Path) -> None:
    with tarfile.open(find_staged(buckets, "workflow.tar.gz")) as package:
        names = {name.partition("/")[2] for name in package.getnames()}
    assert {"setup.py", "pyproject.toml"} <= names
    for room in ("beam_pipelines", "electra_keras"):
        modules = {str(p.relative_to(PROJECT)) for p in (PROJECT / room).rglob("*.py")}
        assert modules <= names
    assert any(name.startswith("beam_pipelines/reporting/templates/") for name in names)


@needs_gcp
def test_environment_is_an_image_and_the_package(pipeline: proto.Pipeline) -> None:
    components = pipeline.components
    used = {transform.environment_id for transform in components.transforms.values()}
    environments = [components.environments[name] for name in used - {""}]
    assert environments
    for environment in environments:
        assert environment.urn == "beam:env:docker:v1"
        urls = [
            proto.ArtifactUrlPayload.FromString(dependency.type_payload).url
            for dependency in environment.dependencies
        ]
        assert any(url.endswith("/workflow.tar.gz") for url in urls)
        assert all(url.startswith("gs://my-bucket/tmp/") for url in urls)


def unpack(data: bytes) -> bytes:
    """Undoes how Beam wraps what it pickles."""
    packed = base64.b64decode(data)
    return bz2.decompress(packed) if packed[:3] == b"BZh" else zlib.decompress(packed)


@needs_gcp
def test_nothing_is_pickled_from_the_run_module(
    pipeline: proto.Pipeline, buckets: Path
) -> None:
    pickled = [
        unpack(proto.ParDoPayload.FromString(transform.spec.payload).do_fn.payload)
        for transform in pipeline.components.transforms.values()
        if transform.spec.urn == "beam:transform:pardo:v1"
    ]
    assert any(b"_ReadToShuffleFn" in data for data in pickled)
    assert not any(b"__main__" in data for data in pickled)
    assert b"__main__" not in pipeline.SerializeToString()
    session = find_staged(buckets, "pickled_main_session").read_bytes()
    assert b"beam_pipelines" not in session


@needs_gcp
def test_no_key_is_pickled(pipeline: proto.Pipeline) -> None:
    components = pipeline.components
    keys = []
    for transform in components.transforms.values():
        if transform.spec.urn == "beam:transform:group_by_key:v1":
            (name,) = transform.inputs.values()
            coder = components.coders[components.pcollections[name].coder_id]
            keys.append(components.coders[coder.component_coder_ids[0]].spec.urn)
    assert keys
    kinds = ("varint", "bytes", "string_utf8")
    assert set(keys) <= {f"beam:coder:{kind}:v1" for kind in kinds}


@needs_gcp
def test_the_staged_pipeline_gives_the_shards_of_this_machine(
    buckets: Path, corpus_folder: Path, vocabulary_file: Path, tmp_path: Path
) -> None:
    flags = [f"--input={corpus_folder}/*.txt", f"--vocabulary={vocabulary_file}"]
    assert main([*flags, f"--output={tmp_path}/data", *FLAGS]) == 0
    written = buckets / "my-bucket" / "data"
    shards = sorted(path.name for path in written.glob("*.tfrecord.gz"))
    assert len(shards) >= 3
    for name in (*shards, "vocab.txt"):
        assert (written / name).read_bytes() == (tmp_path / "data" / name).read_bytes()
    assert (written / "COMPLETED").is_file()
    left = [p for p in (written / "work").rglob("*") if p.is_file()]
    assert left == []


@needs_gcp
def test_vocabulary_is_counted_there_and_written_here(
    corpus_folder: Path, vocabulary_file: Path, tmp_path: Path
) -> None:
    flags = (f"--output={tmp_path}/vocab.txt", "--vocabulary_size=400")
    module = "beam_pipelines.build_vocabulary"
    run_on_dataflow(tmp_path, corpus_folder, module, *flags)
    assert (tmp_path / "vocab.txt").read_bytes() == vocabulary_file.read_bytes()
    assert not list((tmp_path / "my-bucket" / "tmp").glob("vocabulary-*/**/*.json"))


def flags_given(flags: list[str]) -> tuple[str, ...]:
    return make_runner(flags, workers=0, text_bytes=0, debug=False).arguments


def test_package_goes_along_unless_an_image_holds_it() -> None:
    runner = "--runner=DataflowRunner"
    assert flags_given([runner])[1:] == (f"--setup_file={PROJECT / 'setup.py'}",)
    for flag in ("--setup_file=other.py", "--sdk_container_image=gcr.io/p/image"):
        assert flags_given([runner, flag]) == (runner, flag)


def test_files_of_this_machine_are_refused(
    corpus_folder: Path,
    vocabulary_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = [f"--input={corpus_folder}/a.txt", f"--vocabulary={vocabulary_file}"]
    assert main([*flags, f"--output={tmp_path}/data", *DATAFLOW]) == 2
    err = capsys.readouterr().err
    assert f"{corpus_folder}/a.txt with --runner=DataflowRunner" in err
    assert list(tmp_path.iterdir()) == []


def test_unknown_runner_and_dry_run_are_refused() -> None:
    with pytest.raises(UsageError, match="--runner=Dataflo; expected one of"):
        flags_given(["--runner=Dataflo"])
    with pytest.raises(UsageError, match="--dry_run; expected --plan"):
        flags_given(["--runner=DataflowRunner", "--dry_run=True"])
