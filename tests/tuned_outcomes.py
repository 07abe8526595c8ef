"""Finished fine-tunings without any training, for tests of their report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from electra_keras.data.vocabulary import SPECIAL_TOKENS, TokenizerConfig, Vocabulary
from electra_keras.finetuning.reporting.outcome import Outcome, gather_outcome
from electra_keras.finetuning.set_aside import LabelledFile
from electra_keras.finetuning.task_config import (
    EncodingConfig,
    KindConfig,
    LabelConfig,
    TaskConfig,
    TrainingConfig,
)
from electra_keras.finetuning.task_data import Split, TaskData
from electra_keras.finetuning.tasks.classification import Classification
from electra_keras.finetuning.tasks.regression import Regression
from electra_keras.finetuning.tasks.task_kind import TaskKind
from electra_keras.finetuning.text_files import TextRow
from electra_keras.finetuning.trial import TrialResult
from electra_keras.interchange.sizes import NetworkSizes
from electra_keras.interchange.sources import Pretrained
from electra_keras.model_config import ModelConfig

HOSTILE = "<script>alert(1)</script>\"]]>'&lt;{{ 7 * 7 }}</style><!-- | `a` [b](c) $x$"
RIGHT_TO_LEFT = "שלום עולם \u202eabc\ud800 👨‍👩‍👧"
NAMES = ("daily", "break-up", "love")


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What `write_report` takes."""

    folder: Path
    data: TaskData
    results: list[TrialResult]
    source: Pretrained

    def gather(self) -> Outcome:
        return gather_outcome(self.folder, self.data, self.results, self.source)


def make_source() -> Pretrained:
    model = ModelConfig(
        vocabulary_size=5, embedding_dim=8, hidden_dim=8, num_layers=1, num_heads=2
    )
    sizes = NetworkSizes(5, 16, 2, 8, 8, 1, 32, ("replaced_token",), 2)
    return Pretrained(
        kind="huggingface",
        path=Path("models/small"),
        networks={"discriminator": SimpleNamespace(sizes=sizes)},  # type: ignore[dict-item]
        model=model,
        vocabulary=Vocabulary(SPECIAL_TOKENS),
        tokenizer=TokenizerConfig(),
        sequence_length=16,
    )


def make_text_rows(labels: Sequence[Any], texts: Sequence[str] = ()) -> list[TextRow]:
    shown = [*texts, *(f"text {place} of the file" for place in range(len(labels)))]
    return [
        TextRow(text, None, label, str(line), line)
        for line, (text, label) in enumerate(zip(shown, labels, strict=False), 2)
    ]


def make_split(name: str, rows: list[Any], *notes: str) -> Split:
    labelled = LabelledFile(f"data/{name}.tsv", rows)
    return Split(labelled, [{} for _ in rows], notes)


def make_tuned(
    folder: Path,
    kind: TaskKind[Any],
    splits: dict[str, Split],
    predictions: Sequence[Any],
    scores: Sequence[float],
    *,
    warnings: Sequence[str] = (),
) -> Tuned:
    """Writes the folder of a fine-tuning.

    Args:
        folder: To be made.
        kind: Of the task.
        splits: Its files.
        predictions: Of every trial, on the validation file.
        scores: One a trial; its other figures are those of the predictions.
    """
    folder.mkdir(parents=True)
    (folder / "task.yaml").write_text("task:\n  kind: made up\n", "utf-8")
    results = []
    for seed, score in enumerate(scores):
        trial = folder / f"trial-{seed}"
        trial.mkdir()
        rows = splits["validation"].rows
        lines = [
            json.dumps({**dataclasses.asdict(row), "prediction": prediction}) + "\n"
            for row, prediction in zip(rows, predictions, strict=True)
        ]
        (trial / "validation_predictions.jsonl").write_text("".join(lines), "utf-8")
        curve = [
            {"split": "validation", "step": 0, "task_loss": 1.1, "task_score": 0.25},
            {"split": "train", "step": 10, "task_loss": 0.9},
            {"split": "validation", "step": 10, "task_loss": 0.8, "task_score": score},
            {"split": "train", "step": 20, "task_loss": 0.5},
            {"split": "validation", "step": 20, "task_loss": 0.9, "task_score": 0.25},
        ]
        text = "".join(json.dumps(row) + "\n" for row in curve)
        (trial / "metrics.jsonl").write_text(text, "utf-8")
        figures = kind.measure(rows, predictions)
        figures = {"task_loss": 0.8, "task_score": score, **figures, kind.score: score}
        of_all = {name: figures for name in splits if name != "train"}
        results.append(TrialResult(seed, 10, of_all, 30.0))
    data = TaskData(kind, splits, list(warnings), "f" * 64)
    return Tuned(folder, data, results, make_source())


def make_config(kind: str, trials: int = 3) -> TaskConfig:
    labels = tuple(LabelConfig(place, name) for place, name in enumerate(NAMES))
    return TaskConfig(
        task=KindConfig(kind),
        labels=labels if kind == "classification" else (),
        encoding=EncodingConfig(sequence_length=16),
        training=TrainingConfig(epochs=2.0, batch_size=4, trials=trials),
    )


def answer(place: int, probability: float) -> dict[str, Any]:
    """A prediction of a classification; the rest goes to the other labels."""
    rest = round((1 - probability) / 2, 6)
    probabilities = [probability if i == place else rest for i in range(3)]
    return {
        "label": str(place),
        "name": NAMES[place],
        "probabilities": probabilities,
    }


def make_classification(folder: Path, scores: Sequence[float] = (0.5, 0.75, 0.625)):
    """Eight validation rows of which five are right, and a test file of one."""
    state = {"values": ["0", "1", "2"], "names": list(NAMES), "weights": [1.0] * 3}
    kind = Classification(make_config("classification"), state)
    splits = {
        "train": make_split(
            "train", make_text_rows(["0"] * 6 + ["1"] * 3 + ["2"], ["train it"] * 10)
        ),
        "validation": make_split(
            "validation",
            make_text_rows(list("00001112"), [HOSTILE, RIGHT_TO_LEFT]),
            "2 of 8 texts were cut: 7 tokens of O",
        ),
        "test": make_split("test", make_text_rows(["0"], ["a test text"])),
    }
    labelled = splits["validation"].labelled
    labelled.leave_out(9, "empty text")
    labelled.leave_out(11, "unknown label", HOSTILE)
    labelled.leave_out(12, "unknown label", "7")
    predictions = [
        answer(1, 0.9),  # Wrong.
        answer(2, 0.98),  # Wrong, and surest of all.
        answer(0, 0.8),
        answer(0, 0.4),
        answer(1, 0.96),
        answer(1, 0.7),
        answer(0, 0.5),  # Wrong.
        answer(2, 0.6),
    ]
    warnings = ["label 2 has 1 training example: it can hardly be learned"]
    return make_tuned(folder, kind, splits, predictions, scores, warnings=warnings)


def make_regression(folder: Path, scores: Sequence[float] = (0.5,)) -> Tuned:
    kind = Regression(make_config("regression", 1), {"low": 0.0, "high": 5.0})
    rows = [
        TextRow(f"one {place}", f"two {place}", number, str(place), place)
        for place, number in enumerate((0.0, 1.0, 2.5, 4.0, 5.0), 1)
    ]
    splits = {
        "train": make_split("train", make_text_rows([1.0, 2.0, 4.5])),
        "validation": make_split("validation", rows),
    }
    return make_tuned(folder, kind, splits, [0.5, 1.0, 3.0, 1.0, 4.5], scores)
