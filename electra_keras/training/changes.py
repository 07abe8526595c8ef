"""What may change between two starts of a run, and what may not.

Compares settings and data, feeds `run_folder.py`; `RUN/changes.jsonl` keeps what
was changed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import DatasetInfo
from electra_keras.errors import UsageError
from electra_keras.whole_files import write_text

CHANGES_FILE = "changes.jsonl"
# Alters what is written when, or how a step is computed, not what it computes.
FREE = (
    *("train.log_every_steps", "train.evaluate_every_steps"),
    *("train.evaluate_examples", "train.checkpoint_every_steps"),
    *("train.kept_checkpoints", "train.strategy", "train.steps_per_execution"),
    *("train.micro_batches", "train.jit_compile", "train.gradient_checkpointing"),
    *("train.probe", "train.probe_every_steps"),
    *("train.probe_train_examples", "train.probe_validation_examples"),
)
# Alters the further course. What was saved still means the same.
OF_COURSE = (
    *("train.learning_rate", "train.train_steps", "train.warmup_steps"),
    *("train.weight_decay_rate", "train.clip_norm", "train.adam_beta_1"),
    *("train.adam_beta_2", "train.adam_epsilon", "train.discriminator_loss_weight"),
    *("train.temperature", "train.precision"),
    *("model.dropout_rate", "model.attention_dropout_rate"),
)
_BOUNDARY = "train.generator_steps"


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that is otherwise than at the last start.

    Attributes:
        setting: Such as "train.seed", or "data" for the data themselves.
        was: At the last start.
        now: Asked for.
    """

    setting: str
    was: Any
    now: Any

    @property
    def is_allowed(self) -> bool:
        """Whether --allow_changes allows it."""
        return self.setting in (*FREE, *OF_COURSE)

    def __str__(self) -> str:
        if self.setting == "data":
            return f"the data are others: {self.was} before, {self.now} now"
        return f"{self.setting} was {self.was} and is now {self.now}"


def find_changes(previous: ExperimentConfig, config: ExperimentConfig) -> list[Change]:
    """Lists the settings that differ.

    Where the first of two stages ends counts as it works out: it may follow from
    `train_steps` and `log_every_steps`.
    """
    before = previous.settings
    changes = [
        Change(setting, before[setting], value)
        for setting, value in config.settings.items()
        if before[setting] != value
    ]
    was = previous.train.effective_generator_steps
    now = config.train.effective_generator_steps
    if was or now:
        changes = [change for change in changes if change.setting != _BOUNDARY]
        if was != now:
            changes.append(Change(_BOUNDARY, was, now))
        elif previous.train.generator_steps != config.train.generator_steps:
            # Spelt out, so that the boundary stays where None would move it.
            spelling = previous.train.generator_steps, config.train.generator_steps
            changes.append(_Respelt(_BOUNDARY, *spelling))
    return changes


class _Respelt(Change):
    """Another spelling of the same value."""

    @property
    def is_allowed(self) -> bool:
        return True


def find_other_data(known: DatasetInfo, info: DatasetInfo) -> list[Change]:
    """Says in which way the data differ; empty where they are the same."""
    if known.fingerprint == info.fingerprint:
        return []
    first, second = _describe(known), _describe(info)
    differing = [name for name in first if first[name] != second[name]]
    # Of the same counts and other bytes, the hash.
    names = differing[:-1] or differing
    was, now = (
        ", ".join(f"{name} {about[name]}" for name in names)
        for about in (first, second)
    )
    return [Change("data", was, now)]


def _describe(info: DatasetInfo) -> dict[str, Any]:
    """Data in a few words; the hash of all comes last."""
    splits = ("train", "validation", "test")
    return {
        "vocabulary": info.vocabulary_sha256[:12],
        "sequence_length": info.sequence_length,
        **{f"{split} examples": info.examples(split) for split in splits},
        "fingerprint": info.fingerprint[:12],
    }


def check_changes(
    folder: Path,
    changes: Sequence[Change],
    config: ExperimentConfig,
    *,
    step: int,
    allow_changes: bool,
) -> None:
    """Refuses what would not be the same run.

    Args:
        folder: Of the run.
        changes: At least one.
        config: Asked for.
        step: Optimizer steps done.
        allow_changes: As the user said.

    Raises:
        UsageError: Something is not allowed to change, or not without the flag, or
            does not fit the steps done; all differences are named.
    """
    allowed = [change for change in changes if change.is_allowed]
    refused = [change for change in changes if not change.is_allowed]
    if refused:
        also = f"; --allow_changes would allow: {_join(allowed)}" if allowed else ""
        raise UsageError(
            f"{folder} holds another run: {_join(refused)}{also}",
            expected="the same configuration and data to go on with a run, since they "
            "decide what its weights, masks and place in the data mean",
            fix=f"Undo the change, or choose another --output; --init_from={folder} "
            "takes the weights along where the networks' sizes are the same.",
        )
    if not allow_changes:
        raise UsageError(
            f"{folder} holds another run: {_join(allowed)}",
            expected="the same configuration and data to go on with a run",
            fix="Give --allow_changes to go on with what is new, undo the change, or "
            "choose another --output.",
        )
    train = config.train
    if train.train_steps < step:
        raise UsageError(
            f"train.train_steps {train.train_steps} of a run at step {step}",
            expected="at least the steps done",
            fix="Raise it.",
        )
    if step % train.steps_per_execution and step < train.train_steps:
        raise UsageError(
            f"train.steps_per_execution {train.steps_per_execution} of a run at step "
            f"{step}",
            expected="a divisor of the steps done",
            fix="Leave it as it was, at least until a later checkpoint.",
        )


def accept_changes(folder: Path, changes: Sequence[Change], step: int) -> None:
    """Tells what is changed from a step on, and adds it to `changes.jsonl`.

    A row is added before `config.yaml` is replaced; a kill between the two makes
    the same change once more, and no second row.
    """
    of_course = [change for change in changes if change.setting in OF_COURSE]
    others = [change for change in changes if change not in of_course]
    if others:
        print(f"changed from step {step:,} on: {_join(others)}")
    if of_course:
        print(
            f"warning: from step {step:,} on the run takes another course: "
            f"{_join(of_course)}"
        )
    path = folder / CHANGES_FILE
    text = path.read_text("utf-8") if path.is_file() else ""
    last = {row["setting"]: row for row in map(json.loads, text.splitlines())}
    for change in changes:
        row = {
            "step": step,
            "setting": change.setting,
            "was": change.was,
            "is": change.now,
        }
        if last.get(change.setting) != row:
            text += json.dumps(row) + "\n"
    write_text(path, text)


def _join(changes: Sequence[Change]) -> str:
    return "; ".join(map(str, changes))
