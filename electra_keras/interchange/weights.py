"""A network as named tensors that are read one at a time, whatever holds them.

The formats derive from it, so that a model never lies in memory twice.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator

import numpy as np

from electra_keras.interchange.names import TensorName
from electra_keras.interchange.sizes import NetworkSizes

_TOKEN_TABLE = "embeddings/token_embeddings"
# Tables are read by rows of so much, since one is a third of a small model and
# would be in memory twice.
_BLOCK_BYTES = 2**23
ALL_ROWS = slice(None)


class Weights(abc.ABC):
    """The tensors of one network, all of them there and of the right shape.

    Attributes:
        sizes: Which tensors there are, and how large.
        where: For messages.
    """

    sizes: NetworkSizes
    where: str

    @abc.abstractmethod
    def read(self, name: TensorName, rows: slice = ALL_ROWS) -> np.ndarray:
        """Reads a tensor, or rows of it: float32, in our layout.

        Whole it has the shape `sizes.shape(name)`.
        """

    def read_blocks(self, name: TensorName) -> Iterator[np.ndarray]:
        """Yields a tensor by rows; a kernel whole, as it may have to be turned."""
        for rows in self.block_rows(name):
            yield self.read(name, rows)

    def block_rows(self, name: TensorName) -> Iterator[slice]:
        """Yields the rows of each block."""
        shape = self.sizes.shape(name)
        count = max(1, _BLOCK_BYTES // (4 * math.prod(shape[1:])))
        if name.is_transposed:
            count = shape[0]
        for first in range(0, shape[0], count):
            yield slice(first, min(first + count, shape[0]))

    @abc.abstractmethod
    def place(self, name: TensorName) -> object:
        """Says where a tensor lies; those at equal places are one tensor."""


def is_equal(first: Weights, second: Weights, name: TensorName) -> bool:
    """Whether two networks have the same values in a tensor, bit by bit."""
    if first.sizes.shape(name) != second.sizes.shape(name):
        return False
    if first.place(name) == second.place(name):
        return True
    return all(
        one.tobytes() == other.tobytes()
        for one, other in zip(
            first.read_blocks(name), second.read_blocks(name), strict=True
        )
    )


def find_tied_weights(discriminator: Weights, generator: Weights) -> str:
    """Finds what two networks share, as `ModelConfig.tied_weights` says it.

    Returns:
        "none", "token_embeddings", "embeddings" or "all".
    """

    def are_equal(prefix: str) -> bool:
        ours, theirs = (
            {name for name in weights.sizes.names() if name.ours.startswith(prefix)}
            for weights in (discriminator, generator)
        )
        return ours == theirs and all(
            is_equal(discriminator, generator, name) for name in ours
        )

    if not are_equal(_TOKEN_TABLE):
        return "none"
    if not are_equal("embeddings/"):
        return "token_embeddings"
    has_same_heads = discriminator.sizes.num_heads == generator.sizes.num_heads
    return "all" if has_same_heads and are_equal("encoder/") else "embeddings"
