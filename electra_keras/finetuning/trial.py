"""One trial: a network tuned with one seed, resumed where it stopped.

Joins data, network and optimizer with the training of `training/`; feeds
`tuning.py`. A trial's folder holds `checkpoints/`, `logs/`, `metrics.jsonl`,
`curves.png`, predictions and at its end `figures.json`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from electra_keras.finetuning.batches import BatchMaker, TaskBatches
from electra_keras.finetuning.resumable_fit import fit_resumably, restore_best
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
from electra_keras.training.curves import draw_curves
from electra_keras.training.precision import dtype_policy
from electra_keras.training.strategies import make_strategy
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
        with_report: Write what a report shows: predictions and curves.
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
        with_report: bool = True,
    ) -> None:
        self.config = config
        self.data = data
        self.source = source
        self.seed = seed
        self.folder = folder
        self.from_scratch = from_scratch
        self.with_report = with_report
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
        train_secs = fit_resumably(
            *(tuner, self._batches(strategy), self.run_config, self.folder, strategy),
            patience_epochs=self.config.training.patience_epochs,
            data_fingerprint=self.data.fingerprint,
            trained_sequence_length=self.data.kind.sequence_length,
        )
        step = restore_best(tuner, self.folder)
        figures: dict[str, dict[str, float]] = {}
        # By the validation file a threshold may be chosen that the test file needs.
        for name in ("validation", "test"):
            if name in self.data.splits:
                figures[name] = self._measure(tuner, name).figures
        state = dict(self.data.kind.state)
        result = TrialResult(self.seed, step, figures, train_secs, state)
        if self.with_report:
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

    def _batches(self, strategy: tf.distribute.Strategy) -> TaskBatches:
        train, validation = self._makers["train"], self._makers["validation"]
        return TaskBatches(train, validation, self.seed, strategy)

    def _measure(self, tuner: TaskTuner, name: str) -> Measured:
        split = self.data.splits[name]
        measured = tuner.measure(split, self._makers[name])
        if self.with_report:
            lines = [
                json.dumps(_describe(row, predicted), ensure_ascii=False) + "\n"
                for row, predicted in zip(split.rows, measured.predictions, strict=True)
            ]
            write_text(self.folder / PREDICTIONS_FILE.format(name), "".join(lines))
        return measured


def _describe(row: Any, predicted: Any) -> dict[str, Any]:
    """A row of a predictions file."""
    return {**dataclasses.asdict(row), "prediction": predicted}


def read_result(folder: Path) -> TrialResult | None:
    """Reads what a finished trial came to; None: it has not finished."""
    path = folder / FIGURES_FILE
    if not path.is_file():
        return None
    return TrialResult(**json.loads(path.read_text("utf-8")))
