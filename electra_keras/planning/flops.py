"""Floating-point operations of a training step, counted as in the paper.

Reads outlines of networks, feeds `plan.py`. A product and a sum are an operation
each, a backward pass costs what the forward pass does, and looking up a token is
a product with the whole table. A device does less, and a profiler counts
otherwise: the numbers compare with those of the paper and with `devices.py`.

Source: Clark et al. 2020, appendix "Counting FLOPs"; google-research/electra
    `flops_computation.py`, whose assumptions are kept.
"""

from __future__ import annotations

import dataclasses

from electra_keras.planning.outlines import EncoderOutline, NetworkOutline
from electra_keras.planning.stages import Stage, predicts_all_tokens

# Operations per element, as the paper counts them.
_DROPOUT = 4
_LAYER_NORM = 5
_GELU = 8
_SOFTMAX = 5


@dataclasses.dataclass(frozen=True)
class RowSizes:
    """What a row costs by.

    Attributes:
        objective: Name, which decides how many tokens are predicted.
        sequence_length: S, tokens of a row, padding too.
        mask_slots: M.
        vocabulary_size: V.
    """

    objective: str
    sequence_length: int
    mask_slots: int
    vocabulary_size: int

    def predicted_tokens(self, network: NetworkOutline) -> int:
        """Positions for which a network's masked-LM heads give logits."""
        if predicts_all_tokens(self.objective, network.name):
            return self.sequence_length
        return self.mask_slots


def count_stage_flops(stage: Stage, row: RowSizes) -> int:
    """Counts the operations of a stage's training step over one row."""
    trained = sum(count_forward_flops(network, row) for network in stage.trained)
    only_run = sum(count_forward_flops(network, row) for network in stage.only_run)
    return 2 * trained + only_run


def count_forward_flops(network: NetworkOutline, row: RowSizes) -> int:
    """Counts the operations of a network's forward pass over one row."""
    if not network.encoders:
        return 0  # A vector beside another network.
    flops = 0
    for encoder in network.encoders:
        flops += row.sequence_length * (
            _embed(encoder, row)
            + encoder.num_layers * _transform(encoder, row.sequence_length)
        )
    # Towers stand side by side before the head.
    hidden_dim = sum(encoder.hidden_dim for encoder in network.encoders)
    embedding_dim = network.encoders[0].embedding_dim
    predict = _predict_token(hidden_dim, embedding_dim, row.vocabulary_size)
    flops += network.masked_lm_heads * row.predicted_tokens(network) * predict
    detect = 2 * hidden_dim**2 + (1 + _GELU) * hidden_dim + 2 * hidden_dim
    return flops + network.replaced_token_heads * row.sequence_length * detect


def _embed(encoder: EncoderOutline, row: RowSizes) -> int:
    """One token: tables, sums, LayerNorm, dropout, projection."""
    rows = row.vocabulary_size + row.sequence_length + 2
    flops = encoder.embedding_dim * (2 * rows + 2 + _LAYER_NORM + _DROPOUT)
    if encoder.embedding_dim != encoder.hidden_dim:
        flops += 2 * encoder.embedding_dim * encoder.hidden_dim + encoder.hidden_dim
    return flops


def _transform(encoder: EncoderOutline, sequence_length: int) -> int:
    """One token in one Transformer block."""
    hidden, inner = encoder.hidden_dim, encoder.intermediate_dim
    scores = encoder.num_heads * sequence_length
    projections = 4 * (2 * hidden**2 + hidden)
    attention = 4 * hidden * sequence_length + (1 + _SOFTMAX + _DROPOUT) * scores
    feed_forward = 4 * hidden * inner + (1 + _GELU) * inner + hidden
    # Dropout, the sum with what came in, LayerNorm: after both sublayers.
    around = 2 * (_DROPOUT + 1 + _LAYER_NORM) * hidden
    return projections + attention + feed_forward + around


def _predict_token(hidden_dim: int, embedding_dim: int, vocabulary_size: int) -> int:
    """One prediction: transform, product with the table, softmax, loss."""
    transform = 2 * hidden_dim * embedding_dim
    transform += (1 + _GELU + _LAYER_NORM) * embedding_dim
    return transform + vocabulary_size * (2 * embedding_dim + _SOFTMAX + 2)
