"""A linear probe: what a network that is being pre-trained tells of a task.

Joins the readers of labelled texts, `encoding.py` and `mean_states.py`;
`electra_keras.train` gives it to `training/run.py`, which asks it on the way.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np

from electra_keras.config import TrainConfig
from electra_keras.data.info import DatasetInfo
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.finetuning.encoding import EncodedRow, PieceFinder
from electra_keras.finetuning.label_set import (
    LabelSet,
    find_labels,
    set_unknown_labels_aside,
)
from electra_keras.finetuning.mean_states import MeanStates
from electra_keras.finetuning.metrics.classification import (
    count_confusions,
    measure_classification,
)
from electra_keras.finetuning.sampling import draw_stratified
from electra_keras.finetuning.set_aside import LabelledFile, check_share
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.task_data import read_task_files
from electra_keras.finetuning.task_loading import load_task
from electra_keras.finetuning.tasks.classification import Classification
from electra_keras.finetuning.tasks.text_encoding import encode_texts
from electra_keras.finetuning.text_files import TextRow

# The same texts for every run, whatever its seed.
_SEED = 0
# Strength of the penalty, 1 over scikit-learn's C: on 2,000 texts from 0.001 to 0.1
# made no difference beyond noise.
_INVERSE_PENALTY = 0.01
_MOST_ITERATIONS = 1_000


@dataclasses.dataclass(frozen=True)
class _Examples:
    """Encoded texts, and their label ids: int64 (N,)."""

    rows: list[EncodedRow]
    labels: np.ndarray


class LinearProbe:
    """Learns a task's labels from a frozen network by logistic regression.

    A text is the mean of its hidden states over tokens and layers, standardised. The
    same network gives the same figures.

    Args:
        path: Of a task of kind classification.
        train_examples: At most so many texts are learned from, drawn by label.
        validation_examples: At most so many are measured on.
    """

    def __init__(
        self, path: str, *, train_examples: int, validation_examples: int
    ) -> None:
        self._path = path
        self._counts = {"train": train_examples, "validation": validation_examples}
        self._examples: dict[str, _Examples] = {}
        self._labels = 0
        self._mean_states: MeanStates | None = None

    @classmethod
    def of(cls, config: TrainConfig) -> LinearProbe | None:
        """Makes the probe of a run; None: it has none."""
        if config.probe is None:
            return None
        return cls(
            config.probe,
            train_examples=config.probe_train_examples,
            validation_examples=config.probe_validation_examples,
        )

    def open(self, info: DatasetInfo, vocabulary: Vocabulary) -> list[str]:
        """Reads the task's files, draws texts and encodes them.

        Args:
            info: Of the run's data: its tokenizer, and the length at which rows are
                cut, unless the task's own is shorter.
            vocabulary: Of the run's data.

        Returns: What was read, cut and set aside, a line each.

        Raises:
            UsageError: No such task, one of another kind, files that are not as it
                says, or a draw with one label.
        """
        task = self._load_task()
        files = read_task_files(task, Classification)
        files.pop("test", None)
        found = [str(row.label) for row in files["train"].rows]
        labels = find_labels(found, task.labels)
        files["validation"] = set_unknown_labels_aside(files["validation"], labels)
        self._labels = len(labels.values)
        finder = PieceFinder(Tokenizer(vocabulary, info.tokenizer))
        tokens = info.sequence_length
        if task.encoding.sequence_length is not None:
            tokens = min(tokens, task.encoding.sequence_length)
        lines = []
        for split, labelled in files.items():
            check_share(labelled, task.files.max_set_aside_rate)
            lines.append(self._encode(split, labelled, labels, finder, tokens))
            if labelled.set_aside:
                reasons = labelled.count_reasons().items()
                told = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
                lines.append(
                    f"{labelled.path}: {len(labelled.set_aside):,} rows set aside: "
                    f"{told}; the first is {labelled.set_aside[0]}"
                )
        return lines

    def measure(self, network: keras.Model) -> dict[str, float]:
        """Learns from the training texts and measures on the others.

        Args:
            network: The discriminator, of `models/networks.py`; it stays as it is.

        Returns: `probe_accuracy`, `probe_macro_f1`, and `probe_majority_accuracy`:
            of always saying the label that is the most frequent in training.
        """
        if self._mean_states is None or self._mean_states.network is not network:
            self._mean_states = MeanStates(network)
        train, validation = self._examples["train"], self._examples["validation"]
        predictions = classify_linearly(
            self._mean_states(train.rows),
            train.labels,
            self._mean_states(validation.rows),
        )
        confusions = count_confusions(validation.labels, predictions, self._labels)
        figures = measure_classification(confusions)
        majority = np.bincount(train.labels).argmax()
        return {
            "probe_accuracy": figures["accuracy"],
            "probe_macro_f1": figures["macro_f1"],
            "probe_majority_accuracy": float(np.mean(validation.labels == majority)),
        }

    def _load_task(self) -> TaskConfig:
        if not Path(self._path).is_file():
            raise UsageError(
                f"no task at {self._path}",
                expected="a file such as those in configs/tasks/",
                fix="Check train.probe.",
            )
        task = load_task(self._path)
        if task.task.kind != "classification":
            raise UsageError(
                f"train.probe {self._path}, a task of kind {task.task.kind}",
                expected="kind classification, the only one that a linear probe learns",
                fix="Choose another task, or set train.probe=null.",
            )
        return task

    def _encode(
        self,
        split: str,
        labelled: LabelledFile[TextRow],
        labels: LabelSet,
        finder: PieceFinder,
        sequence_length: int,
    ) -> str:
        """Draws and encodes the texts of a file; returns what was done."""
        ids = np.array([labels.id_of(str(row.label)) for row in labelled.rows])
        places = draw_stratified(ids, self._counts[split], _SEED)
        if split == "train" and len(set(ids[places].tolist())) < 2:
            raise UsageError(
                f"{len(places)} of {len(ids)} texts of {labelled.path}, "
                "all with one label",
                expected="two labels or more",
                fix="Raise train.probe_train_examples, or give another file.",
            )
        drawn = [labelled.rows[place] for place in places]
        encoded = encode_texts(drawn, finder, sequence_length)
        self._examples[split] = _Examples(encoded.rows, ids[places])
        use = "learns from" if split == "train" else "is measured on"
        cut = f"; {encoded.cut_rows:,} cut to {sequence_length} tokens"
        return (
            f"{use} {len(drawn):,} of {len(ids):,} texts of {labelled.path}"
            f"{cut if encoded.cut_rows else ''}"
        )


def classify_linearly(
    train: np.ndarray, labels: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Learns labels by logistic regression with an L2 penalty, and predicts.

    Args:
        train: float (N, H), standardised here, by their own mean and deviation.
        labels: int (N,), two or more different ones.
        others: float (M, H).

    Returns: int64 (M,), the label that is the most probable for each of `others`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=_INVERSE_PENALTY, max_iter=_MOST_ITERATIONS),
    )
    # Sums of float32 would depend on the order more than they need.
    model.fit(train.astype(np.float64), labels)
    return model.predict(others.astype(np.float64))
