"""The training model of a task: that of pre-training, measured by predictions.

Reads batches of `batches.py`, feeds `trial.py`.
"""

from __future__ import annotations

import abc
import dataclasses
from typing import Any

import keras

from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.prediction import make_predict_function, predict_examples
from electra_keras.finetuning.task_data import Split
from electra_keras.finetuning.task_objective import NETWORK, TaskObjective
from electra_keras.training.pretrainer import ElectraPretrainer


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a network makes of a labelled file.

    Attributes:
        figures: By name; `task_loss` and `task_score`, by which epochs are
            compared, are among them.
        predictions: One a row of the file.
    """

    figures: dict[str, float]
    predictions: list[Any]


class Tuner(ElectraPretrainer):
    """Trains a network; evaluations are figures of all validation rows."""

    @abc.abstractmethod
    def measure_validation(self) -> dict[str, float]:
        """Measures the validation rows; `task_score` is among the figures."""

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Gives `measure_validation`; Keras' `fit` calls it after an epoch."""
        callbacks = kwargs.get("callbacks")
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks.on_test_begin()
        return self.measure_validation()


class TaskTuner(Tuner):
    """Trains the network of a task; evaluations are figures of its predictions.

    Args:
        objective: Of the task.
        validation: What evaluations predict.
        maker: Makes its batches.
        seed: Of dropout.
    """

    def __init__(
        self, objective: TaskObjective, validation: Split, maker: BatchMaker, seed: int
    ) -> None:
        super().__init__(objective, seed=seed)
        self._validation = validation
        self._maker = maker
        self._kind = objective.kind
        self._ask = make_predict_function(objective.networks[NETWORK], self._kind)

    def measure_validation(self) -> dict[str, float]:
        """Predicts the validation file whole on this worker."""
        return self.measure(self._validation, self._maker).figures

    def measure(self, split: Split, maker: BatchMaker) -> Measured:
        """Predicts and measures the rows of a file.

        What the kind chooses by the validation file is chosen anew when that file
        is measured, and holds for the files that are measured after it.
        """
        outputs, loss = predict_examples(self._ask, maker)
        asked = (split.rows, split.examples, outputs)
        if split is self._validation:
            self._kind.state.update(self._kind.choose(*asked))
        predictions = self._kind.predict(*asked)
        figures = self._kind.measure(split.rows, predictions)
        extra = {"task_loss": loss, "task_score": figures[self._kind.score]}
        return Measured({**extra, **figures}, predictions)
