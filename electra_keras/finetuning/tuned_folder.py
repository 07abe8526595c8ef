"""The folder of a fine-tuning: what it was made of, and its finished trials.

Written by `tuning.py`; read back for predictions and export.

| file              | what                                                      |
|-------------------|-----------------------------------------------------------|
| `task.yaml`       | every setting of the task                                 |
| `pretrained.json` | which model was tuned: path, hash, sizes, tokenizer       |
| `vocab.txt`       | its word pieces                                           |
| `labels.json`     | what training rows decided, and a hash of the files       |
| `trial-<seed>/`   | a trial; see `trial.py`                                   |
| `figures.json`    | median and spread over trials                             |
| `report.html`     | the same to look at, with errors; `report.md` in plain    |
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import yaml

from electra_keras.config_files import load_config_as
from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.data.vocabulary import TokenizerConfig, Vocabulary
from electra_keras.errors import UsageError
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.trial import TrialResult, read_result
from electra_keras.interchange.initial_weights import hash_weights
from electra_keras.interchange.sources import Pretrained
from electra_keras.model_config import ModelConfig
from electra_keras.whole_files import write_text

TASK_FILE = "task.yaml"
PRETRAINED_FILE = "pretrained.json"
LABELS_FILE = "labels.json"
_TRIAL = "trial-"


@dataclasses.dataclass(frozen=True)
class PretrainedRecord:
    """What a folder keeps of the model that was tuned.

    Attributes:
        source: Its path, as it was given.
        kind: Its format.
        sha256: Of its weights; "" of a network that was trained from scratch.
        model: Its sizes.
        tokenizer: How text becomes word pieces.
        sequence_length: Tokens of the longest rows that it was trained on.
    """

    source: str
    kind: str
    sha256: str
    model: ModelConfig
    tokenizer: TokenizerConfig
    sequence_length: int

    @classmethod
    def of(cls, source: Pretrained, *, from_scratch: bool) -> PretrainedRecord:
        """Describes a model."""
        return cls(
            str(source.path),
            source.kind,
            "" if from_scratch else hash_weights(source),
            source.model,
            source.tokenizer,
            source.sequence_length,
        )

    @classmethod
    def from_json(cls, text: str) -> PretrainedRecord:
        """Reads what `to_json` wrote."""
        values = json.loads(text)
        values["model"] = ModelConfig(**values["model"])
        values["tokenizer"] = TokenizerConfig(**values["tokenizer"])
        return cls(**values)

    def to_json(self) -> str:
        """Returns JSON for people."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"


def is_tuned(folder: str | Path) -> bool:
    """Tells whether a folder is of a fine-tuning."""
    return (Path(folder) / TASK_FILE).is_file()


def open_tuned_folder(
    folder: Path,
    config: TaskConfig,
    record: PretrainedRecord,
    vocabulary: Vocabulary,
    labels: dict[str, Any],
) -> None:
    """Makes the folder, or checks that it is this very fine-tuning's.

    Args:
        folder: Absent, empty, or this very fine-tuning's.
        config: Nothing in it open. `training.trials` may have grown.
        record: Of the pre-trained model.
        vocabulary: Its own.
        labels: What training rows decided, and the `fingerprint` of the files.

    Raises:
        UsageError: It holds something else; what differs is named.
    """
    texts = {
        VOCABULARY_FILE: vocabulary.text(),
        PRETRAINED_FILE: record.to_json(),
        LABELS_FILE: json.dumps(labels, indent=2, ensure_ascii=False) + "\n",
        TASK_FILE: to_yaml(config),  # Last: it makes the folder a fine-tuning.
    }
    if is_tuned(folder):
        _check_same(folder, config, texts)
    elif folder.is_file() or (
        folder.is_dir() and {path.name for path in folder.iterdir()} - {*texts}
    ):
        raise UsageError(
            f"{folder} {'is a file' if folder.is_file() else 'holds other files'}",
            expected="a new or empty folder, or a fine-tuning to go on with",
            fix="Choose another --output.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(folder / name, text)


def _check_same(folder: Path, config: TaskConfig, texts: dict[str, str]) -> None:
    known = flatten(dataclasses.asdict(read_task(folder)))
    given = flatten(dataclasses.asdict(config))
    differing = [
        f"{name} {given[name]} and not {value}"
        for name, value in known.items()
        # Where the files lie is no matter; what is in them has a hash.
        if given[name] != value
        and name != "training.trials"
        and name.removeprefix("files.") not in ("train", "validation", "test")
    ]
    differing += [
        f"another {name}"
        for name in (VOCABULARY_FILE, PRETRAINED_FILE, LABELS_FILE)
        if _drop_path((folder / name).read_text("utf-8")) != _drop_path(texts[name])
    ]
    if differing:
        raise UsageError(
            f"the fine-tuning in {folder} with {', '.join(differing)}",
            expected="the settings, files and weights with which it began",
            fix="Call it as before, or choose another --output.",
        )


def _drop_path(text: str) -> str:
    """What a file says without where the model lay."""
    return "\n".join(x for x in text.splitlines() if not x.startswith('  "source":'))


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Names every setting as `--set` does."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flatten(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def to_yaml(config: TaskConfig) -> str:
    """Returns every setting of a task as YAML."""
    values = json.loads(json.dumps(dataclasses.asdict(config)))
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def read_task(folder: Path) -> TaskConfig:
    """Reads the settings of a fine-tuning."""
    return load_config_as(TaskConfig, folder / TASK_FILE, ())


def trial_folder(folder: Path, seed: int) -> Path:
    """Where the trial of a seed lies."""
    return folder / f"{_TRIAL}{seed}"


def read_trials(folder: Path) -> list[TrialResult]:
    """Reads the finished trials, by seed."""
    found = [read_result(path) for path in folder.glob(f"{_TRIAL}*")]
    results = [result for result in found if result is not None]
    return sorted(results, key=lambda result: result.seed)
