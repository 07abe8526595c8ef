"""The encoder of a pre-trained model and the head of a task, as a Keras model.

Reads any model that `interchange/sources.py` opens, feeds `trial.py` and
`tuned_folder.py`.
"""

from __future__ import annotations

import dataclasses

import keras

from electra_keras.errors import UsageError
from electra_keras.finetuning.tasks.task_kind import TaskKind
from electra_keras.interchange.loading import load_networks
from electra_keras.interchange.sources import Pretrained
from electra_keras.model_config import ModelConfig
from electra_keras.models.networks import Network, build_encoder_network

_ENCODER = "discriminator"
INPUTS = ("token_ids", "segment_ids", "padding_mask")


def with_dropout(model: ModelConfig, rate: float) -> ModelConfig:
    """Sets both rates of dropout; what a short pre-training left out helps here."""
    return dataclasses.replace(model, dropout_rate=rate, attention_dropout_rate=rate)


def build_task_network(model: ModelConfig, kind: TaskKind, *, seed: int) -> keras.Model:
    """Builds a network of random weights.

    Inputs, by name: `token_ids`, `segment_ids`, `padding_mask` int32 (B, S).
    Outputs, by name: those of the kind's head, and `hidden_states` float
    (B, S, H), the last ones.

    Args:
        model: Sizes and dropout, also that of the head.
        kind: Of the task.
        seed: Of the initial weights.
    """
    encoder = build_encoder_network(model, seed=seed)
    head = kind.build_head(model.hidden_dim, model.dropout_rate, seed)
    inputs = encoder.input
    hidden_states = encoder.output["hidden_states"]
    outputs = head(hidden_states, inputs["padding_mask"], inputs["segment_ids"])
    return Network(inputs, {**outputs, "hidden_states": hidden_states}, name="task")


def fill_encoder(network: keras.Model, source: Pretrained) -> None:
    """Takes over embeddings and encoder of a pre-trained model.

    Of a source with a discriminator that one, else its only network.

    Args:
        network: From `build_task_network`, with the sizes of the source.
        source: Opened.

    Raises:
        UsageError: There is no network in it.
    """
    name = _ENCODER if _ENCODER in source.networks else "generator"
    if name not in source.networks:
        raise UsageError(
            f"no network in {source.path}",
            expected="a discriminator or a generator",
            fix="Check --init_from.",
        )
    # The same layers without the head of the task.
    hidden_states = {"hidden_states": network.output["hidden_states"]}
    encoder = Network(network.input, hidden_states, name=_ENCODER)
    load_networks({_ENCODER: encoder}, {_ENCODER: source.networks[name]})
