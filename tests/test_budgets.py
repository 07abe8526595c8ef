"""python -m pytest tests/test_budgets.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from electra_keras.config import ExperimentConfig
from electra_keras.data.info import DatasetInfo, load_info
from electra_keras.errors import UsageError
from electra_keras.experiments.budgets import find_budgets, plan_method, round_steps
from electra_keras.experiments.compare_config import (
    CompareConfig,
    ComparedTaskConfig,
    CurveConfig,
    MethodConfig,
    PretrainingConfig,
)

ONE_SIZE = (
    *("model.tied_weights=none", "model.generator_fraction=1"),
    *("model.generator_hidden_dim=32", "model.generator_num_layers=2"),
    *("model.generator_num_heads=2", "model.generator_intermediate_dim=128"),
)


@pytest.fixture(scope="module")
def info(data_folder: Path) -> DatasetInfo:
    return load_info(data_folder)


@pytest.fixture
def make_config(tiny_config: ExperimentConfig, tmp_path: Path):
    base = tmp_path / "base.yaml"
    base.write_text(tiny_config.to_yaml(), "utf-8")

    def make(*methods: MethodConfig, budgets=("flops",), rate=0.1) -> CompareConfig:
        return CompareConfig(
            pretraining=PretrainingConfig(
                str(base),
                ("train.train_steps=1000", "train.log_every_steps=5"),
                budgets=budgets,
                one_run_rate=rate,
            ),
            methods=(MethodConfig("electra", seeds=(1, 2)), *methods),
            tasks=(ComparedTaskConfig("chat", "chat.yaml"),),
            curve=CurveConfig((0.5, 1.0)),
        )

    return make


def test_steps_are_rounded_to_windows_between_checkpoints() -> None:
    assert [round_steps(n, 8) for n in (1, 11, 12.5, 20, 21)] == [8, 8, 16, 16, 24]


def test_equal_flops(make_config, info: DatasetInfo) -> None:
    config = make_config(MethodConfig("mlm"), MethodConfig("scratch"))
    electra, mlm = find_budgets(config, info, {})
    assert electra.steps == 1000 and electra.budgets == ("flops",)
    (step,) = electra.plan.stage_step_flops
    (mlm_step,) = mlm.plan.stage_step_flops
    assert (step, mlm_step) == (21_352_192, 15_675_136)
    assert mlm.steps == 1360  # 1,362.2 as exact FLOPs would have it.
    assert abs(mlm.plan.train_flops / electra.plan.train_flops - 1) < 0.005
    train = mlm.plan.config.train
    assert train.checkpoint_every_steps == train.evaluate_every_steps == 680
    assert train.kept_checkpoints == 52
    assert mlm.train_secs is None


def test_of_two_stages_both_count(make_config, info: DatasetInfo) -> None:
    config = make_config(MethodConfig("stages", "two_stage", ONE_SIZE))
    electra, stages = find_budgets(config, info, {})
    assert stages.plan.train_flops == pytest.approx(electra.plan.train_flops, rel=0.01)
    assert len(stages.plan.stages) == 2


def test_equal_time_and_one_run_for_both(make_config, info: DatasetInfo) -> None:
    budgets = ("flops", "clock")
    config = make_config(MethodConfig("mlm"), budgets=budgets)
    secs = {"electra": 0.2, "mlm": 0.1}
    electra, by_flops, by_clock = find_budgets(config, info, secs)
    assert electra.budgets == budgets
    assert (by_flops.budgets, by_flops.steps) == (("flops",), 1360)
    assert (by_clock.budgets, by_clock.steps) == (("clock",), 2000)
    assert by_clock.train_secs == pytest.approx(200)
    names = [run.name for run in electra.runs() + by_clock.runs()]
    assert names == ["electra-flops-1", "electra-flops-2", "mlm-clock-1"]
    # 1,430 steps, within 10% of those by FLOPs.
    near = {"electra": 0.2, "mlm": 0.2 * 1000 / 1360 / 1.05}
    _, mlm = find_budgets(config, info, near)
    assert (mlm.budgets, mlm.steps) == (budgets, 1360)
    with pytest.raises(UsageError, match="no time of mlm, electra; expected the steps"):
        find_budgets(config, info, {})
    assert len(find_budgets(config, info, {}, ("flops",))) == 2


def test_a_run_has_its_seed_and_its_steps(make_config, info: DatasetInfo) -> None:
    (electra,) = find_budgets(make_config(), info, {})
    _, second = electra.runs()
    assert second.config.train.seed == 2
    assert second.config.model.vocabulary_size == 40
    assert [second.step_at(share) for share in (0.5, 1.0)] == [500, 1000]


def test_settings_of_a_method_win(make_config, info: DatasetInfo) -> None:
    config = make_config(MethodConfig("fast", "mlm", ("train.learning_rate=1e-2",)))
    plan = plan_method(config, config.methods[1], info, 7)
    train = plan.config.train
    assert (train.objective, train.learning_rate, train.train_steps) == (
        "mlm",
        0.01,
        10,
    )
