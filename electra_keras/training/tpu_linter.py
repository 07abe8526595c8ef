"""What in a graph a TPU cannot run, or would run slowly.

Reads the graph of a traced function and of all functions that it calls, feeds
`tpu_step.py`. XLA compiles the whole of a replica's step for a TPU. XLA for a CPU
takes what a TPU does not, such as sizes that depend on the data: that a step
compiles here proves little, so its graph is looked at.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import tensorflow as tf

# What a TPU computes with, and handles of variables. Its compiler accepts more,
# listed as `kTpuAllTypes` in TensorFlow's `core/tpu/tpu_defs.h`: of that uint8 and
# uint16 are taken here, and float16 is not, which would need a scaled loss.
_DTYPES = frozenset(
    ("bool", "uint8", "uint16", "uint32", "int32", "float32", "bfloat16", "resource")
)
# A TPU emulates these with pairs of 32 bits. That costs nothing where there are few:
# the optimizer's count of steps is int64 (), which is Keras' choice, and the keys
# and counters of stateless noise are uint64 (1,) and (2,), which is TensorFlow's.
_WIDE_INTEGERS = frozenset(("int64", "uint64"))
_FEW_ELEMENTS = 2


@dataclasses.dataclass(frozen=True)
class TpuFinding:
    """One operation that is not for a TPU.

    Attributes:
        rule: "operation", "dtype" or "shape".
        function: Name of the function that it is in; "" is the outermost.
        node: Its name there.
        op: Its type, such as "Where".
        reason: What a TPU has against it.
        fix: What to do about it, as an imperative.
    """

    rule: str
    function: str
    node: str
    op: str
    reason: str
    fix: str

    def __str__(self) -> str:
        place = f"{self.function}/{self.node}".lstrip("/")
        return f"{self.rule}: {self.op} {place}: {self.reason}. {self.fix}"


@dataclasses.dataclass(frozen=True)
class _Denied:
    """Operations that are refused whatever their dtypes and shapes.

    Attributes:
        pattern: Regular expression for the whole of their type.
        reason, fix: As of a finding.
    """

    pattern: str
    reason: str
    fix: str


_DENIED = (
    _Denied(
        r"(Eager)?PyFunc(Stateless)?|NumpyFunction",
        "runs Python, which a TPU's program cannot call",
        "Write it with TensorFlow operations.",
    ),
    _Denied(
        r"Print(V2)?|\w*Summary(V2|Writer)?|Timestamp|LoggingTensor",
        "is for the host: it writes, or asks the clock",
        "Return it as a metric, or do it between calls of the step.",
    ),
    _Denied(
        r"(String|Regex|StaticRegex|Unicode|Substr|AsString|Parse|Decode|Encode)\w*",
        "works on text",
        "Do it in the input pipeline, which the host runs.",
    ),
    _Denied(
        r"(Mutable)?(\w*HashTable|LookupTable|InitializeTable)\w*",
        "looks up a table that the host holds",
        "Look it up in the input pipeline, or gather from a tensor.",
    ),
    _Denied(
        r"(Iterator|MakeIterator|MultiDeviceIterator|Optional|OneShotIterator)\w*"
        r"|\w*Dataset(V\d)?",
        "reads the input, which the host does",
        "Take the batch outside of what a replica runs, and pass it in.",
    ),
    _Denied(
        r"(Read|Write|Merge)(File|V2Checkpoints)|(Save|Restore)(V2|Slices?)?"
        r"|(\w+Queue|Queue\w+|Stage|Unstage|Barrier\w*)(V2)?",
        "reads or writes what the host holds",
        "Do it between calls of the step.",
    ),
    _Denied(
        r"Where|Unique(V2|WithCounts|WithCountsV2)?|ListDiff|DynamicPartition"
        r"|NonMaxSuppression\w*|SparseToDense|SetSize",
        "its result is as large as the data make it",
        "Keep every element and weight it with 0 or 1, such as with tf.where(c, x, y).",
    ),
    _Denied(
        r"Ragged\w*",
        "has rows of different lengths",
        "Pad the rows to one length and pass a mask.",
    ),
    _Denied(
        r"Tensor(List|Map|Array)\w*|EmptyTensor(List|Map)|Stack(V2|Push\w*|Pop\w*)",
        "keeps a list of tensors, whose size and shapes the graph does not say",
        "Write into a tensor of a known size: tf.tensor_scatter_nd_update does.",
    ),
    _Denied(
        # XLA can run them: this rule is ours.
        r"Random(Uniform|UniformInt|StandardNormal|Shuffle|Gamma|Poisson)\w*"
        r"|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial"
        r"|Stateful(Uniform|StandardNormal|TruncatedNormal|RandomBinomial)\w*"
        r"|RngSkip|RngReadAndSkip|NonDeterministicInts",
        "draws from a state of its own, which no step number gives again",
        "Draw with models/randomness.py.",
    ),
    _Denied(
        r"Assert|CheckNumerics(V2)?|DebugNumericSummary\w*",
        "XLA leaves it out: what it should watch over goes unwatched",
        "Check shapes while tracing, and values on the host.",
    ),
)
_DENIED_PATTERNS = tuple((re.compile(entry.pattern), entry) for entry in _DENIED)


def lint_graph(function: tf.types.experimental.ConcreteFunction) -> list[TpuFinding]:
    """Looks for what is not for a TPU.

    Args:
        function: What one replica runs, traced for its share of a batch: all
            shapes of its arguments are known.

    Returns:
        A finding an operation, in the order of the graph; none if all is well.
    """
    return [
        finding
        for name, graph in reached_graphs(function).items()
        for operation in graph.get_operations()
        for finding in _lint_operation(name, operation)
    ]


def reached_graphs(
    function: tf.types.experimental.ConcreteFunction,
) -> dict[str, tf.Graph]:
    """The function's graph, named "", and those of all functions that it reaches.

    Calls, branches, bodies of loops and gradients are all named by an attribute of
    the operation that runs them.
    """
    graphs: dict[str, tf.Graph] = {}
    waiting: list[tuple[str, tf.Graph]] = [("", function.graph)]
    while waiting:
        name, graph = waiting.pop()
        if name in graphs:
            continue
        graphs[name] = graph
        for operation in graph.get_operations():
            for called in _called_functions(operation):
                if called not in graphs:
                    waiting.append((called, graph._get_function(called).graph))
    return graphs


def _called_functions(operation: tf.Operation) -> Iterator[str]:
    for attribute in operation.op_def.attr:
        if attribute.type == "func":
            yield operation.get_attr(attribute.name).name
        elif attribute.type == "list(func)":
            for called in operation.get_attr(attribute.name):
                yield called.name


def _lint_operation(function: str, operation: tf.Operation) -> Iterator[TpuFinding]:
    def find(rule: str, reason: str, fix: str) -> TpuFinding:
        return TpuFinding(rule, function, operation.name, operation.type, reason, fix)

    if _is_unread_argument(operation):
        return
    for pattern, denied in _DENIED_PATTERNS:
        if pattern.fullmatch(operation.type):
            yield find("operation", denied.reason, denied.fix)
            return
    for output in operation.outputs:
        why = _dtype_problem(output)
        if why:
            yield find("dtype", *why)
            return
    for output in operation.outputs:
        if not output.shape.is_fully_defined():
            yield find(
                "shape",
                f"a result has the shape {output.shape}, which XLA must know",
                "Take sizes from .shape instead of tf.shape, or set them with "
                "tf.ensure_shape.",
            )
            return


def _is_unread_argument(operation: tf.Operation) -> bool:
    """The condition of a loop is given all that its body is, mostly unread.

    TensorFlow leaves such arguments without a shape.
    """
    return operation.type == "Placeholder" and not any(
        output.consumers() for output in operation.outputs
    )


def _dtype_problem(output: tf.Tensor) -> tuple[str, str] | None:
    """What is wrong with a dtype, and the fix."""
    name = output.dtype.base_dtype.name
    if name in _DTYPES:
        return None
    if name not in _WIDE_INTEGERS:
        fix = "Use float32 or int32, or do it in the input pipeline."
        return f"a result is {name}", fix
    elements = output.shape.num_elements()
    if elements is not None and elements <= _FEW_ELEMENTS:
        return None
    return (
        f"{name} {output.shape} is emulated with pairs of 32 bits",
        "Use int32, such as with output_type=tf.int32.",
    )
