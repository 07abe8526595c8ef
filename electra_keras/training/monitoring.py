"""What a run shows while it goes: progress with ETA, TensorBoard, history.

Reads the logs of each window of `log_every_steps`, feeds the terminal,
`RUN/logs` and `RUN/metrics.jsonl`. Everything is placed by the optimizer's
global step; Keras' own callback counts executions and restarts at 0.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from electra_keras.training.history import History, split_logs

# Rows of a probe; TensorBoard shows them beside the other held-out curves.
PROBE_SPLIT = "probe"
_LINE_EVERY_SECS = 10.0
# TensorBoard groups curves by the part before the slash.
_TAGS = {
    "loss": "loss/total",
    "masked_lm_loss": "loss/generator",
    "disc_loss": "loss/discriminator",
    "masked_lm_accuracy": "generator/accuracy",
    "sampled_masked_lm_accuracy": "generator/sampled_accuracy",
    "disc_accuracy": "discriminator/accuracy",
    "disc_precision": "discriminator/precision",
    "disc_recall": "discriminator/recall",
    "disc_auc": "discriminator/auc",
    "replaced_rate": "input/replaced_rate",
    "probe_accuracy": "probe/accuracy",
    "probe_macro_f1": "probe/macro_f1",
    "probe_majority_accuracy": "probe/majority_accuracy",
    "probe_secs": "probe/secs",
    "learning_rate": "optimizer/learning_rate",
    "real_tokens_per_sec": "input/real_tokens_per_sec",
    "padding_rate": "input/padding_rate",
    "waiting_rate": "input/waiting_rate",
    "unreadable_examples": "input/unreadable_examples",
    "gradient_norm": "optimizer/gradient_norm",
    "task_loss": "loss/task",
    "task_score": "task/score",
}


def tag_of(name: str) -> str:
    """TensorBoard's tag of a metric."""
    return _TAGS.get(name, f"objective/{name}")


class RunMonitor(keras.callbacks.Callback):
    """Writes every window's metrics to all three places.

    Args:
        folder: The run folder.
        start_step: Optimizer steps done before.
        train_steps: Optimizer steps in all.
    """

    def __init__(self, folder: Path, *, start_step: int, train_steps: int):
        super().__init__()
        self.history = History(folder)
        self.progress = TrainProgress(start_step, train_steps)
        self.real_tokens = 0.0
        self.train_secs = 0.0
        self._traced = False
        self._writers = {
            split: tf.summary.create_file_writer(str(folder / "logs" / split))
            for split in ("train", "validation")
        }

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._window_start = time.monotonic()
        self._window_secs: float | None = None
        self._untimed = {"real_tokens": 0.0, "waited_secs": 0.0}

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None):
        values = {name: float(value) for name, value in (logs or {}).items()}
        if not self._traced:
            # The first step builds the graph, which is no measure of speed.
            self._traced = True
            self._untimed = {name: values[name] for name in self._untimed}
            self._window_start = time.monotonic()
            self.progress.start()
        self.progress.update(self.model.global_step, values)

    def on_test_begin(self, logs: Any = None) -> None:
        self._end_window()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        train, held_out = split_logs(logs)
        secs = self._end_window()
        timed_tokens = train["real_tokens"] - self._untimed["real_tokens"]
        waited_secs = train.pop("waited_secs") - self._untimed["waited_secs"]
        if timed_tokens and secs:
            train["real_tokens_per_sec"] = timed_tokens / secs
            train["waiting_rate"] = waited_secs / secs
        if train["unreadable_examples"]:
            self.progress.say(
                f"step {self.model.global_step:,}: "
                f"{train['unreadable_examples']:,.0f} examples could not be read"
            )
        train["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.real_tokens += timed_tokens
        self.train_secs += secs
        self.record("train", train)
        if held_out:
            self.record("validation", held_out)

    def record(self, split: str, values: dict[str, float]) -> None:
        """Writes a row of metrics at the model's global step."""
        step = self.model.global_step
        self.history.append(split, step, values)
        writer = self._writers["validation" if split == PROBE_SPLIT else split]
        with writer.as_default(step=step):
            for name, value in values.items():
                if name != "real_tokens":
                    tf.summary.scalar(tag_of(name), value)
        writer.flush()
        if split == "validation":
            self.progress.say(
                f"step {step:,}: held-out {_short(values)}",
            )
        elif split == PROBE_SPLIT:
            self.progress.say(f"step {step:,}: {_describe_probe(values)}")

    def writer(self, split: str) -> tf.summary.SummaryWriter:
        """TensorBoard's writer of a split; a second one there would hide the first.

        TensorBoard follows the newest file of a folder alone.
        """
        return self._writers[split]

    def close(self) -> None:
        """Ends the progress line and flushes the logs."""
        self.progress.close()
        for writer in self._writers.values():
            writer.close()

    def _end_window(self) -> float:
        """Seconds of training in this window, evaluation left out."""
        if self._window_secs is None:
            self._window_secs = time.monotonic() - self._window_start
        return self._window_secs


class TrainProgress:
    """A bar with ETA in a terminal; elsewhere a plain line every 10 seconds."""

    def __init__(self, start_step: int, train_steps: int):
        self.console = Console(stderr=True)
        self.start_step = start_step
        self.train_steps = train_steps
        self.started = self._last_line = time.monotonic()
        self._bar: Progress | None = None
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("[bold]train"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[metrics]}"),
                TimeElapsedColumn(),
                TextColumn("eta"),
                TimeRemainingColumn(),
                console=self.console,
            )
            self._task = self._bar.add_task(
                "train", total=train_steps, completed=start_step, metrics=""
            )
            self._bar.start()

    def start(self) -> None:
        """Counts time from here: what came before built the graph."""
        self.started = self._last_line = time.monotonic()
        self.start_step += 1

    def update(self, step: int, values: dict[str, float]) -> None:
        """Shows the step and the window's metrics so far."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step, metrics=_short(values))
        elif time.monotonic() - self._last_line > _LINE_EVERY_SECS:
            self._last_line = time.monotonic()
            secs = self._last_line - self.started
            left = (self.train_steps - step) * secs / max(1, step - self.start_step)
            self.say(
                f"train {step:,}/{self.train_steps:,} {_short(values)} "
                f"eta {left / 60:.1f} min"
            )

    def say(self, line: str) -> None:
        """Prints a line above the bar."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Stops the bar."""
        if self._bar is not None:
            self._bar.stop()


class EvaluationProgress(keras.callbacks.Callback):
    """A bar over the batches of an evaluation, in a terminal only.

    Args:
        batches: In all.
    """

    def __init__(self, batches: int):
        super().__init__()
        console = Console(stderr=True)
        self._bar = Progress(console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("evaluate", total=batches)

    def on_test_begin(self, logs: Any = None) -> None:
        self._bar.start()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._bar.update(self._task, completed=batch + 1)

    def on_test_end(self, logs: Any = None) -> None:
        self._bar.stop()


def _describe_probe(values: dict[str, float]) -> str:
    return (
        f"probe accuracy {values['probe_accuracy']:.3f} "
        f"macro_f1 {values['probe_macro_f1']:.3f} "
        f"(the most frequent label alone {values['probe_majority_accuracy']:.3f}; "
        f"{values['probe_secs']:.1f} s)"
    )


def _short(values: dict[str, float]) -> str:
    shown = (
        *("loss", "masked_lm_loss", "masked_lm_accuracy", "main_lm_loss"),
        *("disc_loss", "disc_auc", "task_loss", "task_score"),
    )
    return " ".join(f"{k} {values[k]:.3f}" for k in shown if k in values)
