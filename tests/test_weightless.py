"""python -m pytest tests/test_weightless.py"""

from __future__ import annotations

import keras
import pytest

from electra_keras.config import ModelConfig
from electra_keras.models.networks import build_replaced_token_networks
from electra_keras.models.weightless import build_weightless


def test_networks_have_names_and_shapes_and_no_values(tiny_model: ModelConfig) -> None:
    built = build_replaced_token_networks(tiny_model)
    outlines = build_weightless(lambda: build_replaced_token_networks(tiny_model))
    assert outlines.keys() == built.keys()
    for name, network in built.items():
        assert {v.path: tuple(v.shape) for v in outlines[name].variables} == {
            v.path: tuple(v.shape) for v in network.variables
        }
        assert all(v._value is None for v in outlines[name].variables)
    # Nor does what is built next lack any.
    dense = keras.layers.Dense(1)
    dense.build((None, 2))
    assert dense.kernel.numpy().shape == (2, 1)


def test_errors_come_out() -> None:
    def fail() -> dict[str, keras.Model]:
        raise ValueError("no such sizes")

    with pytest.raises(ValueError, match="no such sizes"):
        build_weightless(fail)
