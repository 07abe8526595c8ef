"""Networks without weights: their parameters and the sizes that cost time.

Reads a configuration, feeds `flops.py` and `memory.py`. The networks are those
that the objective builds, so nothing here has to follow what changes there.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras

from electra_keras.config import ExperimentConfig
from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary
from electra_keras.models.encoder import Encoder
from electra_keras.models.heads import MaskedLMHead, ReplacedTokenHead
from electra_keras.models.weightless import build_weightless
from electra_keras.objectives.shared.objective import ObjectiveSettings
from electra_keras.objectives.shared.registry import find_objective


@dataclasses.dataclass(frozen=True)
class EncoderOutline:
    """Sizes of an encoder, as in `models/encoder.py`."""

    embedding_dim: int
    hidden_dim: int
    num_layers: int
    num_heads: int
    intermediate_dim: int


@dataclasses.dataclass(frozen=True)
class NetworkOutline:
    """A network without its weights.

    Attributes:
        name: "generator", "discriminator" or what else the objective has.
        parameters: Elements of each weight, by its path. Weights that networks
            share have one path.
        trained_paths: Paths of those that an optimizer moves.
        encoders: One, two towers, or none in a head that stands alone.
        masked_lm_heads: How many predict tokens.
        replaced_token_heads: How many give a logit per token.
    """

    name: str
    parameters: dict[str, int]
    trained_paths: frozenset[str]
    encoders: tuple[EncoderOutline, ...]
    masked_lm_heads: int
    replaced_token_heads: int

    @property
    def parameter_count(self) -> int:
        """Elements of all weights, shared ones too."""
        return sum(self.parameters.values())


def outline_networks(config: ExperimentConfig) -> tuple[NetworkOutline, ...]:
    """Outlines the networks that a configuration trains; allocates no weight.

    Args:
        config: `model.vocabulary_size` must be set.

    Raises:
        UsageError: It is not, or objective and sizes do not go together.
    """
    settings = ObjectiveSettings.of(config, Vocabulary(SPECIAL_TOKENS))
    objective = find_objective(config.train.objective)
    networks = build_weightless(
        lambda: objective.build_networks(config.model, settings, seed=1)
    )
    return tuple(_outline_network(name, network) for name, network in networks.items())


def _outline_network(name: str, network: keras.Model) -> NetworkOutline:
    layers = list(network._flatten_layers(include_self=False))
    return NetworkOutline(
        name,
        {v.path: math.prod(v.shape) for v in network.variables},
        frozenset(v.path for v in network.trainable_variables),
        tuple(
            _outline_encoder(layer) for layer in layers if isinstance(layer, Encoder)
        ),
        sum(isinstance(layer, MaskedLMHead) for layer in layers),
        sum(isinstance(layer, ReplacedTokenHead) for layer in layers),
    )


def _outline_encoder(encoder: Encoder) -> EncoderOutline:
    arguments: dict[str, Any] = encoder.arguments
    sizes = (field.name for field in dataclasses.fields(EncoderOutline))
    return EncoderOutline(**{size: arguments[size] for size in sizes})


def count_parameters(networks: Sequence[NetworkOutline]) -> int:
    """Counts the elements of all weights, shared ones once."""
    return sum(_union(networks).values())


def count_shared_parameters(networks: Sequence[NetworkOutline]) -> int:
    """Counts the elements of weights that more than one network has."""
    owners = collections.Counter(
        path for network in networks for path in network.parameters
    )
    return sum(n for path, n in _union(networks).items() if owners[path] > 1)


def count_trained_parameters(networks: Sequence[NetworkOutline]) -> int:
    """Counts the elements that have gradients and Adam's two means."""
    trained = {path for network in networks for path in network.trained_paths}
    return sum(n for path, n in _union(networks).items() if path in trained)


def _union(networks: Sequence[NetworkOutline]) -> dict[str, int]:
    parameters: dict[str, int] = {}
    for network in networks:
        parameters.update(network.parameters)
    return parameters
