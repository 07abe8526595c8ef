"""python -m pytest tests/test_tpu_linter.py"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from electra_keras import doctor
from electra_keras.config import ExperimentConfig, ModelConfig, TrainConfig
from electra_keras.config_files import load_config
from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.errors import UsageError
from electra_keras.models.randomness import step_key
from electra_keras.models.weightless import unfilled_variables
from electra_keras.objectives.shared.registry import objective_names
from electra_keras.planning.plan import make_plan
from electra_keras.planning.throughput import make_batch
from electra_keras.training.run import build_pretrainer
from electra_keras.training.tpu_linter import TpuFinding, lint_graph, reached_graphs
from electra_keras.training.tpu_step import (
    TPU_CORES,
    LintedStep,
    lint_config,
    lint_steps,
)

CONFIGS = Path(__file__).parents[1] / "configs"
PRESETS = sorted(
    path.stem for path in CONFIGS.glob("*.yaml") if not path.stem.startswith("data_")
)
BUDGET = re.compile(r"^# Budget, .* on (\d+) devices?\.$", re.M)
ROWS = tf.TensorSpec([4, 8], tf.float32)


def lint(run: Callable[..., Any], *specs: tf.TensorSpec) -> list[TpuFinding]:
    function = tf.function(run, autograph=False)
    return lint_graph(function.get_concrete_function(*(specs or (ROWS,))))


def found(*args: Any) -> set[tuple[str, str]]:
    return {(finding.rule, finding.op) for finding in lint(*args)}


def look_up(x):
    keys = tf.constant([1], tf.int32)
    entries = tf.lookup.KeyValueTensorInitializer(keys, keys)
    return tf.lookup.StaticHashTable(entries, 0).lookup(tf.cast(x, tf.int32))


def write_summary(x):
    with tf.summary.create_noop_writer().as_default():
        return tf.raw_ops.MergeSummary(
            inputs=[tf.raw_ops.ScalarSummary(tags="a", values=x[0, 0])]
        )


def take(x):
    data = tf.raw_ops.RangeDataset(
        start=tf.constant(0, tf.int64),
        stop=tf.constant(1, tf.int64),
        step=tf.constant(1, tf.int64),
        output_types=[tf.int64],
        output_shapes=[[]],
    )
    return x, data


def list_of_tensors(x):
    return tf.TensorArray(tf.float32, 4).unstack(x).stack()


def grow(x):
    array = tf.TensorArray(tf.float32, 4, element_shape=[8])
    return tf.while_loop(
        lambda i, a: i < 4, lambda i, a: (i + 1, a.write(i, x[i])), (0, array)
    )[1].stack()


def check_finite(x):
    return tf.debugging.check_numerics(x, "bad")


def check_sum(x):
    with tf.control_dependencies([tf.debugging.Assert(tf.reduce_sum(x) > 0, [x])]):
        return tf.identity(x)


def print_rows(x):
    tf.print(x)
    return x


@pytest.mark.parametrize(
    ("run", "op"),
    [
        (lambda x: tf.numpy_function(np.sin, [x], tf.float32), "PyFunc"),
        (lambda x: tf.py_function(lambda y: y, [x], tf.float32), "EagerPyFunc"),
        (print_rows, "PrintV2"),
        (write_summary, "ScalarSummary"),
        (lambda x: tf.cast(tf.timestamp(), tf.float32) + x, "Timestamp"),
        (lambda x: tf.strings.length(tf.strings.as_string(x)), "StringLength"),
        (look_up, "LookupTableFindV2"),
        (take, "RangeDataset"),
        (lambda x: tf.boolean_mask(x, x > 0), "Where"),
        (lambda x: tf.unique(x[0])[0], "Unique"),
        (lambda x: tf.dynamic_partition(x, [0, 1, 0, 1], 2), "DynamicPartition"),
        (
            lambda x: tf.image.non_max_suppression(x[:, :4], x[:, 5], 2),
            "NonMaxSuppressionV3",
        ),
        (
            lambda x: tf.RaggedTensor.from_row_lengths(x, [1, 3]).to_tensor(),
            "RaggedTensorToTensor",
        ),
        (list_of_tensors, "TensorListFromTensor"),
        (grow, "TensorListSetItem"),
        (lambda x: x + tf.random.uniform([4, 8]), "RandomUniform"),
        (lambda x: x + tf.random.normal([4, 8]), "RandomStandardNormal"),
        (check_sum, "Assert"),
        (check_finite, "CheckNumerics"),
    ],
)
def test_operations_that_are_refused(run: Callable[..., Any], op: str) -> None:
    assert ("operation", op) in found(run)


@pytest.mark.parametrize(
    ("run", "op"),
    [
        (lambda x: tf.cast(x, tf.int64), "Cast"),
        (lambda x: tf.argmax(x, axis=1), "ArgMax"),
        (lambda x: tf.cast(x, tf.float64), "Cast"),
        (lambda x: tf.cast(x[0, 0], tf.float64), "Cast"),
        (lambda x: tf.cast(x, tf.float16), "Cast"),
        (lambda x: tf.constant("text"), "Const"),
    ],
)
def test_dtypes_that_are_refused(run: Callable[..., Any], op: str) -> None:
    assert ("dtype", op) in found(run)


def test_unknown_sizes_are_refused() -> None:
    some_rows = tf.TensorSpec([None, 8], tf.float32)
    assert found(lambda x: x + 1.0, some_rows) == {
        ("shape", "Placeholder"),
        ("shape", "AddV2"),
        ("shape", "Identity"),
    }
    # As many rows as a value says.
    count = tf.TensorSpec([], tf.int32)
    assert found(lambda n: tf.zeros([n, 8]), count) == {
        ("shape", "Fill"),
        ("shape", "Identity"),
    }


def good(x):
    noise = tf.random.stateless_uniform([4, 8], step_key(1, tf.constant(3, tf.int64)))
    kept = tf.where(x > noise, x, 0.0)
    best = tf.argmax(kept, axis=1, output_type=tf.int32)
    rows = tf.reshape(kept, [tf.shape(x)[0] * 8])
    return tf.cast(rows, tf.bfloat16), best, tf.cast(x > 0, tf.uint16)


def test_what_a_tpu_can_run_is_clean() -> None:
    assert lint(good) == []


@tf.function(autograph=False)
def inner(x):
    return tf.boolean_mask(x, x > 0)


def in_a_branch(x):
    return tf.cond(x[0, 0] > 0, lambda: tf.reduce_sum(inner(x)), lambda: 0.0)


def in_a_loop(x):
    return tf.while_loop(
        lambda i, s: i < 3, lambda i, s: (i + 1, s + tf.reduce_sum(inner(x))), (0, 0.0)
    )


def in_a_gradient(x):
    @tf.custom_gradient
    def call(x):
        def gradient(upstream):
            return upstream * tf.reduce_sum(inner(x))

        return x * 2.0, gradient

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(call, autograph=False)(x)
    return tape.gradient(y, x)


@pytest.mark.parametrize("run", [inner, in_a_branch, in_a_loop, in_a_gradient])
def test_functions_that_are_called_are_looked_at(run: Callable[..., Any]) -> None:
    findings = [x for x in lint(lambda x: run(x)) if x.op == "Where"]
    assert findings
    for finding in findings:
        assert "inner" in finding.function
        assert str(finding).startswith(f"operation: Where {finding.function}/")
        assert finding.reason and finding.fix.endswith(".")


def test_arguments_that_a_condition_does_not_read_are_none() -> None:
    def run(x):
        return tf.while_loop(
            lambda i, y: i < 3, lambda i, y: (i + 1, y + 1.0), (tf.constant(0), x)
        )

    assert lint(run) == []


def test_variables_without_values_take_no_memory() -> None:
    with unfilled_variables():
        rows, columns = 2**20, 2**20  # 4 TB.
        variable = tf.Variable(lambda: tf.zeros([rows, columns]), name="large")
        counter = tf.Variable(3)
    assert variable.shape == [rows, columns]
    assert counter.numpy() == 3
    traced = tf.function(lambda: variable[0, :2] * 2.0).get_concrete_function()
    assert traced.output_shapes == [2]
    # Nor does what is built next lack any.
    assert tf.Variable(lambda: tf.ones([2])).numpy().tolist() == [1.0, 1.0]


@functools.cache
def lint_once(config: ExperimentConfig, replicas: int) -> list[LintedStep]:
    return lint_steps(config, replicas=replicas)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_clean(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    # What numbers are in a graph is all that these change in it.
    train = TrainConfig(global_batch_size=config.train.global_batch_size)
    numbers = (
        *("train_steps", "learning_rate", "warmup_steps"),
        *("evaluate_examples", "checkpoint_every_steps"),
    )
    same = {number: getattr(train, number) for number in numbers}
    config = dataclasses.replace(
        config, train=dataclasses.replace(config.train, **same)
    )
    said = BUDGET.search((CONFIGS / f"{name}.yaml").read_text("utf-8"))
    replicas = max(TPU_CORES, int(said[1])) if said else TPU_CORES
    steps = lint_once(config, replicas)
    assert [step.name for step in steps] == ["train step", "test step"]
    for step in steps:
        assert step.findings == ()
        assert step.operations > 1_000


@pytest.fixture
def config_of(tiny_config: ExperimentConfig) -> Callable[..., ExperimentConfig]:
    """Makes a small run of an objective, with dropout everywhere."""

    def make(objective: str, **train: Any) -> ExperimentConfig:
        model = dataclasses.replace(
            tiny_config.model, vocabulary_size=40, attention_dropout_rate=0.1
        )
        if objective == "two_stage":
            model = same_sizes(model)
            train = {"train_steps": 8, "generator_steps": 4, **train}
        settings = dataclasses.replace(tiny_config.train, objective=objective, **train)
        return dataclasses.replace(tiny_config, model=model, train=settings)

    return make


def same_sizes(model: ModelConfig) -> ModelConfig:
    return dataclasses.replace(
        model,
        generator_hidden_dim=model.hidden_dim,
        generator_num_layers=model.num_layers,
        generator_num_heads=model.num_heads,
        generator_intermediate_dim=model.intermediate_dim,
        tied_weights="none",
    )


@pytest.mark.parametrize("objective", objective_names())
def test_objectives_are_clean(
    objective: str, config_of: Callable[..., ExperimentConfig]
) -> None:
    steps = lint_steps(config_of(objective), has_blocks=objective == "electric")
    first = ["train step"]
    if objective == "two_stage":
        first.append("train step from 5")
    assert [step.name for step in steps] == [*first, "test step"]
    for step in steps:
        assert step.findings == ()


@pytest.mark.parametrize(
    "train",
    [
        {"micro_batches": 2, "gradient_checkpointing": True},
        {"uniform_generator": True, "disallow_correct": True},
    ],
)
def test_ways_to_train_are_clean(
    train: dict[str, Any], config_of: Callable[..., ExperimentConfig]
) -> None:
    config = config_of("electra", **train)
    assert lint_config(config, replicas=2, has_blocks=True) == []


def test_batch_has_to_split(config_of: Callable[..., ExperimentConfig]) -> None:
    with pytest.raises(UsageError, match="global_batch_size 8 on 3 replicas"):
        lint_config(config_of("electra"), replicas=3)


def test_findings_come_out_of_a_configuration(
    config_of: Callable[..., ExperimentConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    from electra_keras.objectives.electra import ElectraObjective

    def count(self, batch):
        real = tf.boolean_mask(batch["token_ids"], batch["padding_mask"] > 0)
        counts = dict.fromkeys(("masked_tokens", "real_tokens"), tf.size(real))
        return {name: tf.cast(value, tf.float32) for name, value in counts.items()}

    monkeypatch.setattr(ElectraObjective, "counts", count)
    assert {x.op for x in lint_config(config_of("electra"))} >= {"Where"}


def test_step_compiles_and_gives_finite_losses(
    config_of: Callable[..., ExperimentConfig],
) -> None:
    # As a whole, with the update, which is how a TPU has it.
    config = config_of("electra")
    plan = make_plan(config)
    pretrainer = build_pretrainer(config, Vocabulary(SPECIAL_TOKENS))
    batch = make_batch(plan.config.data, plan.row, 8)
    step = tf.function(pretrainer.train_step, autograph=False, jit_compile=True)
    before = [v.numpy() for v in pretrainer.trainable_variables]
    step(batch)
    results = {name: value.numpy() for name, value in pretrainer._results().items()}
    assert np.isfinite(list(results.values())).all()
    assert results["masked_lm_loss"] == pytest.approx(np.log(40), rel=0.1)
    assert results["disc_loss"] == pytest.approx(np.log(2), rel=0.3)
    assert results["gradient_norm"] > 0
    assert pretrainer.global_step == 1
    for variable, old in zip(pretrainer.trainable_variables, before, strict=True):
        assert np.isfinite(variable.numpy()).all(), variable.path
        assert variable.numpy().shape == old.shape


def test_no_number_of_the_forward_pass_decides_on_the_backward_pass(
    config_of: Callable[..., ExperimentConfig],
) -> None:
    # XLA would have to know it, and with it all that the forward pass is given, when
    # it compiles: weights and noise. It would compile every step anew.
    config = config_of("electra")
    plan = make_plan(config)
    pretrainer = build_pretrainer(config, Vocabulary(SPECIAL_TOKENS))
    batch = make_batch(plan.config.data, plan.row, 8)
    step = tf.function(pretrainer.train_step, autograph=False)
    graphs = reached_graphs(step.get_concrete_function(batch))
    forward = {x: graphs[x] for x in graphs if x.startswith("__forward")}
    assert len(forward) == 2  # The blocks of both networks.
    for graph in forward.values():
        assert not [x.name for x in graph.outputs if x.dtype.is_integer]


def test_doctor_tells_it(
    config_of: Callable[..., ExperimentConfig],
    data_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(config_of("electra").to_yaml())
    assert doctor.main([f"--config={path}", "--tpu", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(x["name"], x["status"], x["value"]) for x in rows] == [
        ("TPU, train step", "ok", 0),
        ("TPU, test step", "ok", 0),
    ]
    flags = [f"--config={path}", "--tpu", f"--data={data_folder}"]
    assert doctor.main([*flags, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 17 + 2
    assert doctor.main([f"--config={path}"]) == 2
    assert "Give --data, or --tpu" in capsys.readouterr().err
