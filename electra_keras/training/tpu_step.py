"""A configuration in, what in its training step is not for a TPU out.

Traces what `pretrainer.py` gives to each replica, lints it with `tpu_linter.py`;
feeds `electra_keras.doctor`. No weight takes memory and nothing is run, so that the
largest networks take seconds. The loop around the step (`next(iterator)`, the time
that it waits) is the host's, also on a TPU: it is not compiled and not linted.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.data.masking import MaskingConfig
from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.models.weightless import unfilled_variables
from electra_keras.preflight.finding import Finding, judge
from electra_keras.training.run import build_pretrainer
from electra_keras.training.strategies import check_split
from electra_keras.training.tpu_linter import TpuFinding, lint_graph, reached_graphs

# BERT's English one. The size changes no operation of the graph.
USUAL_VOCABULARY_SIZE = 30_522
# Of the smallest TPU there is to train on, such as a v3-8.
TPU_CORES = 8
_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class LintedStep:
    """A function of the pretrainer, traced and linted.

    Attributes:
        name: Such as "train step"; with a stage, "train step from 500".
        operations: In its graph and in all functions that it reaches.
        findings: What is not for a TPU.
    """

    name: str
    operations: int
    findings: tuple[TpuFinding, ...]


def lint_config(
    config: ExperimentConfig, *, replicas: int = TPU_CORES, has_blocks: bool = False
) -> list[TpuFinding]:
    """Looks for what a TPU cannot run in the steps of a configuration.

    Args:
        config: Of a run. What the data would decide is chosen: a usual vocabulary
            size, and rows as long as there are positions.
        replicas: Cores that share a batch.
        has_blocks: Rows are dense: several texts in each.

    Raises:
        UsageError: The batch does not split, or objective and sizes do not go
            together.
    """
    steps = lint_steps(config, replicas=replicas, has_blocks=has_blocks)
    return [finding for step in steps for finding in step.findings]


def lint_steps(
    config: ExperimentConfig, *, replicas: int = TPU_CORES, has_blocks: bool = False
) -> list[LintedStep]:
    """The same, step by step: training of each stage, then evaluation."""
    config = _fill_in(config)
    specs = _batch_specs(config, replicas, has_blocks)
    waited = tf.TensorSpec([], tf.float32, name="waited_secs")
    linted = []
    with unfilled_variables():
        for start in _stage_starts(config):
            pretrainer = build_pretrainer(config, Vocabulary(SPECIAL_TOKENS))
            pretrainer._start(start)
            name = "train step" + (f" from {start:,}" if start else "")
            linted.append(_lint_step(name, pretrainer.train_step, specs, waited))
        linted.append(_lint_step("test step", pretrainer.test_step, specs, waited))
    return linted


def check_tpu(config: ExperimentConfig, *, has_blocks: bool = False) -> list[Finding]:
    """The same as checks of the preflight, one for each step.

    Raises:
        UsageError: As `lint_config`.
    """
    return [_as_finding(step) for step in lint_steps(config, has_blocks=has_blocks)]


def _as_finding(step: LintedStep) -> Finding:
    bad = step.findings
    shown = "; ".join(str(finding) for finding in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
    return judge(
        f"TPU, {step.name}",
        len(bad),
        "operations",
        f"{len(bad):,} of {step.operations:,} operations are not for a TPU"
        + (f": {shown}{more}" if bad else ""),
        expected="none",
        fix=" ".join(dict.fromkeys(finding.fix for finding in bad)),
        doomed=bool(bad),
    )


def _lint_step(name, step, specs, waited) -> LintedStep:
    # Autograph is off, as in the pretrainer.
    traced = tf.function(step, autograph=False).get_concrete_function(specs, waited)
    findings = lint_graph(traced)
    operations = sum(
        len(graph.get_operations()) for graph in reached_graphs(traced).values()
    )
    return LintedStep(name, operations, tuple(findings))


def _fill_in(config: ExperimentConfig) -> ExperimentConfig:
    """Chooses what the data would decide; XLA compiles the whole step, not blocks."""
    model, data, train = config.model, config.data, config.train
    return dataclasses.replace(
        config,
        model=dataclasses.replace(
            model, vocabulary_size=model.vocabulary_size or USUAL_VOCABULARY_SIZE
        ),
        data=dataclasses.replace(
            data, sequence_length=data.sequence_length or model.max_sequence_length
        ),
        train=dataclasses.replace(train, jit_compile=False),
    )


def _stage_starts(config: ExperimentConfig) -> tuple[int, ...]:
    """An optimizer step of each stage, since each has a graph of its own."""
    if config.train.objective == "two_stage":
        # Not the first one: weights are copied there, and here none has a value.
        return 0, config.train.effective_generator_steps + 1
    return (0,)


def _batch_specs(
    config: ExperimentConfig, replicas: int, has_blocks: bool
) -> dict[str, tf.TensorSpec]:
    """Names, dtypes and shapes of one replica's share, as in `data/features.py`."""
    train, data = config.train, config.data
    check_split(train, replicas)
    rows = train.global_batch_size // replicas
    length = data.sequence_length
    if length is None:
        raise ValueError("a resolved configuration leaves no size open")
    slots = MaskingConfig(length, {}, mask_rate=data.mask_rate).mask_slots
    by_token = ["token_ids", "segment_ids", "padding_mask", "masked_token_ids"]
    if has_blocks:
        by_token.append("block_ids")
    return {
        **{name: tf.TensorSpec([rows, length], tf.int32, name) for name in by_token},
        **{
            name: tf.TensorSpec([rows, slots], tf.int32, name)
            for name in ("mask_positions", "mask_ids")
        },
        "mask_weights": tf.TensorSpec([rows, slots], tf.float32, "mask_weights"),
    }
