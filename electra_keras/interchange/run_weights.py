"""The networks of a run as named tensors, read from its checkpoint.

Feeds `sources.py`. The networks are built without weights, for the names alone,
so that a run is never in memory whole.
"""

from __future__ import annotations

import keras
import numpy as np

from electra_keras.interchange.keras_weights import KerasWeights, find_keras_weights
from electra_keras.models.weightless import build_weightless
from electra_keras.objectives.shared.objective import Objective, ObjectiveSettings
from electra_keras.objectives.shared.registry import find_objective
from electra_keras.training.checkpoints import Checkpoint
from electra_keras.training.saved_run import RunRecord, load_run


class CheckpointWeights(KerasWeights):
    """The weights of a network of ours, in a checkpoint.

    Args:
        network: Built without weights.
        checkpoint: Holds them.
    """

    def __init__(self, network: keras.Model, checkpoint: Checkpoint) -> None:
        super().__init__(network)
        self.checkpoint = checkpoint

    def _rows(self, variable: keras.Variable, rows: slice) -> np.ndarray:
        return self.checkpoint.read_rows(variable, rows)


def open_run_weights(record: RunRecord) -> tuple[dict[str, KerasWeights], list[str]]:
    """Opens the networks of a run, as `find_keras_weights`.

    Raises:
        ElectraError: The checkpoint does not hold the networks.
    """
    kind = find_objective(record.config.train.objective)
    if kind.start is not Objective.start:
        # It may change what was saved, so it is loaded as it would train on.
        objective = load_run(record.folder).objective
        return find_keras_weights(objective.networks)
    settings = ObjectiveSettings.of(record.config, record.vocabulary)
    networks = build_weightless(
        lambda: kind.build_networks(record.config.model, settings, seed=1)
    )
    return find_keras_weights(
        networks, lambda network: CheckpointWeights(network, record.checkpoint)
    )
