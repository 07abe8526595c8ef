"""A comparison that takes seconds, for tests of the room of experiments."""

from __future__ import annotations

from pathlib import Path

from tasks_fixtures import write_texts

from electra_keras.config import ExperimentConfig

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
