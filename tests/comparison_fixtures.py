"""A comparison that takes seconds, for tests of the room of experiments."""

from __future__ import annotations

from pathlib import Path

from tasks_fixtures import write_texts

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import load_info
from electra_keras.experiments.budgets import MethodBudget, find_budgets
from electra_keras.experiments.compare_config import (
    CompareConfig,
    ComparedTaskConfig,
    CurveConfig,
    MethodConfig,
    PretrainingConfig,
)
from electra_keras.experiments.compare_jobs import Job, list_jobs
from electra_keras.finetuning.task_config import KindConfig, TaskConfig, TrainingConfig

COMPARISON = """\
paths: {{data: {data}}}
pretraining:
  config: {folder}/base.yaml
  settings: [train.train_steps=8, train.log_every_steps=2]
methods:
  - {{name: electra}}
  - {{name: mlm}}
  - {{name: scratch}}
tasks:
  - name: letters
    task: {folder}/task.yaml
    settings: [training.epochs=1, training.batch_size=8]
    train_sizes: [16]
    validation_rate: 0.2
curve: {{shares: [0.5, 1.0], tasks: [letters], train_sizes: [16]}}
"""


def write_comparison(
    folder: Path, data: Path, config: ExperimentConfig, text: str = COMPARISON
) -> Path:
    """Writes the files of a comparison of two objectives on `data`."""
    (folder / "base.yaml").write_text(config.to_yaml(), "utf-8")
    train = write_texts(folder / "train.tsv", 48, 1)
    validation = write_texts(folder / "validation.tsv", 20, 2)
    (folder / "task.yaml").write_text(
        f"files: {{train: {train}, validation: {validation}}}\n"
        "columns: {text: text, label: label}\n",
        "utf-8",
    )
    path = folder / "comparison.yaml"
    path.write_text(text.format(data=data, folder=folder), "utf-8")
    return path


def plan_comparison(
    folder: Path, data: Path, config: ExperimentConfig
) -> tuple[CompareConfig, list[MethodBudget]]:
    """Plans one of two seeds, two tasks and two points of a curve."""
    (folder / "base.yaml").write_text(config.to_yaml(), "utf-8")
    compared = CompareConfig(
        pretraining=PretrainingConfig(
            str(folder / "base.yaml"),
            ("train.train_steps=8", "train.log_every_steps=2"),
        ),
        methods=(
            MethodConfig("electra", seeds=(1, 2)),
            MethodConfig("mlm"),
            MethodConfig("scratch"),
        ),
        tasks=(
            ComparedTaskConfig("chat", "c", train_sizes=(None, 10), seeds=(0, 1)),
            ComparedTaskConfig("pairs", "p", train_sizes=(10,)),
        ),
        curve=CurveConfig((0.5, 1.0), ("chat",), (10,)),
    )
    return compared, find_budgets(compared, load_info(data), {})


def list_planned_jobs(
    compared: CompareConfig, budgets: list[MethodBudget]
) -> list[Job]:
    """Its jobs: a task with a baseline, and one without."""
    training = TrainingConfig(epochs=2.0)
    tasks = {
        "chat": TaskConfig(training=training),
        "pairs": TaskConfig(KindConfig("regression"), training=training),
    }
    return list_jobs(compared, budgets, tasks, {"chat": "c0", "pairs": "p0"})


def answer(jobs: list[Job], scores: dict[str, float]) -> list[dict]:
    """Lines of results for jobs of some rows.

    Each seed of a pre-training adds 0.02, each seed of a fine-tuning 0.01; half
    of a pre-training takes 0.1.
    """
    return [
        {
            **job.identity,
            "score": "accuracy",
            "figures": {
                "test": {
                    "task_score": scores[job.row]
                    + 0.02 * (job.run.seed if job.run else 0)
                    + 0.01 * job.seed
                    - (0.1 if job.share == 0.5 else 0.0)
                }
            },
        }
        for job in jobs
        if job.task is not None and job.row in scores
    ]
