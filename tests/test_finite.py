"""python -m pytest tests/test_finite.py"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from electra_keras.training.finite import (
    describe_not_finite,
    find_not_finite_values,
    find_not_finite_variables,
)

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def network() -> keras.Model:
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(3, name="first")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="second")(hidden))


def test_losses_come_first_then_the_gradient() -> None:
    logs = {"loss": NAN, "gradient_norm": INF, "disc_loss": 0.3, "masked_lm_loss": NAN}
    assert find_not_finite_values({**logs, "disc_auc": NAN}) == [
        *("masked_lm_loss is nan", "loss is nan", "gradient_norm is inf")
    ]
    assert find_not_finite_values({"loss": 1.0, "disc_auc": NAN}) == []


def test_variables_are_named_by_path(network: keras.Model) -> None:
    networks = {"one": network, "the same": network}
    assert find_not_finite_variables(networks) == []
    kernel = network.get_layer("second").kernel
    kernel.assign(np.array([[0.0], [-INF], [1.0]]))
    assert find_not_finite_variables(networks) == ["second/kernel"]
    network.get_layer("first").bias.assign([0.0, NAN, 0.0])
    assert find_not_finite_variables(networks) == ["first/bias", "second/kernel"]


def test_it_is_said_in_one_line() -> None:
    assert describe_not_finite([], ["a"], 4) == "variable a is not finite"
    assert describe_not_finite([], ["a", "b"], 4) == (
        "variable a is not finite, and 1 more of 4 variables"
    )
    assert describe_not_finite(["loss is nan"], [], 4) == "loss is nan"
    assert describe_not_finite(["loss is nan"], ["a", "b"], 4) == (
        "loss is nan; 2 of 4 variables are not finite, such as a"
    )
    assert describe_not_finite(["loss is nan"], ["a", "b"], 2) == (
        "loss is nan; and so are all 2 variables"
    )
