"""What a kind of task is: rows in, examples, a head, a loss, predictions, figures.

The files of `tasks/` derive from it; `trial.py` trains and asks it. An example
is a dict of unpadded arrays, and what batches make of it is described here:

| name           | of an example | of a batch    | meaning                        |
|----------------|---------------|---------------|--------------------------------|
| `token_ids`    | int32 (T,)    | int32 (B, S)  | padded with [PAD]              |
| `segment_ids`  | int32 (T,)    | int32 (B, S)  | padded with 0                  |
| `padding_mask` | -             | int32 (B, S)  | 1 real token, 0 padding        |
| `weights`      | -             | float32 (B,)  | 0 of rows that only fill up    |
| of the kind    | () or (T,)    | (B,) or (B,S) | those that `features` names    |

What else an example holds does not come into batches: `predict` finds it there.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from electra_keras.finetuning.encoding import EncodedRow, PieceFinder
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.task_config import TaskConfig

HIDDEN_STATES = "hidden_states"
Example = dict[str, np.ndarray]
Outputs = dict[str, np.ndarray]
Batch = dict[str, tf.Tensor]
Row = TypeVar("Row")


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Examples of the rows of a file.

    Attributes:
        examples: At least one a row, in their order.
        notes: What was cut, in words.
    """

    examples: list[Example]
    notes: tuple[str, ...] = ()


class TaskKind(abc.ABC, Generic[Row]):
    """A kind of task that knows its labels.

    Args:
        config: Of the task.
        state: What `learn` found out, as JSON holds it.

    Attributes:
        score: Name of the figure by which epochs and trials are compared; higher
            is better.
        features: What comes into batches beside the inputs of the network: by
            name what a feature of a token is padded with, None if it is of a row.
    """

    score: str
    features: ClassVar[dict[str, int | None]]

    def __init__(self, config: TaskConfig, state: dict[str, Any]) -> None:
        self.config = config
        self.state = state

    @property
    def sequence_length(self) -> int:
        """S, tokens of the longest row; `settle_sequence_length` has set it."""
        if self.config.encoding.sequence_length is None:
            raise ValueError("encoding.sequence_length is open")
        return self.config.encoding.sequence_length

    @staticmethod
    @abc.abstractmethod
    def read(path: str, config: TaskConfig) -> LabelledFile[Row]:
        """Reads a labelled file.

        Raises:
            UsageError: As the reader of its format.
        """

    @staticmethod
    @abc.abstractmethod
    def key(row: Row) -> str:
        """What rows that are the same have in common, such as their text."""

    @staticmethod
    @abc.abstractmethod
    def learn(rows: Sequence[Row], config: TaskConfig) -> dict[str, Any]:
        """Finds out what the training rows decide, such as the labels.

        Returns: What the folder keeps, and `state` is, as JSON holds it.

        Raises:
            UsageError: Nothing can be learned from these rows.
        """

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the texts of a row."""
        return ("text",)

    @abc.abstractmethod
    def make_row(self, texts: Sequence[str], place: int) -> Row:
        """Makes a row without a label, to be predicted.

        Args:
            texts: Those that `inputs` names.
            place: Of the row among others.
        """

    def warnings(self, rows: Sequence[Row]) -> list[str]:
        """Tells what of the training rows can hardly be learned."""
        return []

    def keep_known(self, labelled: LabelledFile[Row]) -> LabelledFile[Row]:
        """Sets rows aside whose labels training has never seen."""
        return labelled

    @abc.abstractmethod
    def encode(self, rows: Sequence[Row], finder: PieceFinder) -> Encoded:
        """Makes examples; those of training rows hold what `loss` needs."""

    @abc.abstractmethod
    def build_head(
        self, hidden_dim: int, dropout_rate: float, seed: int
    ) -> keras.layers.Layer:
        """Builds what comes onto the encoder; see `heads.py` for how it is called."""

    @abc.abstractmethod
    def loss(self, batch: Batch, outputs: Batch) -> tf.Tensor:
        """Sums the loss over a part of a batch: float32 ()."""

    def count(self, batch: Batch) -> tf.Tensor:
        """Counts what the loss of a whole batch is a mean over: float32 ().

        Rows, unless a kind says otherwise.
        """
        return tf.reduce_sum(batch["weights"])

    def reduce(self, batch: Batch, outputs: Batch) -> Batch:
        """Makes of outputs, in the graph, what `choose` and `predict` ask for.

        Args:
            batch: That the network was given.
            outputs: Its outputs, by name.

        Returns: Tensors (B, ...); here all outputs but the hidden states.
        """
        return {name: outputs[name] for name in outputs if name != HIDDEN_STATES}

    def choose(
        self,
        rows: Sequence[Row],
        examples: Sequence[Example],
        outputs: Sequence[Outputs],
    ) -> dict[str, Any]:
        """Chooses by the validation file what training leaves open.

        Arguments are those of `predict`.

        Returns: Entries of `state` to replace, as JSON holds them.
        """
        return {}

    @abc.abstractmethod
    def predict(
        self,
        rows: Sequence[Row],
        examples: Sequence[Example],
        outputs: Sequence[Outputs],
    ) -> list[Any]:
        """Makes predictions, one a row, that JSON can hold.

        Args:
            rows: That `encode` was given.
            examples: That it made.
            outputs: What `reduce` made for each; where it is of tokens, it is
                padded as the batch was.
        """

    @abc.abstractmethod
    def measure(
        self, rows: Sequence[Row], predictions: Sequence[Any]
    ) -> dict[str, float]:
        """Measures predictions; one of the figures is `score`."""


def make_example(row: EncodedRow, **features: Any) -> Example:
    """Makes an example of an encoded row and features of the kind."""
    return {
        "token_ids": row.token_ids,
        "segment_ids": row.segment_ids,
        **{name: np.asarray(value) for name, value in features.items()},
    }
