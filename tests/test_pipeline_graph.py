"""python -m pytest tests/test_pipeline_graph.py

The pipelines hold only what every runner does right: Dask's drops what a
bundle's end emits and all leaves but the last, and mixes tagged outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.portability.api import beam_runner_api_pb2 as proto
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from beam_pipelines import planning
from beam_pipelines.block_files import BlockFile
from beam_pipelines.config import DataConfig, InputConfig
from beam_pipelines.jobs import RowStore, RunUnits, Unit
from beam_pipelines.near_duplicates.job import FindEdges
from beam_pipelines.near_duplicates.signature_files import SignatureFile
from beam_pipelines.planning import plan_job
from beam_pipelines.preprocess_job import PreprocessJob, build_pipeline
from beam_pipelines.reading import ReadSettings, ReadToFiles
from beam_pipelines.runners import Runner
from beam_pipelines.shards import WriteShardFromFiles
from electra_keras.data.vocabulary import Vocabulary

RUNNER = Runner((), 1, debug=False)
PARDO = "beam:transform:pardo:v1"
KEY_CODERS = {"beam:coder:varint:v1", "beam:coder:bytes:v1"}
KEY_CODERS |= {"beam:coder:string_utf8:v1"}
MAX_PROTO_BYTES = 2**20


class _FindForbidden(beam.pipeline.PipelineVisitor):
    """Notes steps by their class: the proto does not tell it."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def enter_composite_transform(self, transform_node: Any) -> None:
        self.visit_transform(transform_node)

    def visit_transform(self, transform_node: Any) -> None:
        transform = transform_node.transform
        if type(transform).__module__.startswith("apache_beam.io"):
            self.found.add("input or output of Beam")
        if isinstance(transform, beam.BatchElements):
            self.found.add("BatchElements")
        fn = transform.fn if isinstance(transform, beam.ParDo) else beam.DoFn()
        if type(fn).finish_bundle is not beam.DoFn.finish_bundle:
            self.found.add("finish_bundle")


def find_forbidden(pipeline: beam.Pipeline) -> set[str]:
    """Names what some runner would do wrong."""
    visitor = _FindForbidden()
    pipeline.visit(visitor)
    found = set(visitor.found)
    components = pipeline.to_runner_api().components
    transforms = components.transforms.values()
    for transform in transforms:
        if transform.spec.urn == "beam:transform:read:v1":
            found.add("input or output of Beam")
        if transform.spec.urn == PARDO:
            payload = proto.ParDoPayload.FromString(transform.spec.payload)
            if payload.side_inputs:
                found.add("side input")
            if payload.state_specs or payload.timer_family_specs:
                found.add("state")
            if payload.restriction_coder_id:
                found.add("splittable")
            if len(transform.outputs) > 1:
                found.add("tagged outputs")
    leaves = set(components.pcollections)
    for transform in transforms:
        leaves -= set(transform.inputs.values())
    # An output of a composite is one of a step within it: counted once.
    if len(leaves) > 1:
        found.add("leaves")
    return found


LAST = beam.DoFn.StateParam(ReadModifyWriteStateSpec("last", beam.coders.VarIntCoder()))


class _RememberFn(beam.DoFn):
    def process(self, element: tuple[int, int], last: Any = LAST) -> Iterator[int]:
        yield element[1]


class _EmitLateFn(beam.DoFn):
    def finish_bundle(self) -> Iterator[int]:
        yield 1


def add_leaves(numbers: beam.PCollection) -> None:
    for name in "ab":
        _ = numbers | name >> beam.Map(abs)


FORBIDDEN: dict[str, Callable[[beam.PCollection], Any]] = {
    "input or output of Beam": lambda n: n | beam.io.WriteToText("x"),
    "BatchElements": lambda n: n | beam.BatchElements(),
    "side input": lambda n: n | beam.Map(max, beam.pvalue.AsIter(n)),
    "tagged outputs": lambda n: n | beam.ParDo(abs).with_outputs("odd", main="even"),
    "state": lambda n: n | beam.Map(lambda x: (x, x)) | beam.ParDo(_RememberFn()),
    "finish_bundle": lambda n: n | beam.ParDo(_EmitLateFn()),
    "leaves": add_leaves,
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden_steps_are_seen(name: str) -> None:
    pipeline = RUNNER.pipeline()
    FORBIDDEN[name](pipeline | beam.Create([1, 2]))
    assert name in find_forbidden(pipeline)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> PreprocessJob:
    """A job of 1,000 ranges, which is not run."""
    folder = tmp_path_factory.mktemp("graph")
    (folder / "text.txt").write_bytes(b"a b c d e f.\n\n" * 100_000)
    words = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef.")
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    config = DataConfig(inputs=(InputConfig(str(folder / "text.txt")),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "MIN_RANGE_BYTES", 1)
        plan = plan_job(config)
    assert len(plan.ranges) == 1000
    vocabulary = Vocabulary.load(folder / "vocab.txt")
    (folder / "out").mkdir()
    return PreprocessJob(
        str(folder / "out"), config, plan, vocabulary, RUNNER, shuffle="beam"
    )


def joined_pipeline(job: PreprocessJob) -> beam.Pipeline:
    pipeline = RUNNER.pipeline()
    build_pipeline(
        pipeline,
        job._units(),
        ReadSettings(job.folder, job.config, job.plan.shards),
        job._shard_settings(),
        RowStore(job.folder, "read"),
        RowStore(job.folder, "write"),
    )
    return pipeline


def units_pipelines(job: PreprocessJob) -> Iterator[beam.Pipeline]:
    """Reading, comparing and writing, as `run_units` runs them."""
    reading = ReadSettings(job.folder, job.config, job.plan.shards)
    signatures = tuple(
        SignatureFile(f"{job.folder}/work/{unit.name}", 5) for unit in job._units()
    )
    blocks = tuple(
        BlockFile(f"work/documents/{unit.name}.blocks", 4000, 31 * number, 17 * number)
        for number, unit in enumerate(job._units())
    )
    shards = [Unit(f"train-{number:05d}", number) for number in range(4000)]
    bands = [Unit(f"{band:02d}", (band, 0)) for band in range(14)]
    for units, task in (
        (job._units(), ReadToFiles(reading, near=True)),
        (bands, FindEdges(job.folder, signatures, 1, 0.7)),
        (shards, WriteShardFromFiles(job._shard_settings(), blocks)),
    ):
        pipeline = RUNNER.pipeline()
        _ = (
            pipeline
            | "CreateUnits" >> beam.Create(units)
            | "RunUnits" >> RunUnits(task, RowStore(job.folder, "job"))
        )
        yield pipeline


def test_pipelines_hold_what_every_runner_does_right(job: PreprocessJob) -> None:
    for pipeline in (joined_pipeline(job), *units_pipelines(job)):
        assert find_forbidden(pipeline) == set()


def test_pipelines_of_a_thousand_ranges_are_small(job: PreprocessJob) -> None:
    for pipeline in (joined_pipeline(job), *units_pipelines(job)):
        assert pipeline.to_runner_api().ByteSize() < MAX_PROTO_BYTES


def test_keys_are_numbers_and_documents_travel_as_bytes(job: PreprocessJob) -> None:
    components = joined_pipeline(job).to_runner_api().components
    grouped = {
        transform.unique_name: components.coders[
            components.pcollections[transform.inputs["None"]].coder_id
        ]
        for transform in components.transforms.values()
        if transform.spec.urn == "beam:transform:group_by_key:v1"
    }
    assert len(grouped) == 2  # Ours, and that of Beam's Create.
    for coder in grouped.values():
        assert coder.spec.urn == "beam:coder:kv:v1"
        key = components.coders[coder.component_coder_ids[0]]
        assert key.spec.urn in KEY_CODERS
    value = grouped["GroupByShard"].component_coder_ids[1]
    assert components.coders[value].spec.urn == "beam:coder:bytes:v1"
