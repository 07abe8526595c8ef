"""What a run of a configuration will take, before it runs.

Joins the other files of this room; feeds `table.py` and `electra_keras.budget`.
"""

from __future__ import annotations

import dataclasses
import math

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import DatasetInfo
from electra_keras.data.masking import MaskingConfig
from electra_keras.errors import UsageError
from electra_keras.planning.flops import RowSizes, count_stage_flops
from electra_keras.planning.memory import (
    ActivationSettings,
    ServingMemory,
    TrainingMemory,
    estimate_serving,
    estimate_training,
)
from electra_keras.planning.outlines import NetworkOutline, outline_networks
from electra_keras.planning.stages import Stage, list_stages
from electra_keras.training.run import fit_to_data

SERVED_TEXTS = 32
COMPUTE_BYTES = {"float32": 4, "mixed_bfloat16": 2}


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run in numbers.

    Attributes:
        config: Resolved; vocabulary size and sequence length are set.
        networks: What is trained.
        stages: Steps, and what they run.
        row: Sizes of a row.
        rows_per_replica: Examples that one device works through at once.
        training: Memory of one device.
        serving: Memory that `SERVED_TEXTS` full rows take.
        epochs: Passes over the given data, or None.
        tokens: That are seen; of given data the real ones, else all.
    """

    config: ExperimentConfig
    networks: tuple[NetworkOutline, ...]
    stages: tuple[Stage, ...]
    row: RowSizes
    rows_per_replica: int
    training: TrainingMemory
    serving: ServingMemory
    epochs: float | None
    tokens: float

    @property
    def stage_step_flops(self) -> tuple[int, ...]:
        """Operations of one optimizer step, by stage."""
        rows = self.config.train.global_batch_size
        return tuple(rows * count_stage_flops(stage, self.row) for stage in self.stages)

    @property
    def train_flops(self) -> int:
        """Operations of the whole run."""
        return sum(
            stage.steps * flops
            for stage, flops in zip(self.stages, self.stage_step_flops, strict=True)
        )

    def peak_bytes(self, rows: int) -> int:
        """Peak memory of a device with so many rows, estimated as `training` is."""
        training = self.training
        activations = training.activations * rows // self.rows_per_replica
        return dataclasses.replace(training, activations=activations).peak

    def secs_at(self, flops_per_sec: float) -> float:
        """Seconds of training, if so many operations are done in each."""
        return self.train_flops / flops_per_sec


def make_plan(
    config: ExperimentConfig,
    info: DatasetInfo | None = None,
    *,
    vocabulary_size: int | None = None,
    replicas: int = 1,
    dtype: str = "float32",
) -> Plan:
    """Plans a run.

    Args:
        config: Settings of the run.
        info: Of the data; decides what the configuration leaves open.
        vocabulary_size: V, where neither the data nor the configuration say.
        replicas: Devices that share a batch.
        dtype: "float32" or "mixed_bfloat16".

    Raises:
        UsageError: No vocabulary size is known or several are; the configuration
            does not fit the data; the batch does not split.
    """
    config = _resolve(config, info, vocabulary_size)
    rows = config.train.global_batch_size
    parts = replicas * config.train.micro_batches
    if replicas < 1 or rows % parts:
        raise UsageError(
            f"train.global_batch_size {rows} on {replicas} replicas, each in "
            f"{config.train.micro_batches} parts",
            expected="a batch that splits evenly",
            fix="Change --replicas, the batch size or train.micro_batches.",
        )
    networks = outline_networks(config)
    stages = list_stages(config.train, networks)
    row = _row_sizes(config)
    model = config.model
    settings = ActivationSettings(
        COMPUTE_BYTES[dtype],
        has_dropout=model.dropout_rate > 0,
        has_attention_dropout=model.attention_dropout_rate > 0,
    )
    (kept,) = (network for network in networks if network.name == "discriminator")
    seen = config.train.train_steps * rows
    epochs = seen / info.examples("train") if info else None
    tokens = seen * row.sequence_length
    return Plan(
        config=config,
        networks=networks,
        stages=stages,
        row=row,
        rows_per_replica=rows // parts,
        training=estimate_training(
            networks,
            stages,
            rows // parts,
            row,
            settings,
            micro_batches=config.train.micro_batches,
        ),
        serving=estimate_serving(kept, SERVED_TEXTS, row.sequence_length),
        epochs=epochs,
        tokens=epochs * info.tokens("train") if info and epochs else tokens,
    )


def _resolve(
    config: ExperimentConfig, info: DatasetInfo | None, vocabulary_size: int | None
) -> ExperimentConfig:
    """Fills in vocabulary size and sequence length."""
    model, data = config.model, config.data
    if info is not None:
        if not info.examples("train"):
            raise UsageError(
                "data without training examples",
                expected="some",
                fix="Check --data.",
            )
        config = fit_to_data(config, info)
        model, data = config.model, config.data
    sizes = (model.vocabulary_size, vocabulary_size)
    known = {size for size in sizes if size is not None}
    if len(known) != 1:
        told = " and ".join(f"{size:,}" for size in sorted(known)) or "none"
        raise UsageError(
            f"vocabulary sizes: {told}",
            expected="one size",
            fix="Give --data or --vocabulary_size, such as --vocabulary_size=30522.",
        )
    positions = model.max_sequence_length
    length = data.sequence_length or positions
    if length > positions:
        raise UsageError(
            f"data.sequence_length {length} with model.max_sequence_length {positions}",
            expected="a position for every token",
            fix="Change one of the two.",
        )
    return dataclasses.replace(
        config,
        model=dataclasses.replace(model, vocabulary_size=known.pop()),
        data=dataclasses.replace(data, sequence_length=length),
    )


def _row_sizes(config: ExperimentConfig) -> RowSizes:
    sequence_length = config.data.sequence_length
    vocabulary_size = config.model.vocabulary_size
    if sequence_length is None or vocabulary_size is None:
        raise ValueError("a resolved configuration leaves no size open")
    masking = MaskingConfig(sequence_length, {}, mask_rate=config.data.mask_rate)
    return RowSizes(
        config.train.objective, sequence_length, masking.mask_slots, vocabulary_size
    )


def check_positive(**options: float | None) -> None:
    """Checks options of the command.

    Raises:
        UsageError: One is given and is not above 0.
    """
    for name, value in options.items():
        if value is not None and not 0 < value < math.inf:
            raise UsageError(
                f"--{name}={value}", expected="a number above 0", fix="Change it."
            )
