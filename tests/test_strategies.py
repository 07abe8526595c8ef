"""python -m pytest tests/test_strategies.py"""

from __future__ import annotations

import pytest

from electra_keras.config import TrainConfig
from electra_keras.errors import UsageError
from electra_keras.training.strategies import make_strategy


def test_a_batch_that_does_not_split_is_refused() -> None:
    config = TrainConfig(train_steps=10, global_batch_size=8, micro_batches=3)
    with pytest.raises(UsageError, match="1 replicas, each in 3 parts; expected a mul"):
        make_strategy(config)
