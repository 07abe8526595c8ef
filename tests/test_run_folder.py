"""python -m pytest tests/test_run_folder.py"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from electra_keras import train as command
from electra_keras.config import ExperimentConfig
from electra_keras.data.info import load_info
from electra_keras.errors import UsageError
from electra_keras.interchange.conversion import convert
from electra_keras.interchange.initial_weights import InitialWeights
from electra_keras.interchange.sources import open_pretrained
from electra_keras.models.networks import build_networks
from electra_keras.training.run import train
from electra_keras.training.run_folder import find_trained_sequence_length
from electra_keras.training.saved_run import load_run

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def short(tiny_config: ExperimentConfig) -> ExperimentConfig:
    """Two steps that move nothing."""
    settings = dataclasses.replace(
        tiny_config.train, train_steps=2, learning_rate=1e-12, evaluate_examples=8
    )
    return dataclasses.replace(tiny_config, train=settings)


@pytest.fixture(scope="module")
def exported(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "hf"
    return convert(open_pretrained(run_folder), "huggingface", folder)


def weights_of(folder: Path) -> dict[str, np.ndarray]:
    return {
        variable.path: np.array(variable)
        for network in load_run(folder).objective.networks.values()
        for variable in network.variables
    }


def test_a_run_starts_from_other_weights_and_records_it(
    short: ExperimentConfig,
    data_folder: Path,
    run_folder: Path,
    exported: Path,
    tmp_path: Path,
) -> None:
    output = tmp_path / "run"
    source = InitialWeights(exported)
    train(short, data_folder, output, initial_weights=source)
    expected = weights_of(run_folder)
    for path, array in weights_of(output).items():
        assert array == pytest.approx(expected[path], abs=1e-6), path
    record = json.loads((output / "initial_weights.json").read_text())
    assert (record["source"], record["kind"]) == (str(exported), "huggingface")
    # A finished run goes on with and without the flag, from no other weights.
    assert train(short, data_folder, output).start_step == 2
    assert train(short, data_folder, output, initial_weights=source).start_step == 2
    with pytest.raises(UsageError, match=r"from which the run in .* started"):
        train(short, data_folder, output, initial_weights=InitialWeights("other"))
    # Without a checkpoint it starts again, and so from the same weights.
    shutil.rmtree(output / "checkpoints")
    with pytest.raises(UsageError, match="no --init_from; expected --init_from="):
        train(short, data_folder, output)


def test_a_second_phase_goes_on_with_longer_rows(
    short: ExperimentConfig,
    run_folder: Path,
    make_data_folder: Callable[..., Path],
    tmp_path: Path,
) -> None:
    model = dataclasses.replace(short.model, max_sequence_length=32)
    data = make_data_folder(sequence_length=32)
    train(
        dataclasses.replace(short, model=model),
        data,
        tmp_path / "run",
        initial_weights=InitialWeights(run_folder),
    )
    first, second = weights_of(run_folder), weights_of(tmp_path / "run")
    table = "embeddings/position_embeddings"
    longer = build_networks(dataclasses.replace(model, vocabulary_size=40))[0]
    (fresh,) = (np.array(v) for v in longer.variables if v.path == table)
    expected = np.concatenate([first[table], fresh[16:]])
    assert second[table] == pytest.approx(expected, abs=1e-6)
    for path, array in first.items():
        if path != table:
            assert second[path] == pytest.approx(array, abs=1e-6), path
    assert load_run(run_folder).trained_sequence_length == 16
    assert load_run(tmp_path / "run").trained_sequence_length == 32


@pytest.mark.parametrize(
    ("known", "positions", "expected"),
    [(None, 64, 16), (8, 64, 16), (32, 64, 32), (512, 64, 64)],
)
def test_trained_length_is_the_longest_so_far_that_has_positions(
    tiny_config: ExperimentConfig,
    data_folder: Path,
    tmp_path: Path,
    known: int | None,
    positions: int,
    expected: int,
) -> None:
    model = dataclasses.replace(tiny_config.model, max_sequence_length=positions)
    config = dataclasses.replace(tiny_config, model=model)
    if known is not None:
        record = json.dumps({"source": "a", "trained_sequence_length": known})
        (tmp_path / "initial_weights.json").write_text(record)
    info = load_info(data_folder)
    assert find_trained_sequence_length(tmp_path, config, info) == expected


def test_a_run_from_random_weights_goes_on_from_no_others(
    tiny_config: ExperimentConfig, data_folder: Path, run_folder: Path
) -> None:
    with pytest.raises(UsageError, match="expected no --init_from"):
        train(
            tiny_config,
            data_folder,
            run_folder,
            initial_weights=InitialWeights(run_folder),
        )


def test_refused_weights_leave_no_run(
    tiny_config: ExperimentConfig,
    data_folder: Path,
    exported: Path,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(tiny_config.to_yaml())
    flags = [f"--config={config}", f"--data={data_folder}"]
    flags += [f"--output={tmp_path / 'run'}", f"--init_from={exported}"]
    assert command.main([*flags, "--set=model.num_layers=1"]) == 2
    err = capsys.readouterr().err
    assert "has num_layers 2 and not 1; expected the sizes" in err
    assert not (tmp_path / "run").exists()
