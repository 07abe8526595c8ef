"""The networks of a run as named tensors, read from its checkpoint.

Feeds `sources.py`. The networks are built without weights, for the names alone,
so that a run is never in memory whole.
"""

from __future__ import annotations

import keras
import numpy as np

from electra_keras.interchange.keras_weights import KerasWeights, find_keras_weights
from electra_keras.interchange.names import TensorName
from electra_keras.interchange.weights import ALL_ROWS, Weights
from electra_keras.models.weightless import build_weightless
from electra_keras.objectives.shared.objective import Objective, ObjectiveSettings
from electra_keras.objectives.shared.registry import find_objective
from electra_keras.training.checkpoints import Checkpoint
from electra_keras.training.saved_run import RunRecord


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


class CopiedWeights(CheckpointWeights):
    """A network that takes over embeddings and encoder of another one.

    Args:
        network: Built without weights; its head is its own.
        checkpoint: Holds the head.
        source: The other network. They have no head in common.
    """

    def __init__(
        self, network: keras.Model, checkpoint: Checkpoint, source: Weights
    ) -> None:
        super().__init__(network, checkpoint)
        self.source = source
        self._copied = frozenset(source.sizes.names())

    def read(self, name: TensorName, rows: slice = ALL_ROWS) -> np.ndarray:
        """Reads a tensor of the head, or the other network's."""
        if name in self._copied:
            return self.source.read(name, rows)
        return super().read(name, rows)


def build_outlines(record: RunRecord) -> dict[str, keras.Model]:
    """Builds the networks of a run without weights."""
    kind, settings = _find_kind(record)
    return build_weightless(
        lambda: kind.build_networks(record.config.model, settings, seed=1)
    )


def find_copies(record: RunRecord) -> dict[str, str]:
    """Tells which networks of a run are not trained yet; see `Objective.copies`."""
    kind, settings = _find_kind(record)
    return kind.copies(settings, record.checkpoint.step)


def _find_kind(record: RunRecord) -> tuple[type[Objective], ObjectiveSettings]:
    kind = find_objective(record.config.train.objective)
    return kind, ObjectiveSettings.of(record.config, record.vocabulary)


def open_run_weights(record: RunRecord) -> tuple[dict[str, KerasWeights], list[str]]:
    """Opens the networks of a run, as `find_keras_weights`.

    Raises:
        ElectraError: The checkpoint does not hold the networks.
    """
    networks = build_outlines(record)
    known, others = find_keras_weights(
        networks, lambda network: CheckpointWeights(network, record.checkpoint)
    )
    for copy, original in find_copies(record).items():
        known[copy] = CopiedWeights(networks[copy], record.checkpoint, known[original])
    return known, others
