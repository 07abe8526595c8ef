"""What an objective runs in a step: which networks, how far, on which tokens.

Reads `TrainConfig`, feeds `flops.py` and `memory.py`. An objective that is not
named here trains all of its networks in every step and predicts masked tokens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from electra_keras.config import TrainConfig
from electra_keras.planning.outlines import NetworkOutline

# Networks that predict all tokens of a row and not the masked ones alone.
_PREDICTS_ALL_TOKENS = {
    ("all_tokens_mlm", "discriminator"),
    ("electric", "generator"),
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """Steps that run the same.

    Attributes:
        steps: Optimizer steps.
        trained: Networks with forward and backward pass.
        only_run: Networks with a forward pass alone.
    """

    steps: int
    trained: tuple[NetworkOutline, ...]
    only_run: tuple[NetworkOutline, ...] = ()


def list_stages(
    config: TrainConfig, networks: Sequence[NetworkOutline]
) -> tuple[Stage, ...]:
    """Lists the stages of a run: one, or two of "two_stage"."""
    if config.objective != "two_stage":
        return (Stage(config.train_steps, tuple(networks)),)
    by_name = {network.name: network for network in networks}
    generator, discriminator = by_name["generator"], by_name["discriminator"]
    first = min(config.effective_generator_steps, config.train_steps)
    return (
        Stage(first, (generator,)),
        Stage(config.train_steps - first, (discriminator,), (generator,)),
    )


def predicts_all_tokens(objective: str, network: str) -> bool:
    """Whether a network predicts all tokens of a row."""
    return (objective, network) in _PREDICTS_ALL_TOKENS
