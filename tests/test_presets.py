"""python -m pytest tests/test_presets.py"""

from __future__ import annotations

import dataclasses
import functools
import re
from pathlib import Path

import pytest

from electra_keras.config_files import load_config
from electra_keras.data.masking import MaskingConfig
from electra_keras.planning.devices import find_device
from electra_keras.planning.outlines import count_parameters
from electra_keras.planning.plan import Plan, make_plan
from electra_keras.planning.table import show_bytes, show_secs

CONFIGS = Path(__file__).parents[1] / "configs"


@dataclasses.dataclass(frozen=True)
class Published:
    """What others say of their training; None where a table says nothing."""

    layers: int
    hidden_dim: int
    heads: int
    intermediate_dim: int
    embedding_dim: int
    generator: tuple[int, int, int]  # Layers, width, heads.
    length: int
    mask_slots: int
    batch_size: int
    steps: int
    learning_rate: float


SMALL = Published(12, 256, 4, 1024, 128, (12, 64, 1), 128, 19, 128, 1_000_000, 5e-4)
BASE = Published(12, 768, 12, 3072, 768, (12, 256, 4), 512, 79, 256, 766_000, 2e-4)
FULL = (12, 256, 4)
PRESETS = {
    "electra_small": SMALL,
    "electra_small_phase1": dataclasses.replace(SMALL, steps=900_000),
    "electra_small_phase2": dataclasses.replace(
        SMALL,
        length=512,
        mask_slots=79,
        batch_size=32,
        steps=100_000,
        learning_rate=2e-4,
    ),
    "electra_small_plus_plus": dataclasses.replace(
        SMALL, generator=FULL, length=512, mask_slots=79, steps=4_000_000
    ),
    "electra_base": BASE,
    "electra_large": Published(
        *(24, 1024, 16, 4096, 1024, (24, 256, 4)),
        *(512, 130, 2048, 400_000, 2e-4),
    ),
    "koelectra_small_v3": dataclasses.replace(
        SMALL,
        generator=FULL,
        length=512,
        mask_slots=79,
        batch_size=512,
        steps=800_000,
    ),
    "koelectra_base_v3": dataclasses.replace(BASE, steps=1_500_000),
    "kcelectra_base": dataclasses.replace(BASE, steps=848_000),
}
# The same in all sizes.
OPTIMIZER = {
    "objective": "electra",
    "discriminator_loss_weight": 50.0,
    "temperature": 1.0,
    "warmup_steps": 10_000,
    "weight_decay_rate": 0.01,
    "adam_beta_1": 0.9,
    "adam_beta_2": 0.999,
    "adam_epsilon": 1e-6,
    "clip_norm": 1.0,
}


def head_of(name: str) -> str:
    """The comment that a file begins with."""
    lines = (CONFIGS / f"{name}.yaml").read_text("utf-8").splitlines()
    head = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
    return "\n".join(line.removeprefix("# ") for line in head)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_what_was_published(name: str) -> None:
    config = load_config(CONFIGS / f"{name}.yaml")
    model, train = config.model, config.train
    length = model.max_sequence_length
    masking = MaskingConfig(length, {}, mask_rate=config.data.mask_rate)
    assert (
        Published(
            model.num_layers,
            model.hidden_dim,
            model.num_heads or 0,
            model.intermediate_dim or 0,
            model.embedding_dim,
            (
                model.generator_num_layers or 0,
                model.generator_hidden_dim or 0,
                model.generator_num_heads or 0,
            ),
            length,
            masking.mask_slots,
            train.global_batch_size,
            train.train_steps,
            train.learning_rate,
        )
        == PRESETS[name]
    )
    assert {key: getattr(train, key) for key in OPTIMIZER} == OPTIMIZER
    assert model.dropout_rate == model.attention_dropout_rate == 0.1
    assert train.effective_warmup_steps == 10_000


@pytest.mark.parametrize("name", PRESETS)
def test_head_says_command_data_hardware_and_result(name: str) -> None:
    head = head_of(name)
    command, rest = head.split("\n", 1)
    assert command.startswith(
        f"python -m electra_keras.train --config=configs/{name}.yaml --data=DATA"
    )
    for part in ("Data: rows of ", "\nHardware: ", "\nResult"):
        assert part in f"\n{rest}"
    assert "published" in rest and "ot run by us" in rest


BUDGET = (
    r"^Budget, vocabulary ([\d,]+): ([\d,]+) parameters, (\S+) FLOPs, "
    r"(.+) on (\d+) devices?\.$"
)


@functools.cache
def plan_of(name: str) -> Plan:
    """The plan of a preset with the vocabulary that its head says."""
    (said,) = re.findall(BUDGET, head_of(name), re.M)
    config = load_config(CONFIGS / f"{name}.yaml")
    return make_plan(config, vocabulary_size=int(said[0].replace(",", "")))


@pytest.mark.parametrize("name", PRESETS)
def test_head_says_what_budget_says(name: str) -> None:
    plan = plan_of(name)
    (said,) = re.findall(BUDGET, head_of(name), re.M)
    rows = plan.config.train.global_batch_size / int(said[4])
    assert rows.is_integer()
    assert said[1:4] == (
        f"{count_parameters(plan.networks):,}",
        f"{plan.train_flops:.2e}",
        show_bytes(plan.peak_bytes(int(rows))),
    )
    (times,) = re.findall(r"^Time, by budget: (.+)\.$", head_of(name), re.M)
    for entry in times.split(", "):
        device, time = entry.split(" ", 1)
        secs = plan.secs_at(find_device(device).flops_per_sec)
        assert time == show_secs(secs)


# Published (paper, tables 1 and 2), and what the reference's script prints.
@pytest.mark.parametrize(
    ("name", "published", "printed"),
    [
        ("electra_small", 1.4e18, 1.294e18),
        ("electra_base", 6.4e19, 6.425e19),
        ("electra_large", 7.1e20, 7.118e20),
    ],
)
def test_flops_are_the_published_ones(
    name: str, published: float, printed: float
) -> None:
    flops = plan_of(name).train_flops
    assert flops == pytest.approx(published, rel=0.1)
    assert flops == pytest.approx(printed, rel=0.01)


# The discriminators that Google released have 14, 110 and 335 million.
@pytest.mark.parametrize(
    ("name", "discriminator", "in_all"),
    [
        ("electra_small", 13_499_905, 14_147_067),
        ("electra_small_plus_plus", 13_549_057, 23_122_875),
        ("electra_base", 109_483_009, 119_386_427),
        ("electra_large", 335_142_913, 354_655_291),
    ],
)
def test_presets_have_these_parameters(
    name: str, discriminator: int, in_all: int
) -> None:
    networks = plan_of(name).networks
    counts = {network.name: network.parameter_count for network in networks}
    assert counts["discriminator"] == discriminator
    assert count_parameters(networks) == in_all


# Published: days of whole runs, rows a second of Base.
@pytest.mark.parametrize(
    ("device", "name", "days", "rows"),
    [
        ("v100", "electra_small", 4, None),
        ("v100_float32", "electra_base", None, 24),
        ("v100_float16", "electra_base", None, 84),
        ("a100_tf32", "electra_base", None, 90),
        ("a100_tf32_x8", "electra_base", None, 716),
        ("a100_float16", "electra_base", None, 171),
        ("a100_float16_x8", "electra_base", None, 1347),
        ("tpu_v3_8_small", "koelectra_small_v3", 7, None),
        ("tpu_v3_8", "koelectra_base_v3", 14, None),
        ("tpu_v3_x16", "electra_base", 4, None),
    ],
)
def test_devices_sustain_what_was_published(
    device: str, name: str, days: float | None, rows: float | None
) -> None:
    flops_per_sec = find_device(device).flops_per_sec
    plan = plan_of(name)
    if days is not None:
        assert plan.secs_at(flops_per_sec) == pytest.approx(days * 86_400, rel=0.03)
    if rows is not None:
        a_row = plan.stage_step_flops[0] / plan.config.train.global_batch_size
        assert flops_per_sec == pytest.approx(rows * a_row, rel=0.03)


def test_phases_see_as_many_tokens_a_step_and_as_many_steps_as_one_run() -> None:
    one, first, second = (
        load_config(CONFIGS / f"electra_small{name}.yaml")
        for name in ("", "_phase1", "_phase2")
    )
    assert first.train.train_steps + second.train.train_steps == one.train.train_steps
    tokens = [
        config.train.global_batch_size * config.model.max_sequence_length
        for config in (first, second)
    ]
    assert tokens == [128 * 128, 32 * 512]
    # All else of the model is equal, so that the second can start from the first.
    sizes = dataclasses.replace(first.model, max_sequence_length=512)
    assert sizes == second.model


def test_every_preset_of_this_kind_is_tested_and_listed() -> None:
    files = {path.stem for path in CONFIGS.glob("*electra_*.yaml")}
    assert files - {"electra_tiny", "electra_tiny_ko"} == set(PRESETS)
    listed = (CONFIGS / "README.md").read_text("utf-8")
    for name in files:
        assert f"[{name}.yaml]({name}.yaml)" in listed
