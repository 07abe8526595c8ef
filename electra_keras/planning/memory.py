"""Bytes that training and serving take on a device, estimated.

Reads outlines of networks, feeds `plan.py`. Counted are the tensors that the
backward pass needs again, as TensorFlow keeps them for the layers of
`models/transformer_block.py` without XLA; docs/training.md says how far off that is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from electra_keras.models.chunked_softmax import CHUNK_LOGITS
from electra_keras.planning.flops import RowSizes
from electra_keras.planning.outlines import (
    EncoderOutline,
    NetworkOutline,
    count_parameters,
    count_trained_parameters,
)
from electra_keras.planning.stages import Stage, predicts_all_tokens

_FLOAT32 = 4  # Bytes.
# Of B x M x V floats at a time: logits, their loss's gradient, and that times what
# comes from above; while tokens are drawn also logits without specials,
# probabilities, and these padded to blocks.
_KEPT_LOGITS = 3
_DRAWN_LOGITS = 6
# Blocks of logits in the gradient of a softmax in chunks.
_CHUNKS = 4
# The discriminator runs after the generator, whose backward pass waits for nothing:
# some of what that one has kept is gone by then, measured between none and all.
_OVERLAP_RATE = 0.5


@dataclasses.dataclass(frozen=True)
class ActivationSettings:
    """What the size of a kept tensor depends on.

    Attributes:
        compute_bytes: Of an element of a product: 4, or 2 in mixed precision,
            where sums, LayerNorm and softmax stay float32.
        has_dropout: Of hidden states.
        has_attention_dropout: Of the attention probabilities.
    """

    compute_bytes: int = _FLOAT32
    has_dropout: bool = True
    has_attention_dropout: bool = True

    @property
    def cast_bytes(self) -> int:
        """Bytes of an element's copy in the dtype of products; 0 for none."""
        return 0 if self.compute_bytes == _FLOAT32 else self.compute_bytes


@dataclasses.dataclass(frozen=True)
class TrainingMemory:
    """Bytes of one replica while it trains.

    Attributes:
        weights: float32, and a copy in mixed precision.
        gradients: float32.
        optimizer: Adam's two means.
        activations: What the backward pass needs, and the logits.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def peak(self) -> int:
        """In the backward pass, or while the gradients are clipped."""
        lasting = self.weights + self.gradients + self.optimizer
        # Clipped gradients lie beside those that come in.
        return lasting + max(self.activations, self.gradients)


def estimate_training(
    networks: Sequence[NetworkOutline],
    stages: Sequence[Stage],
    rows: int,
    row: RowSizes,
    settings: ActivationSettings,
    *,
    micro_batches: int = 1,
) -> TrainingMemory:
    """Estimates the memory of a training step, in the stage that takes most.

    Args:
        networks: All that there are.
        stages: Which of them a step trains.
        rows: B, that one replica works through at once.
        row: Sizes of a row.
        settings: Dtype and dropout.
        micro_batches: Of a step; the gradients of several are summed up.
    """
    stages = [stage for stage in stages if stage.steps]
    moved = max(count_trained_parameters(stage.trained) for stage in stages)
    return TrainingMemory(
        weights=count_parameters(networks) * (_FLOAT32 + settings.cast_bytes),
        gradients=moved * _FLOAT32 * min(micro_batches, 2),
        optimizer=2 * count_trained_parameters(networks) * _FLOAT32,
        activations=max(_activations(stage, rows, row, settings) for stage in stages),
    )


def _activations(
    stage: Stage, rows: int, row: RowSizes, settings: ActivationSettings
) -> int:
    peaks = [_logits(network, rows, row) for network in stage.only_run]
    before = 0
    for network in stage.trained:
        kept = rows * _kept_of_row(network, row, settings)
        most = max(_working(network, rows, row, settings), _logits(network, rows, row))
        peaks.append(kept + most + int(_OVERLAP_RATE * before))
        before += kept
    return max(peaks)


def _working(
    network: NetworkOutline, rows: int, row: RowSizes, settings: ActivationSettings
) -> int:
    """The backward pass of a block takes about what the block has kept."""
    blocks = [_kept_of_block(x, row, settings) for x in network.encoders]
    return rows * row.sequence_length * max(blocks, default=0)


def _logits(network: NetworkOutline, rows: int, row: RowSizes) -> int:
    if not network.masked_lm_heads:
        return 0
    of_a_token = rows * row.vocabulary_size
    predicts_all = predicts_all_tokens(row.objective, network.name)
    copies = _KEPT_LOGITS if not predicts_all else 0
    if network.name == "generator":
        copies = _DRAWN_LOGITS
    logits = of_a_token * row.mask_slots * copies
    if predicts_all:
        of_all = of_a_token * row.sequence_length
        logits = max(logits, min(of_all, CHUNK_LOGITS) * _CHUNKS)
    return logits * _FLOAT32


def _kept_of_row(
    network: NetworkOutline, row: RowSizes, settings: ActivationSettings
) -> int:
    if not network.encoders:
        return 0
    kept = 0
    for encoder in network.encoders:
        kept += row.sequence_length * (
            _kept_of_embedding(encoder, settings)
            + encoder.num_layers * _kept_of_block(encoder, row, settings)
        )
    size = settings.compute_bytes
    hidden_dim = sum(encoder.hidden_dim for encoder in network.encoders)
    embedding_dim = network.encoders[0].embedding_dim
    predict = hidden_dim * size + embedding_dim * (5 * size + 2 * _FLOAT32)
    kept += network.masked_lm_heads * row.predicted_tokens(network) * predict
    detect = hidden_dim * 5 * size
    return kept + network.replaced_token_heads * row.sequence_length * detect


def _kept_of_embedding(encoder: EncoderOutline, settings: ActivationSettings) -> int:
    """Bytes of one token: input and scaled input of LayerNorm, and what is read."""
    kept = 2 * _FLOAT32 + (1 if settings.has_dropout else 0)
    if encoder.embedding_dim != encoder.hidden_dim:
        kept += settings.compute_bytes  # Else the first block's input.
    return encoder.embedding_dim * kept


def _kept_of_block(
    encoder: EncoderOutline, row: RowSizes, settings: ActivationSettings
) -> int:
    """Bytes of one token in one block.

    In the dtype of products: what both sublayers read; query, before and after it
    is scaled, key, value and what is attended to; argument and result of GELU, which
    are wide. In float32: what both LayerNorms read and what they have made normal.
    Of each dropout what comes in and a mask. Of the attention probabilities in
    float32, and a copy in the dtype of products or after dropout, with a mask.
    """
    size = settings.compute_bytes
    hidden = 7 * size + 4 * _FLOAT32
    hidden += 2 * (size + 1) if settings.has_dropout else 0
    probability = _FLOAT32 + settings.cast_bytes
    if settings.has_attention_dropout:
        probability = _FLOAT32 + size + 1
    return (
        encoder.hidden_dim * hidden
        + encoder.intermediate_dim * 2 * size
        + encoder.num_heads * row.sequence_length * probability
    )


@dataclasses.dataclass(frozen=True)
class ServingMemory:
    """Bytes while a model answers.

    Attributes:
        weights: float32, of the network that is kept.
        activations: The most that lives at a time, for a batch; less where
            TensorFlow merges operations.
    """

    weights: int
    activations: int


def estimate_serving(
    network: NetworkOutline, rows: int, sequence_length: int
) -> ServingMemory:
    """Estimates the memory of a forward pass in float32.

    Args:
        network: The one that is kept, usually the discriminator.
        rows: B, texts answered at a time.
        sequence_length: S, tokens of the longest.
    """
    most = 0
    for encoder in network.encoders:
        hidden, inner = encoder.hidden_dim, encoder.intermediate_dim
        scores = encoder.num_heads * sequence_length
        moments = (
            7 * hidden,  # The input; query, key and value, and these transposed.
            4 * hidden + 2 * scores,  # Beside them scores and probabilities.
            2 * hidden + 3 * inner,  # Input, result and GELU's steps.
        )
        most = max(most, *moments)
    return ServingMemory(
        weights=network.parameter_count * _FLOAT32,
        activations=rows * sequence_length * most * _FLOAT32,
    )
