"""One training run, from a configuration and a data folder to a run folder.

Joins the other files of this room; `electra_keras.train` is its command.

A run folder holds `config.yaml` (resolved), `data_info.json`, `vocab.txt`,
`checkpoints/`, `logs/` (TensorBoard), `metrics.jsonl` and `curves.png`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import tensorflow as tf

from electra_keras.config import ExperimentConfig
from electra_keras.data.dataset import check_fits
from electra_keras.data.info import (
    DatasetInfo,
    load_info,
    load_vocabulary,
)
from electra_keras.data.shard_reading import find_damage
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.objectives.shared.objective import Objective, ObjectiveSettings
from electra_keras.objectives.shared.registry import find_objective
from electra_keras.preflight.examination import clear_for_start, print_findings
from electra_keras.training.checkpoints import Checkpoint
from electra_keras.training.curves import draw_curves
from electra_keras.training.interruption import Interruption
from electra_keras.training.monitoring import RunMonitor
from electra_keras.training.onlookers import Onlookers
from electra_keras.training.optimizer import make_optimizer
from electra_keras.training.precision import dtype_policy
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.probing import Probe, open_probe
from electra_keras.training.run_batches import RunBatches
from electra_keras.training.run_folder import CHECKPOINTS_FOLDER as CHECKPOINTS_FOLDER
from electra_keras.training.run_folder import CONFIG_FILE as CONFIG_FILE
from electra_keras.training.run_folder import DATA_INFO_FILE as DATA_INFO_FILE
from electra_keras.training.run_folder import (
    InitialWeights,
    find_trained_sequence_length,
    open_run_folder,
    start_networks,
)
from electra_keras.training.saver import Saver
from electra_keras.training.strategies import is_chief, make_strategy
from electra_keras.training.windowed_fit import fit_windows
from electra_keras.training.workers import Workers


@dataclasses.dataclass(frozen=True)
class TrainSummary:
    """What a call of `train` did; a worker that does not write knows less."""

    start_step: int
    step: int
    real_tokens: float = 0.0
    train_secs: float = 0.0
    checkpoint: Checkpoint | None = None


def train(
    config: ExperimentConfig,
    data: str | Path,
    output: str | Path,
    *,
    initial_weights: InitialWeights | None = None,
    force: bool = False,
    profile_steps: tuple[int, int] | None = None,
    skip_corrupt: bool = False,
    allow_changes: bool = False,
    probe: Probe | None = None,
) -> TrainSummary:
    """Trains, or goes on where the run in `output` stopped.

    Called in the main thread, it answers SIGTERM and Ctrl-C: the step is saved
    before the process ends.

    Args:
        config: Settings; what is None there is taken from the data.
        data: Folder written by `beam_pipelines.preprocess`.
        output: Run folder; absent, empty, or this very run.
        initial_weights: What a fresh run starts from; None: random weights.
        force: Train even what the preflight calls doomed.
        profile_steps: Optimizer steps done before a profile and at its end.
        skip_corrupt: Go past examples that cannot be read, and count them.
        allow_changes: Go on with other settings, as far as a run may change.
        probe: That `config.train.probe` names; see `probing.py`.

    Raises:
        UsageError: The configuration does not fit the data, the initial
            weights or the probe, the run is doomed, or `output` holds something
            else.
        ElectraError: A loss or a weight became NaN or infinite, or a shard is
            damaged.
        SystemExit: After SIGTERM, with exit code 0.
        KeyboardInterrupt: After Ctrl-C.
    """
    info = load_info(data)
    config = fit_to_data(config, info)
    check_fits(info, "train", config.train.global_batch_size, data)
    strategy = make_strategy(config.train)
    is_writer = is_chief(strategy)
    findings = clear_for_start(
        config, info, data, force=force, skip_corrupt=skip_corrupt
    )
    output = Path(output)
    vocabulary = load_vocabulary(data, info)
    if is_writer:
        open_probe(probe, config, info, vocabulary)
    with strategy.scope():
        pretrainer = build_pretrainer(config, vocabulary)
    networks = pretrainer.objective.networks
    record = start_networks(initial_weights, networks, vocabulary, output)
    # Claimed once the configuration is known to build.
    open_run_folder(
        *(output, config, info, vocabulary, record),
        is_writer=is_writer,
        allow_changes=allow_changes,
    )
    workers = Workers(strategy)
    interruption = Interruption(workers)
    saver = Saver(
        *(pretrainer, output, config, interruption),
        data_fingerprint=info.fingerprint,
        trained_sequence_length=find_trained_sequence_length(output, config, info),
        is_writer=is_writer,
    )
    start_step = saver.resume()
    workers.check_same_step(start_step, output)
    batches = RunBatches(data, info, config, strategy, skip_corrupt=skip_corrupt)
    interruption.listen()
    try:
        if not is_writer:
            fit_windows(pretrainer, batches, config, start_step, saver)
            return TrainSummary(start_step, pretrainer.global_step)
        print_findings(findings)
        monitor = RunMonitor(
            output, start_step=start_step, train_steps=config.train.train_steps
        )
        monitor.set_model(pretrainer)
        # Step 0 is evaluated again where nothing was saved.
        monitor.history.cut_after(start_step or -1)
        onlookers = Onlookers(
            *(pretrainer, monitor, config, vocabulary),
            *(batches.whole_held_out(), output),
            profile_steps=profile_steps,
            probe=probe,
        )
        with contextlib.closing(onlookers):
            fit_windows(pretrainer, batches, config, start_step, saver, onlookers)
            checkpoint = saver.save()
            onlookers.finish()
    except tf.errors.DataLossError as error:
        # TensorFlow does not say which file it was reading.
        raise find_damage(data, info) or error from error
    finally:
        interruption.close()
    draw_curves(output)
    return TrainSummary(
        start_step,
        pretrainer.global_step,
        monitor.real_tokens,
        monitor.train_secs,
        checkpoint,
    )


def build_pretrainer(
    config: ExperimentConfig, vocabulary: Vocabulary
) -> ElectraPretrainer:
    """Builds objective, networks and optimizer inside the current scope."""
    with dtype_policy(config.train.precision):
        objective = build_objective(config, vocabulary)
    pretrainer = ElectraPretrainer(objective, seed=config.train.seed)
    pretrainer.compile(
        optimizer=make_optimizer(config.train, pretrainer),
        jit_compile=config.train.jit_compile,
        gradient_checkpointing=config.train.gradient_checkpointing,
        steps_per_execution=config.train.steps_per_execution,
        micro_batches=config.train.micro_batches,
    )
    return pretrainer


def build_objective(config: ExperimentConfig, vocabulary: Vocabulary) -> Objective:
    """Builds the objective of a run, with its networks."""
    return find_objective(config.train.objective).build(
        config.model,
        ObjectiveSettings.of(config, vocabulary),
        seed=config.train.seed,
    )


def fit_to_data(config: ExperimentConfig, info: DatasetInfo) -> ExperimentConfig:
    """Fills in what the data decide and checks the rest against them.

    Raises:
        UsageError: A size is set and is not the data's, or rows are longer
            than the position table.
    """
    model, data = config.model, config.data
    if model.vocabulary_size not in (None, info.vocabulary_size):
        raise UsageError(
            f"model.vocabulary_size {model.vocabulary_size}",
            expected=f"{info.vocabulary_size}, the vocabulary of the data",
            fix="Remove it from the configuration.",
        )
    if data.sequence_length not in (None, info.sequence_length):
        raise UsageError(
            f"data.sequence_length {data.sequence_length}",
            expected=f"{info.sequence_length}, the length of the data's rows",
            fix="Remove it from the configuration, or preprocess again.",
        )
    if info.sequence_length > model.max_sequence_length:
        raise UsageError(
            f"rows of {info.sequence_length} tokens with "
            f"model.max_sequence_length {model.max_sequence_length}",
            expected="a position for every token",
            fix=f"Set model.max_sequence_length={info.sequence_length}.",
        )
    return dataclasses.replace(
        config,
        model=dataclasses.replace(model, vocabulary_size=info.vocabulary_size),
        data=dataclasses.replace(data, sequence_length=info.sequence_length),
    )
