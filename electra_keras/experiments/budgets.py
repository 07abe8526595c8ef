"""How long each method may pre-train: as many operations, or as much time.

Reads plans of `planning/` and times of `clock.py`; gives the runs of stage 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from electra_keras.config import ExperimentConfig
from electra_keras.config_files import load_config
from electra_keras.data.info import DatasetInfo
from electra_keras.errors import UsageError
from electra_keras.experiments.compare_config import CompareConfig, MethodConfig
from electra_keras.planning.plan import Plan, make_plan

# Checkpoints of a run that was stopped on its way must not drive out those of
# the curve.
_SPARE_CHECKPOINTS = 50


@dataclasses.dataclass(frozen=True)
class MethodBudget:
    """What a method spends under one budget, or under two alike.

    Attributes:
        method: The method.
        budgets: Names of those that its runs serve, the first of which names them.
        plan: With the steps that this gives.
        step_secs: Seconds of a step; None: not measured.
    """

    method: MethodConfig
    budgets: tuple[str, ...]
    plan: Plan
    step_secs: float | None

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return self.plan.config.train.train_steps

    @property
    def train_secs(self) -> float | None:
        """Seconds of training, as measured steps give them."""
        return None if self.step_secs is None else self.steps * self.step_secs

    def runs(self) -> list[PretrainingRun]:
        """One a seed."""
        return [PretrainingRun(self, seed) for seed in self.method.seeds]


@dataclasses.dataclass(frozen=True)
class PretrainingRun:
    """One pre-training.

    Attributes:
        spent: Method and steps.
        seed: Of the run.
    """

    spent: MethodBudget
    seed: int

    @property
    def name(self) -> str:
        """Of its folder: method, first budget, seed."""
        return f"{self.spent.method.name}-{self.spent.budgets[0]}-{self.seed}"

    @property
    def config(self) -> ExperimentConfig:
        """Its settings, resolved."""
        config = self.spent.plan.config
        train = dataclasses.replace(config.train, seed=self.seed)
        return dataclasses.replace(config, train=train)

    def step_at(self, share: float) -> int:
        """The step of a checkpoint of the curve."""
        return round(self.spent.steps * share)


def plan_method(
    config: CompareConfig, method: MethodConfig, info: DatasetInfo, steps: int | None
) -> Plan:
    """Plans a method.

    Args:
        config: Of the comparison.
        method: One that is pre-trained.
        info: Of the data.
        steps: That it trains, rounded to whole windows between checkpoints;
            None: as the configuration says.
    """
    shared = config.pretraining
    objective = method.objective or method.name
    settings = [*shared.settings, *method.settings, f"train.objective={objective}"]
    known = load_config(shared.config, settings)
    train, parts = known.train, config.curve.checkpoints
    steps = round_steps(steps or train.train_steps, parts * train.log_every_steps)
    train = dataclasses.replace(
        train,
        train_steps=steps,
        checkpoint_every_steps=steps // parts,
        evaluate_every_steps=steps // parts,
        kept_checkpoints=parts + _SPARE_CHECKPOINTS,
    )
    return make_plan(dataclasses.replace(known, train=train), info)


def round_steps(steps: float, multiple: int) -> int:
    """Rounds to the nearest multiple, and never to 0."""
    return max(1, round(steps / multiple)) * multiple


def find_budgets(
    config: CompareConfig,
    info: DatasetInfo,
    step_secs: Mapping[str, float],
    budgets: Sequence[str] | None = None,
) -> list[MethodBudget]:
    """Finds the steps of every method that is pre-trained.

    Args:
        config: Of the comparison.
        info: Of its data.
        step_secs: Seconds of a step by method, as measured in turns.
        budgets: Those wanted; None: those of the configuration.

    Raises:
        UsageError: The budget "clock" is wanted and a method was not measured.
    """
    reference = plan_method(config, config.reference, info, None)
    found = []
    for method in config.methods:
        if not method.is_pretrained:
            continue
        plans: dict[str, Plan] = {}
        for budget in budgets or config.pretraining.budgets:
            if method == config.reference:
                plans[budget] = reference
                continue
            steps = _spend(config, method, info, reference, step_secs, budget)
            plans[budget] = plan_method(config, method, info, steps)
        secs = step_secs.get(method.name)
        found += [
            MethodBudget(method, names, plan, secs)
            for names, plan in _merge(plans, config.pretraining.one_run_rate)
        ]
    return found


def _spend(
    config: CompareConfig,
    method: MethodConfig,
    info: DatasetInfo,
    reference: Plan,
    step_secs: Mapping[str, float],
    budget: str,
) -> int:
    """Steps in which a method spends what the reference does."""
    steps = reference.config.train.train_steps
    if budget == "flops":
        plan = plan_method(config, method, info, steps)
        # Of two stages a step costs what it does on average.
        step_flops = plan.train_flops / plan.config.train.train_steps
        return round(reference.train_flops / step_flops)
    missing = [
        name for name in (method.name, config.reference.name) if name not in step_secs
    ]
    if missing:
        raise UsageError(
            f"no time of {', '.join(missing)}",
            expected="the steps of all methods measured, for the budget clock",
            fix="Call with --measure.",
        )
    return round(steps * step_secs[config.reference.name] / step_secs[method.name])


def _merge(
    plans: Mapping[str, Plan], one_run_rate: float
) -> list[tuple[tuple[str, ...], Plan]]:
    """Lets one run serve budgets that come to nearly the same."""
    merged: list[tuple[tuple[str, ...], Plan]] = []
    for budget, plan in plans.items():
        steps = plan.config.train.train_steps
        for place, (names, first) in enumerate(merged):
            known = first.config.train.train_steps
            if abs(steps - known) <= one_run_rate * known:
                merged[place] = ((*names, budget), first)
                break
        else:
            merged.append(((budget,), plan))
    return merged
