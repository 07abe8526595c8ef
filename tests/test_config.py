"""python -m pytest tests/test_config.py"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from electra_keras.config import (
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    TrainConfig,
)
from electra_keras.config_files import load_config, load_config_as
from electra_keras.errors import UsageError

# Those of data have tests of their own.
CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("electra_*.yaml"))


def test_defaults_are_electra_small() -> None:
    model = ModelConfig()
    assert (model.embedding_dim, model.hidden_dim, model.num_layers) == (128, 256, 12)
    assert (model.num_heads, model.intermediate_dim) == (4, 1024)
    assert (model.generator_num_heads, model.generator_intermediate_dim) == (1, 256)
    assert TrainConfig().discriminator_loss_weight == 50.0
    assert TrainConfig().learning_rate == 5e-4


@pytest.mark.parametrize(
    ("hidden_dim", "num_heads", "intermediate_dim"),
    [(32, 1, 128), (64, 1, 256), (128, 2, 512), (768, 12, 3072)],
)
def test_heads_and_feed_forward_follow_the_width(
    hidden_dim: int, num_heads: int, intermediate_dim: int
) -> None:
    model = ModelConfig(hidden_dim=hidden_dim, generator_hidden_dim=hidden_dim)
    assert (model.num_heads, model.intermediate_dim) == (num_heads, intermediate_dim)
    assert model.generator_num_heads == num_heads
    assert model.generator_intermediate_dim == intermediate_dim


def test_heads_and_feed_forward_that_are_set_are_kept() -> None:
    model = ModelConfig(num_heads=8, intermediate_dim=100, generator_num_heads=4)
    assert (model.num_heads, model.intermediate_dim) == (8, 100)
    assert (model.generator_num_heads, model.generator_intermediate_dim) == (4, 256)


def test_yaml_lists_differences_and_set_overrides_them(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("model:\n  hidden_dim: 64\ntrain:\n  seed: 7\n  train_steps: 50\n")
    config = load_config(path, ["train.seed=8", "train.seed=9", "data.mask_rate=0.25"])
    assert config == ExperimentConfig(
        ModelConfig(hidden_dim=64),
        DataConfig(mask_rate=0.25),
        TrainConfig(seed=9, train_steps=50),
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "train: {}\n"])
def test_empty_file_or_section_gives_the_defaults(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    assert load_config(path) == ExperimentConfig()


@pytest.mark.parametrize("text", ["3e-4", "0.0003", "3.0e-4"])
def test_scientific_notation_is_a_number(tmp_path: Path, text: str) -> None:
    assert load_config(None, [f"train.learning_rate={text}"]).train.learning_rate == (
        3e-4
    )
    path = tmp_path / "a.yaml"
    path.write_text(f"train:\n  learning_rate: {text}\n")
    assert load_config(path).train.learning_rate == 3e-4


def test_whole_number_is_taken_for_a_float_setting() -> None:
    weight = load_config(None, ["train.discriminator_loss_weight=20"]).train
    assert weight.discriminator_loss_weight == 20.0
    assert isinstance(weight.discriminator_loss_weight, float)


def test_null_gives_what_is_derived() -> None:
    assert load_config(None, ["model.num_heads=null"]).model.num_heads == 4


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("train.learning_rat=1", "train.learning_rate"),
        ("train.hidden_dim=1", "model.hidden_dim"),
        ("model.layers=1", "model.num_layers"),
        ("data.mask_prob=1", "data.mask_rate"),
        ("trian.seed=1", "train"),
    ],
)
def test_unknown_key_names_the_nearest(override: str, nearest: str) -> None:
    with pytest.raises(UsageError) as error:
        load_config(None, [override])
    assert error.value.received.startswith("unknown configuration key ")
    assert error.value.expected == f"a valid key; the nearest is {nearest}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.train_steps=1.5", "train.train_steps is 1.5 (float); expected int."),
        ("train.train_steps=true", "train.train_steps is True (bool); expected int."),
        ("train.train_steps=ten", "train.train_steps is 'ten' (str); expected int."),
        ("train.jit_compile=1", "jit_compile is 1 (int); expected bool or nothing."),
        ("train.strategy=2", "train.strategy is 2 (int); expected str."),
        ("train.seed=", "train.seed is None (NoneType); expected int."),
        ("train.learning_rate=true", "is True (bool); expected float."),
        ("train.learning_rate=fast", "is 'fast' (str); expected float."),
        ("train.learning_rate=[1]", "is [1] (list); expected float."),
        ("model.num_heads=two", "is 'two' (str); expected int or nothing."),
    ],
)
def test_wrong_type_names_key_value_and_type(override: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_config(None, [override])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.mask_rate=15", "data.mask_rate 15.0; expected a rate from 0 to 1."),
        ("data.mask_rate=-0.1", "data.mask_rate -0.1; expected a rate"),
        ("model.dropout_rate=1.1", "model.dropout_rate 1.1; expected a rate"),
        ("model.dropout_rate=1.0", "model.dropout_rate 1.0; expected a rate from 0 to"),
        ("model.num_segments=1", "model.num_segments 1; expected at least 2."),
        ("train.learning_rate=.inf", "train.learning_rate inf; expected a number"),
        ("train.weight_decay_rate=.nan", "train.weight_decay_rate nan; expected a"),
        (
            "train.seed=3000000000",
            "train.seed 3000000000; expected at most 2147483647.",
        ),
        ("train.adam_beta_2=2", "train.adam_beta_2 2.0; expected a rate"),
        ("train.temperature=0", "train.temperature 0.0; expected a number above 0."),
        ("train.train_steps=0", "train.train_steps 0; expected a number above 0."),
        ("train.train_steps=-5", "train.train_steps -5; expected a number above 0."),
        ("train.learning_rate=nan", "train.learning_rate nan; expected a number"),
        ("train.seed=-1", "train.seed -1; expected a number not below 0."),
        (
            "train.strategy=pods",
            "train.strategy 'pods'; expected one of none, mir",
        ),
        ("train.compat=bert", "train.compat 'bert'; expected one of none, google."),
        ("model.num_heads=3", "model.hidden_dim 256 with 3 heads; expected a width"),
        ("model.generator_hidden_dim=200", "model.generator_hidden_dim 200 with 3"),
        ("model.num_heads=0", "model.hidden_dim 256 with 0 heads"),
        (
            "train.steps_per_execution=3",
            "train.log_every_steps 100; expected a multiple of "
            "train.steps_per_execution 3.",
        ),
        ("train.probe_every_steps=0", "train.probe_every_steps 0; expected a number"),
        ("train.probe_train_examples=0", "train.probe_train_examples 0; expected a"),
    ],
)
def test_value_that_makes_no_sense_is_refused(override: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_config(None, [override])
    assert message in str(error.value)


@dataclasses.dataclass(frozen=True)
class Part:
    sizes: tuple[int | None, ...] = ()
    words: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Whole:
    part: Part = Part()


def test_lists_of_single_values_are_checked_one_by_one() -> None:
    found = load_config_as(Whole, None, ["part.sizes=[3, null]", "part.words=one"])
    assert found.part == Part((3, None), ("one",))
    with pytest.raises(
        UsageError, match=r"part\.sizes is 'x' \(str\); expected int or"
    ):
        load_config_as(Whole, None, ["part.sizes=[1, x]"])


@pytest.mark.parametrize("override", ["seed=1", "train.seed", "train", "="])
def test_override_of_another_form_is_refused(override: str) -> None:
    with pytest.raises(UsageError, match=r"expected section\.key=value"):
        load_config(None, [override])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not valid YAML"),
        ("- 1\n", "holds a list; expected sections model, data, train"),
        ("train: 3\n", "train is 3; expected key: value lines"),
    ],
)
def test_file_that_is_no_configuration_is_refused(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        load_config(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no configuration file at .*none\.yaml"):
        load_config(tmp_path / "none.yaml")


def test_resolved_yaml_loads_as_the_same_configuration(tmp_path: Path) -> None:
    config = load_config(None, ["train.learning_rate=3e-4", "model.hidden_dim=64"])
    path = tmp_path / "config.yaml"
    path.write_text(config.to_yaml())
    assert load_config(path) == config
    assert load_config(path).fingerprint == config.fingerprint
    values = yaml.safe_load(config.to_yaml())
    assert list(values) == ["model", "data", "train"]
    assert set(values["train"]) == {f.name for f in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize("section", ["model", "data", "train"])
def test_fingerprint_changes_with_every_setting(section: str) -> None:
    config = ExperimentConfig()
    part = getattr(config, section)
    fingerprints = {config.fingerprint}
    changed = {
        "num_heads": 8,
        "position_initializer": "sinusoidal",
        "objective": "mlm",
        "strategy": "mirrored",
        "precision": "bfloat16",
        "compat": "google",
        "tied_weights": "none",
        "generator_steps": 9,
        "generator_fraction": 0.5,
        "jit_compile": True,
        "probe": "configs/tasks/korean_sentiment.yaml",
        "probe_every_steps": 9,
        "steps_per_execution": 2,
        "micro_batches": 2,
        "vocabulary_size": 9,
        "sequence_length": 9,
        "hidden_dim": 512,
        "generator_hidden_dim": 128,
        "generator_num_heads": 2,
    }
    names = [field.name for field in dataclasses.fields(part)]
    for name in names:
        old = getattr(part, name)
        new = changed.get(name)
        if isinstance(old, bool):
            new = not old
        elif new is None:
            new = old / 2 if isinstance(old, float) else old * 2
        other = dataclasses.replace(part, **{name: new})
        fingerprints.add(dataclasses.replace(config, **{section: other}).fingerprint)
    # What is set alike already: a fraction beside the width that it stands for.
    assert len(fingerprints) == 1 + len(names)


@pytest.mark.parametrize(
    ("warmup_steps", "train_steps", "expected"),
    [(10_000, 1_000_000, 10_000), (10_000, 600, 60), (5, 600, 5), (9, 9, 0)],
)
def test_warmup_is_at_most_a_tenth_of_the_run(
    warmup_steps: int, train_steps: int, expected: int
) -> None:
    config = TrainConfig(warmup_steps=warmup_steps, train_steps=train_steps)
    assert config.effective_warmup_steps == expected


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_file_in_configs_loads_and_holds_only_differences(
    path: Path, tmp_path: Path
) -> None:
    whole = yaml.safe_load(path.read_text("utf-8"))
    config = load_config(path)
    for section, values in whole.items():
        for key in values:
            rest = {name: value for name, value in values.items() if name != key}
            other = tmp_path / "other.yaml"
            other.write_text(yaml.safe_dump({**whole, section: rest}))
            assert load_config(other) != config, f"{section}.{key} changes nothing"


def test_configs_are_found() -> None:
    assert "electra_tiny.yaml" in {path.name for path in CONFIGS}
