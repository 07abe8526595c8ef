"""A plan as a table for the terminal.

Reads `plan.Plan`, feeds `electra_keras.budget`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from electra_keras.planning.devices import Device
from electra_keras.planning.outlines import (
    count_parameters,
    count_shared_parameters,
    count_trained_parameters,
)
from electra_keras.planning.plan import SERVED_TEXTS, Plan
from electra_keras.planning.throughput import Measurement

Row = tuple[str, str, str]
_SECS_PER_DAY = 86_400


def plan_table(
    plan: Plan,
    *,
    devices: Sequence[Device] = (),
    tokens_per_sec: float | None = None,
    measurement: Measurement | None = None,
) -> Table:
    """Shows a plan.

    Args:
        plan: From `make_plan`.
        devices: Whose hours are shown.
        tokens_per_sec: Of `plan.tokens`, whose hours are shown.
        measurement: Of the plan's configuration.
    """
    train, row = plan.config.train, plan.row
    table = Table(
        "",
        "",
        "budget",
        title=f"{train.objective}: {train.train_steps:,} steps of "
        f"{train.global_batch_size:,} rows of {row.sequence_length:,} tokens",
    )
    table.columns[2].justify = "right"
    sections = (
        _parameter_rows(plan),
        _work_rows(plan),
        _memory_rows(plan),
        _time_rows(plan, devices, tokens_per_sec, measurement),
    )
    for section in sections:
        for group, what, value in section:
            table.add_row(group, what, value)
        table.add_section()
    return table


def _parameter_rows(plan: Plan) -> Iterator[Row]:
    group = "parameters"
    for network in plan.networks:
        yield group, network.name, f"{network.parameter_count:,}"
        group = ""
    if len(plan.networks) > 1:
        yield "", "of these shared", f"{count_shared_parameters(plan.networks):,}"
        yield "", "in all, shared ones once", f"{count_parameters(plan.networks):,}"
    trained = count_trained_parameters(plan.networks)
    if trained != count_parameters(plan.networks):
        yield "", "trained", f"{trained:,}"


def _work_rows(plan: Plan) -> Iterator[Row]:
    group = "FLOPs, the paper's count"
    for number, flops in enumerate(plan.stage_step_flops, 1):
        stage = f", stage {number}" if len(plan.stages) > 1 else ""
        yield group, f"a step{stage}", f"{flops:.2e}"
        group = ""
    yield "", "in all", f"{plan.train_flops:.2e}"
    if plan.epochs is None:
        yield "tokens", "seen, if no row is padded", f"{plan.tokens:.2e}"
    else:
        yield "tokens", "seen, padding not counted", f"{plan.tokens:.2e}"
        yield "epochs", "passes over the data", f"{plan.epochs:,.1f}"


def _memory_rows(plan: Plan) -> Iterator[Row]:
    training, serving = plan.training, plan.serving
    yield "training memory", "weights", show_bytes(training.weights)
    yield "", "gradients", show_bytes(training.gradients)
    yield "", "optimizer", show_bytes(training.optimizer)
    rows = f"activations of {plan.rows_per_replica:,} rows"
    yield "", rows, show_bytes(training.activations)
    yield "", "peak of one device, estimated", show_bytes(training.peak)
    yield "serving memory", "weights", show_bytes(serving.weights)
    texts = f"activations of {SERVED_TEXTS} full rows"
    yield "", texts, show_bytes(serving.activations)


def _time_rows(
    plan: Plan,
    devices: Sequence[Device],
    tokens_per_sec: float | None,
    measurement: Measurement | None,
) -> Iterator[Row]:
    group = "time"
    for device in devices:
        secs = plan.secs_at(device.flops_per_sec)
        yield group, f"on {device.name}", show_secs(secs)
        group = ""
    if tokens_per_sec is not None:
        secs = plan.tokens / tokens_per_sec
        yield group, f"at {tokens_per_sec:,.0f} tokens/s", show_secs(secs)
    if measurement is not None:
        flops_per_sec = measured_flops_per_sec(plan, measurement)
        secs = plan.secs_at(flops_per_sec)
        yield "measured", "device", measurement.device
        steps = f"{measurement.steps} steps of {measurement.rows:,} rows"
        yield "", f"median of {steps}", f"{measurement.step_secs:.3f} s"
        yield "", "tokens/s of full rows", f"{measurement.tokens_per_sec:,.0f}"
        yield "", "FLOPs/s, the paper's count", f"{flops_per_sec:.2e}"
        yield "", "peak memory, with tracing", show_bytes(measurement.peak_bytes)
        estimate = show_bytes(plan.peak_bytes(measurement.rows))
        yield "", "the same estimated, without", estimate
        yield "time", "as measured", show_secs(secs)


def measured_flops_per_sec(plan: Plan, measurement: Measurement) -> float:
    """What the measured steps sustained, counted as the plan is."""
    a_row = plan.stage_step_flops[0] / plan.config.train.global_batch_size
    return measurement.rows * a_row / measurement.step_secs


def show_bytes(count: float) -> str:
    """Writes a number of bytes in MB or GB, of 1000 each."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def show_secs(secs: float) -> str:
    """Writes a duration in minutes, hours or days."""
    if secs >= 2 * _SECS_PER_DAY:
        return f"{secs / _SECS_PER_DAY:,.1f} days"
    return f"{secs / 3600:,.1f} hours" if secs >= 3600 else f"{secs / 60:,.1f} minutes"
