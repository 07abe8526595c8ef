"""Configuration of a comparison: frozen dataclasses own defaults and checks.

Read from a file of `configs/experiments/`; `budgets.py` and `compare_jobs.py` turn it
into what is to be done.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from electra_keras.config_checks import check_choice, out_of_range
from electra_keras.config_files import load_config_as
from electra_keras.errors import UsageError

SCRATCH = "scratch"
BUDGETS = ("flops", "clock")
_NAME = re.compile(r"[A-Za-z0-9_]+")
# Checkpoints of a run at equal distances; shares are multiples of one over this.
_MOST_CHECKPOINTS = 64


def _check_name(key: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise out_of_range(key, repr(name), "letters, digits and _")


def _check_each_once(key: str, values: Sequence[object]) -> None:
    if not values or len(set(values)) != len(values):
        raise out_of_range(key, list(values), "one or more, each once")


@dataclasses.dataclass(frozen=True)
class PathsConfig:
    """Where the data lie.

    Attributes:
        data: Folder of `beam_pipelines.preprocess`; all methods read it.
        labelled: Folder with the labelled files of all tasks. None: where the
            files of the tasks say.
    """

    data: str | None = None
    labelled: str | None = None


@dataclasses.dataclass(frozen=True)
class PretrainingConfig:
    """What all pre-trainings share.

    Attributes:
        config: File of `configs/`; its `train.train_steps` are the reference's.
        settings: "section.key=value" each, that win over it.
        reference: Name of the method that the others are compared with.
        budgets: What a method may spend: as many operations as the reference
            ("flops"), or as much time ("clock"), or both, in runs of their own.
        one_run_rate: Where the steps of two budgets differ by at most this share,
            the run of the first serves both.
        clock_turns: How often the steps of all methods are timed, in turns.
        clock_secs: Seconds that a method's steps are timed each turn.
    """

    config: str | None = None
    settings: tuple[str, ...] = ()
    reference: str = "electra"
    budgets: tuple[str, ...] = ("flops",)
    one_run_rate: float = 0.1
    clock_turns: int = 3
    clock_secs: float = 10.0

    def __post_init__(self) -> None:
        _check_each_once("pretraining.budgets", self.budgets)
        for budget in self.budgets:
            check_choice("pretraining.budgets", budget, BUDGETS)
        if not 0 <= self.one_run_rate < 1:
            key = "pretraining.one_run_rate"
            raise out_of_range(key, self.one_run_rate, "a rate from 0 to below 1")
        if self.clock_turns < 1 or not self.clock_secs > 0:
            told = f"{self.clock_turns}, {self.clock_secs}"
            raise out_of_range("pretraining.clock", told, "numbers above 0")


@dataclasses.dataclass(frozen=True)
class MethodConfig:
    """One way to pre-train, or not to.

    Attributes:
        name: In tables and folders.
        objective: As `train.objective`; None: the name. "scratch": no
            pre-training at all.
        settings: "section.key=value" each, for this method alone.
        seeds: Of its pre-trainings.
    """

    name: str = ""
    objective: str | None = None
    settings: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        _check_name("methods.name", self.name)
        _check_each_once(f"methods.seeds of {self.name}", self.seeds)

    @property
    def is_pretrained(self) -> bool:
        """Whether there is anything to pre-train."""
        return (self.objective or self.name) != SCRATCH


@dataclasses.dataclass(frozen=True)
class ComparedTaskConfig:
    """A task that pre-trainings are measured by.

    Attributes:
        name: In tables.
        task: File of `configs/tasks/`. Its validation file is the test of the
            comparison; a task without one has its `files.test_rate` held out.
        settings: "section.key=value" each, that win over it; for all methods.
        train_sizes: Training rows to learn from; None: all.
        seeds: Of the fine-tunings; each draws rows of its own.
        validation_rate: Share of the training file that is held out to choose
            epochs by, the same for all sizes.
    """

    name: str = ""
    task: str = ""
    settings: tuple[str, ...] = ()
    train_sizes: tuple[int | None, ...] = (None,)
    seeds: tuple[int, ...] = (0,)
    validation_rate: float = 0.1

    def __post_init__(self) -> None:
        _check_name("tasks.name", self.name)
        _check_each_once(f"tasks.seeds of {self.name}", self.seeds)
        _check_each_once(f"tasks.train_sizes of {self.name}", self.train_sizes)
        for size in self.train_sizes:
            if size is not None and size < 2:
                raise out_of_range(f"tasks.train_sizes of {self.name}", size, "2 rows")
        if not 0 < self.validation_rate < 1:
            key = f"tasks.validation_rate of {self.name}"
            raise out_of_range(key, self.validation_rate, "a rate between 0 and 1")


@dataclasses.dataclass(frozen=True)
class CurveConfig:
    """What is fine-tuned on the way of a pre-training.

    Attributes:
        shares: Of its steps, above 0 and up to 1; checkpoints are kept there.
        tasks: Names of tasks.
        train_sizes: As those of the tasks; those that a task does not have are
            left out.
        finetuning_seeds: The first so many of the task's seeds.
        pretraining_seeds: The first so many of the method's seeds.
    """

    shares: tuple[float, ...] = (1.0,)
    tasks: tuple[str, ...] = ()
    train_sizes: tuple[int | None, ...] = ()
    finetuning_seeds: int = 1
    pretraining_seeds: int = 1

    def __post_init__(self) -> None:
        _check_each_once("curve.shares", self.shares)
        for share in self.shares:
            if not 0 < share <= 1:
                raise out_of_range("curve.shares", share, "above 0 and up to 1")
        if self.checkpoints > _MOST_CHECKPOINTS:
            raise out_of_range(
                "curve.shares", self.shares, "multiples of one share, such as 1/8"
            )

    @property
    def checkpoints(self) -> int:
        """Checkpoints at equal distances, among which all shares are."""
        parts = 1
        for share in self.shares:
            part = Fraction(share).limit_denominator(_MOST_CHECKPOINTS).denominator
            parts = math.lcm(parts, part)
        return parts


@dataclasses.dataclass(frozen=True)
class CompareConfig:
    """All settings of a comparison.

    Attributes:
        methods: The reference among them.
        tasks: In the order of the tables.
    """

    paths: PathsConfig = PathsConfig()
    pretraining: PretrainingConfig = PretrainingConfig()
    methods: tuple[MethodConfig, ...] = ()
    tasks: tuple[ComparedTaskConfig, ...] = ()
    curve: CurveConfig = CurveConfig()

    def __post_init__(self) -> None:
        names = [method.name for method in self.methods]
        _check_each_once("methods", names)
        _check_each_once("tasks", [task.name for task in self.tasks])
        reference = [m for m in self.methods if m.name == self.pretraining.reference]
        if not reference or not reference[0].is_pretrained:
            raise UsageError(
                f"pretraining.reference {self.pretraining.reference}",
                expected=f"a method that is pre-trained; listed: {', '.join(names)}",
                fix="List it under methods, or name another.",
            )
        for name in self.curve.tasks:
            check_choice("curve.tasks", name, [task.name for task in self.tasks])

    @property
    def reference(self) -> MethodConfig:
        """The method that the others are compared with."""
        (found,) = (m for m in self.methods if m.name == self.pretraining.reference)
        return found


def load_comparison(path: str | Path, overrides: Sequence[str] = ()) -> CompareConfig:
    """Reads a comparison.

    Args:
        path: A file such as those in `configs/experiments/`.
        overrides: "section.key=value" each, such as "paths.data=DATA".

    Raises:
        UsageError: As `load_config_as`, or settings that do not go together.
    """
    config = load_config_as(CompareConfig, path, overrides)
    if config.paths.data is None:
        raise UsageError(
            "no paths.data",
            expected="a folder written by beam_pipelines.preprocess",
            fix="Give --set paths.data=DATA.",
        )
    return config
