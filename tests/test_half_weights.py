"""python -m pytest tests/test_half_weights.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.serving.export import export_run
from electra_keras.serving.half_weights import HalfWeights
from electra_keras.serving.prediction import predict
from electra_keras.training.saved_run import SavedRun, load_run


@pytest.fixture(scope="module")
def run(run_folder: Path) -> SavedRun:
    return load_run(run_folder)


@pytest.fixture(scope="module")
def version(run: SavedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_run(run, tmp_path_factory.mktemp("half"), weights="bfloat16")


def test_weights_take_half_the_size(run: SavedRun, version: Path) -> None:
    (data,) = (version / "variables").glob("variables.data*")
    size = 2 * run.discriminator.count_params()
    assert size <= data.stat().st_size < 1.2 * size + 4096
    stored = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    dtypes = stored.get_variable_to_dtype_map()
    weights = {dtypes[name] for name in dtypes if name.startswith("weights/")}
    assert weights == {tf.bfloat16}


def test_answers_are_those_of_rounded_weights(
    run: SavedRun, version: Path, tmp_path: Path
) -> None:
    before = [variable.numpy() for variable in run.discriminator.variables]
    rounded = [tf.cast(tf.cast(v, tf.bfloat16), tf.float32) for v in before]
    try:
        run.discriminator.set_weights(rounded)
        (expected,) = predict(export_run(run, tmp_path / "models"), ["가 나 다!"])
    finally:
        run.discriminator.set_weights(before)
    (received,) = predict(version, ["가 나 다!"])
    assert received.tokens == ("[CLS]", "가", "나", "다", "!", "[SEP]")
    np.testing.assert_allclose(
        received.replaced_probabilities, expected.replaced_probabilities, atol=1e-5
    )


def test_copies_are_named_as_the_weights_are(run: SavedRun) -> None:
    paths = [variable.path for variable in HalfWeights(run.discriminator).variables]
    assert paths == [variable.path for variable in run.discriminator.variables]
    assert "discriminator_encoder/block_1/output/kernel" in paths


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": "float8"}, "--weights=float8; expected float32 or bfloat16"),
        (
            {"weights": "bfloat16", "litert": "int8"},
            "--weights=bfloat16 with --litert; expected one of them",
        ),
        (
            {"weights": "bfloat16", "with_generator": True},
            "--weights=bfloat16 with --with_generator; expected one of them",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    run: SavedRun, tmp_path: Path, settings: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        export_run(run, tmp_path / "models", **settings)
    assert not (tmp_path / "models").exists()
