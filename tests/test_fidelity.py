"""python -m pytest tests/test_fidelity.py

The page of behaviours names tests that exist; here are those that belong to no
module alone.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from beam_pipelines.cleaning.normalization import (
    join_documents,
    normalize_text,
    tidy_lines,
)
from beam_pipelines.cleaning.presets import find_preset
from electra_keras.config import (
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    TrainConfig,
)
from electra_keras.data.dataset import make_train_dataset
from electra_keras.data.info import load_info, load_vocabulary
from electra_keras.data.masking import MaskingConfig, mask_tokens
from electra_keras.errors import UsageError
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.electra import ElectraObjective
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.training.run import build_pretrainer

PROJECT = Path(__file__).parent.parent
PAGE = PROJECT / "docs" / "fidelity.md"
VERDICTS = ("**matched**", "**improved**")
SPECIAL_IDS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}


def read_rows() -> dict[int, tuple[str, str, str]]:
    """Reads the table: what the original does, ours, tests, by number."""
    rows = re.findall(
        r"^\| (\d+) \| (.+) \| (.+) \| (.*)\|$", PAGE.read_text("utf-8"), re.M
    )
    numbers = [int(number) for number, *_ in rows]
    assert len(set(numbers)) == len(numbers)
    return {int(number): (theirs, ours, tests) for number, theirs, ours, tests in rows}


def test_every_behaviour_has_a_row_and_a_verdict() -> None:
    rows = read_rows()
    # 37 of pre-training and of its rates, then the heads of fine-tuning.
    assert sorted(rows) == list(range(1, 46))
    for number, (_, ours, tests) in rows.items():
        assert ours.startswith(VERDICTS), number
        assert tests.strip(), number


def test_every_named_test_exists() -> None:
    for number, (_, _, tests) in read_rows().items():
        found = re.findall(r"`(tests/\w+\.py)::(\w+)`", tests)
        assert re.sub(r"`tests/\w+\.py::\w+`", "", tests).strip() == "", number
        for file, name in found:
            source = (PROJECT / file).read_text("utf-8")
            assert re.search(rf"^def {name}\(", source, re.M), (number, file, name)


def test_every_switch_is_on_the_page() -> None:
    sections = {
        "data": ("mask_with_replacement", "mask_unknown_tokens"),
        "train": (
            *("sample_special_tokens", "adam_bias_correction", "overlapped_warmup"),
        ),
    }
    ours = ExperimentConfig().to_dict()
    google = ExperimentConfig(train=TrainConfig(compat="google")).to_dict()
    changed = {
        f"{section}.{name}": (str(ours[section][name]), str(google[section][name]))
        for section, names in sections.items()
        for name in names
    }
    rows = re.findall(
        r"^\| `([\w.]+)` \| (true|false) \| (true|false) \|", PAGE.read_text(), re.M
    )
    shown = {name: (a.capitalize(), b.capitalize()) for name, a, b in rows}
    assert shown == changed
    differing = {
        f"{section}.{name}"
        for section in ours
        for name in ours[section]
        if ours[section][name] != google[section][name]
    }
    assert differing == {*changed, "train.compat"}


def google(**train: Any) -> ExperimentConfig:
    return ExperimentConfig(train=TrainConfig(compat="google", **train))


def test_compat_google_decides_what_is_not_set(data_folder: Path) -> None:
    vocabulary = load_vocabulary(data_folder, load_info(data_folder))

    def unsampled(config: ExperimentConfig) -> tuple[int, ...]:
        return ObjectiveSettings.of(config, vocabulary).unsampled_token_ids

    assert unsampled(ExperimentConfig()) == (0, 1, 2, 3, 4, 5)
    assert unsampled(google()) == ()
    assert unsampled(google(sample_special_tokens=False)) == (0, 1, 2, 3, 4, 5)
    alone = ExperimentConfig(train=TrainConfig(sample_special_tokens=True))
    assert unsampled(alone) == ()
    data = dataclasses.replace(
        google(), data=DataConfig(mask_unknown_tokens=False)
    ).data
    assert (data.mask_with_replacement, data.mask_unknown_tokens) == (True, False)


def test_steps_the_original_way_start_at_rate_0(
    data_folder: Path, tiny_config: ExperimentConfig, tiny_model: ModelConfig
) -> None:
    train = dataclasses.replace(
        tiny_config.train,
        compat="google",
        # None again: what is resolved already would win over `compat`.
        sample_special_tokens=None,
        overlapped_warmup=None,
        adam_bias_correction=None,
        warmup_steps=2,
    )
    config = ExperimentConfig(tiny_model, DataConfig(mask_rate=0.5), train)
    vocabulary = load_vocabulary(data_folder, load_info(data_folder))
    pretrainer = build_pretrainer(config, vocabulary)
    weights = [[v.numpy() for v in pretrainer.trainable_variables]]
    dataset = make_train_dataset(data_folder, global_batch_size=8, config=config.data)
    for batch in dataset.take(2):
        pretrainer.train_step(batch)
        assert np.isfinite(pretrainer.get_metrics_result()["loss"])
        weights.append([v.numpy() for v in pretrainer.trainable_variables])
    changes = [
        max(np.abs(a - b).max() for a, b in zip(before, after, strict=True))
        for before, after in itertools.pairwise(weights)
    ]
    assert changes[0] == 0.0 < changes[1]


def make_batch(mask_token_rate: float) -> dict[str, tf.Tensor]:
    """Eight rows of 16 tokens, 5 of them masked."""
    words = np.random.default_rng(0).integers(6, 40, (8, 14))
    token_ids = np.pad(words, [[0, 0], [1, 1]], constant_values=((0, 0), (2, 3)))
    rows = {
        "token_ids": tf.constant(token_ids, tf.int32),
        "segment_ids": tf.zeros([8, 16], tf.int32),
        "padding_mask": tf.ones([8, 16], tf.int32),
    }
    config = MaskingConfig(
        16, SPECIAL_IDS, mask_rate=0.3, mask_token_rate=mask_token_rate
    )
    zero = tf.constant(0, tf.int64)
    return mask_tokens(rows, tf.range(8, dtype=tf.int64), zero, config)


def run(objective: ElectraObjective, batch: Any, step: int = 0) -> dict[str, Any]:
    with noise_key(step_key(1, tf.constant(step), 0)):
        outputs = objective.forward(batch, training=True)
    return {name: value.numpy() for name, value in outputs.items()}


def test_kept_tokens_are_sampled_too(tiny_model: ModelConfig) -> None:
    batch = make_batch(mask_token_rate=0.0)
    assert np.array_equal(batch["masked_token_ids"], batch["token_ids"])
    outputs = run(ElectraObjective.build(tiny_model), batch)
    at_slots = (outputs["corrupted_token_ids"], outputs["is_replaced"])
    slots = batch["mask_positions"].numpy()
    corrupted, is_replaced = (np.take_along_axis(v, slots, 1) for v in at_slots)
    assert np.array_equal(corrupted, outputs["sampled_ids"])
    # Nearly all of the 40 samples of an untrained generator are other tokens.
    assert is_replaced.sum() > 30
    assert outputs["is_replaced"].sum() == is_replaced.sum()


def test_uniform_generator_has_the_loss_of_the_vocabulary(
    tiny_model: ModelConfig,
) -> None:
    settings = ObjectiveSettings(uniform_generator=True)
    objective = ElectraObjective.build(tiny_model, settings)
    batch = make_batch(mask_token_rate=0.85)
    outputs = run(objective, batch)
    losses = objective.losses(batch, outputs, objective.counts(batch))
    assert float(losses["masked_lm_loss"]) == pytest.approx(np.log(40), rel=1e-6)
    expected = losses["masked_lm_loss"] + 50 * losses["disc_loss"]
    assert float(losses["loss"]) == pytest.approx(float(expected), rel=1e-6)
    samples = np.stack([run(objective, batch, s)["sampled_ids"] for s in range(20)])
    counts = np.bincount(samples.ravel(), minlength=40)
    assert not counts[:5].any()
    # 99.9% of chi-square with 34 degrees of freedom.
    even = samples.size / 35
    assert ((counts[5:] - even) ** 2 / even).sum() < 65.3


def test_samples_come_from_the_logits_under_dropout(tiny_model: ModelConfig) -> None:
    config = dataclasses.replace(tiny_model, dropout_rate=0.3)
    # Cold: the sample is the likeliest token.
    objective = ElectraObjective.build(
        config, ObjectiveSettings(temperature=1e-6, unsampled_token_ids=())
    )
    batch = make_batch(mask_token_rate=0.85)
    first, second = run(objective, batch), run(objective, batch, step=1)
    for outputs in (first, second):
        likeliest = outputs["mask_logits"].argmax(axis=-1)
        assert np.array_equal(outputs["sampled_ids"], likeliest)
    assert not np.array_equal(first["sampled_ids"], second["sampled_ids"])


@pytest.mark.parametrize(
    ("hidden_dim", "fraction", "width", "heads"),
    [
        *((256, 0.25, 64, 1), (768, 0.33333, 256, 4), (1024, 0.25, 256, 4)),
        *((256, 1.0, 256, 4), (64, 0.3, 19, 1), (64, 0.001, 1, 1)),
    ],
)
def test_generator_is_sized_by_a_fraction(
    hidden_dim: int, fraction: float, width: int, heads: int
) -> None:
    config = ModelConfig(hidden_dim=hidden_dim, generator_fraction=fraction)
    assert config.generator_hidden_dim == width
    assert config.generator_num_heads == heads
    assert config.generator_intermediate_dim == 4 * width
    with pytest.raises(UsageError, match="generator_hidden_dim 200 with 3 heads"):
        ModelConfig(hidden_dim=800, generator_fraction=0.25, num_heads=8)


def test_chat_keeps_jamo_emoji_and_numbers() -> None:
    text = normalize_text(
        join_documents(["ㅋㅋ ㅠㅠ 상금 10000원 👍🏽 https://example.com/a"])
    )
    cleaned = tidy_lines(find_preset("korean_chat").clean(text))
    assert cleaned == "ㅋㅋ ㅠㅠ 상금 10000원 👍🏽"
