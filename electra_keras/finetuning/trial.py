"""One trial: a network tuned with one seed, resumed where it stopped.

Joins data, network and optimizer with the training of `training/`; feeds
`tuning.py`. A trial's folder holds `checkpoints/`, `logs/`, `metrics.jsonl`,
`curves.png`, predictions and at its end `figures.json`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from electra_keras.finetuning.batches import BatchMaker, TaskBatches
from electra_keras.finetuning.schedule import make_run_config
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.task_data import TaskData
from electra_keras.finetuning.task_network import (
    build_task_network,
    fill_encoder,
    with_dropout,
)
from electra_keras.finetuning.task_objective import TaskObjective
from electra_keras.finetuning.task_optimizer import (
    find_layer_rates,
    make_task_optimizer,
)
from electra_keras.finetuning.tuner import Measured, TaskTuner
from electra_keras.interchange.sources import Pretrained
from electra_keras.training.checkpoints import CheckpointFolder, network_variables
from electra_keras.training.curves import draw_curves
from electra_keras.training.history import History
from electra_keras.training.interruption import Interruption
from electra_keras.training.monitoring import RunMonitor
from electra_keras.training.precision import dtype_policy
from electra_keras.training.run_folder import CHECKPOINTS_FOLDER
from electra_keras.training.saver import Saver
from electra_keras.training.strategies import make_strategy
from electra_keras.training.windowed_fit import fit_windows
from electra_keras.training.workers import Workers
from electra_keras.whole_files import write_text

FIGURES_FILE = "figures.json"
PREDICTIONS_FILE = "{}_predictions.jsonl"


@dataclasses.dataclass(frozen=True)
class TrialResult:
    """What a trial came to.

    Attributes:
        seed: That tells it from other trials.
        step: Of its best weights by the validation file.
        figures: By split and name, of these weights; of the test file they are
            measured once.
        train_secs: Seconds of training, without evaluations.
        state: Of the kind of task, with what these weights made of the validation
            file, such as a threshold; predictions need both.
    """

    seed: int
    step: int
    figures: dict[str, dict[str, float]]
    train_secs: float
    state: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def score(self) -> float:
        """On the validation file; higher is better."""
        return self.figures["validation"]["task_score"]


class Trial:
    """Tunes a network with one seed.

    Args:
        config: Of the task, nothing in it open.
        data: Of the task.
        source: The pre-trained model.
        seed: Of the head, the order of rows and dropout.
        folder: Of the trial; absent, or this very trial's.
        from_scratch: Leave the weights of `source` out, for comparisons.
    """

    def __init__(
        self,
        config: TaskConfig,
        data: TaskData,
        source: Pretrained,
        *,
        seed: int,
        folder: Path,
        from_scratch: bool = False,
    ) -> None:
        self.config = config
        self.data = data
        self.source = source
        self.seed = seed
        self.folder = folder
        self.from_scratch = from_scratch
        self._makers = {
            name: BatchMaker(
                split.examples,
                data.kind.features,
                config.training.batch_size,
                data.kind.sequence_length,
            )
            for name, split in data.splits.items()
        }
        model = with_dropout(source.model, config.training.dropout_rate)
        batches = self._makers["train"].batches
        self.run_config = make_run_config(config, model, batches, seed)

    def run(self) -> TrialResult:
        """Trains to the end, and measures the best weights.

        Returns: What is in `figures.json`; of a finished trial it is only read.

        Raises:
            SystemExit: After SIGTERM; the same call goes on.
            KeyboardInterrupt: After Ctrl-C; so it does then.
        """
        known = read_result(self.folder)
        if known is not None:
            return known
        self.folder.mkdir(parents=True, exist_ok=True)
        strategy = make_strategy(self.run_config.train)
        with strategy.scope():
            tuner = self._build()
        train_secs = self._train(tuner, strategy)
        best = CheckpointFolder(self.folder / CHECKPOINTS_FOLDER).choose("best")
        if best is None:
            raise ValueError(f"{self.folder} holds no checkpoint")
        best.restore(network_variables(tuner.objective.networks))
        figures: dict[str, dict[str, float]] = {}
        # By the validation file a threshold may be chosen that the test file needs.
        for name in ("validation", "test"):
            if name in self.data.splits:
                figures[name] = self._measure(tuner, name).figures
        state = dict(self.data.kind.state)
        result = TrialResult(self.seed, best.step, figures, train_secs, state)
        draw_curves(self.folder)
        text = json.dumps(dataclasses.asdict(result), indent=2) + "\n"
        write_text(self.folder / FIGURES_FILE, text)
        return result

    def _build(self) -> TaskTuner:
        train = self.run_config.train
        with dtype_policy(train.precision):
            network = build_task_network(
                self.run_config.model, self.data.kind, seed=self.seed
            )
        if not self.from_scratch:
            fill_encoder(network, self.source)
        objective = TaskObjective(network, self.data.kind)
        split = self.data.splits["validation"]
        tuner = TaskTuner(objective, split, self._makers["validation"], self.seed)
        training = self.config.training
        rates = find_layer_rates(
            network,
            self.run_config.model.num_layers,
            1.0 if self.from_scratch else training.layer_decay_rate,
            compat=training.compat,
        )
        tuner.compile(optimizer=make_task_optimizer(tuner, train, rates))
        return tuner

    def _train(self, tuner: TaskTuner, strategy: tf.distribute.Strategy) -> float:
        config = self.run_config
        interruption = Interruption(Workers(strategy))
        saver = Saver(
            *(tuner, self.folder, config, interruption),
            data_fingerprint=self.data.fingerprint,
            trained_sequence_length=self.data.kind.sequence_length,
        )
        start_step = saver.resume()
        monitor = RunMonitor(
            self.folder, start_step=start_step, train_steps=config.train.train_steps
        )
        monitor.set_model(tuner)
        monitor.history.cut_after(start_step or -1)
        patience = Patience(self.folder, self.config.training.patience_epochs)
        batches = TaskBatches(
            *(self._makers["train"], self._makers["validation"], self.seed, strategy)
        )
        interruption.listen()
        try:
            with contextlib.closing(monitor):
                if not patience.is_exhausted():
                    onlookers = _Onlookers(monitor, patience)
                    fit_windows(*(tuner, batches, config, start_step, saver, onlookers))
        finally:
            interruption.close()
        return monitor.train_secs

    def _measure(self, tuner: TaskTuner, name: str) -> Measured:
        split = self.data.splits[name]
        measured = tuner.measure(split, self._makers[name])
        lines = [
            json.dumps(_describe(row, predicted), ensure_ascii=False) + "\n"
            for row, predicted in zip(split.rows, measured.predictions, strict=True)
        ]
        write_text(self.folder / PREDICTIONS_FILE.format(name), "".join(lines))
        return measured


@dataclasses.dataclass
class _Onlookers:
    """The callbacks of a trial, and what records its start."""

    monitor: RunMonitor
    patience: Patience

    @property
    def callbacks(self) -> list[keras.callbacks.Callback]:
        return [self.monitor, self.patience]

    def record_start(self, values: dict[str, float]) -> None:
        self.monitor.record("validation", values)


class Patience(keras.callbacks.Callback):
    """Stops a trial that has not got better for a while.

    Asks `metrics.jsonl`, so that a resumed trial knows what was before.

    Args:
        folder: Of the trial.
        epochs: Evaluations without a better one after which it stops; 0: never.
    """

    def __init__(self, folder: Path, epochs: int) -> None:
        super().__init__()
        self._history = History(folder)
        self._epochs = epochs

    def is_exhausted(self) -> bool:
        """Whether the last evaluations were all no better than one before."""
        if not self._epochs:
            return False
        scores = [row["task_score"] for row in self._history.rows("validation")]
        since = len(scores) - 1 - scores.index(max(scores)) if scores else 0
        return since >= self._epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if any(name.startswith("val_") for name in logs or {}) and self.is_exhausted():
            self.model.stop_training = True


def _describe(row: Any, predicted: Any) -> dict[str, Any]:
    """A row of a predictions file."""
    return {**dataclasses.asdict(row), "prediction": predicted}


def read_result(folder: Path) -> TrialResult | None:
    """Reads what a finished trial came to; None: it has not finished."""
    path = folder / FIGURES_FILE
    if not path.is_file():
        return None
    return TrialResult(**json.loads(path.read_text("utf-8")))
