"""Sizes of one network, found in the shapes of its tensors, and what follows.

Reads the table of `names.py`; feeds the formats, which derive every number.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping

from electra_keras.errors import UsageError
from electra_keras.interchange.names import HEADS, TensorName, tensor_names

Shape = tuple[int, ...]
NameFn = Callable[[TensorName], str]


@dataclasses.dataclass(frozen=True)
class NetworkSizes:
    """Sizes of one network.

    Attributes:
        vocabulary_size: V.
        max_sequence_length: Rows of the position table, tokens.
        num_segments: Rows of the segment table.
        embedding_dim: E.
        hidden_dim: H.
        num_layers: Transformer blocks.
        intermediate_dim: Width of the feed-forward sublayers.
        output_heads: Of `names.HEADS`, those that it has.
        num_heads: Of its attention. None where no shape and no file tells.
    """

    vocabulary_size: int
    max_sequence_length: int
    num_segments: int
    embedding_dim: int
    hidden_dim: int
    num_layers: int
    intermediate_dim: int
    output_heads: tuple[str, ...]
    num_heads: int | None = None

    def names(self) -> list[TensorName]:
        """Lists the tensors of such a network."""
        return list(
            tensor_names(
                self.num_layers,
                is_projected=self.embedding_dim != self.hidden_dim,
                heads=self.output_heads,
            )
        )

    def shape(self, name: TensorName) -> Shape:
        """Returns the shape of a tensor in our layout; of its third, if it is one."""
        sizes = {
            "V": self.vocabulary_size,
            "P": self.max_sequence_length,
            "S": self.num_segments,
            "E": self.embedding_dim,
            "H": self.hidden_dim,
            "I": self.intermediate_dim,
            "1": 1,
        }
        return tuple(sizes[letter] for letter in name.shape)

    def shapes(self, key: NameFn) -> dict[str, Shape]:
        """Returns the shape of every tensor, in our layout, by a format's names."""
        return {key(name): self.shape(name) for name in self.names()}


def find_sizes(found: Mapping[str, Shape], key: NameFn, where: str) -> NetworkSizes:
    """Derives the sizes of a network from the tensors that are there.

    Args:
        found: Shapes in our layout by a format's names. Other tensors may be
            among them.
        key: The format's name of a tensor.
        where: For errors.

    Raises:
        UsageError: A tensor that tells a size is missing.
    """
    heads = find_heads(found, key)
    num_layers = _count_layers(found, key)
    letters = {"1": 1}
    # Without the projection H is E, and the first block says so too.
    for name in tensor_names(num_layers, is_projected=True, heads=heads):
        shape = found.get(key(name))
        if shape is not None and len(shape) == len(name.shape):
            for letter, size in zip(name.shape, shape, strict=True):
                letters.setdefault(letter, size)
    if set("VPSEHI") - letters.keys():
        raise UsageError(
            f"{where} lacks embeddings or blocks",
            expected="the tensors of an ELECTRA",
            fix="Check the path.",
        )
    return NetworkSizes(
        vocabulary_size=letters["V"],
        max_sequence_length=letters["P"],
        num_segments=letters["S"],
        embedding_dim=letters["E"],
        hidden_dim=letters["H"],
        num_layers=num_layers,
        intermediate_dim=letters["I"],
        output_heads=heads,
    )


def find_heads(found: Iterable[str], key: NameFn) -> tuple[str, ...]:
    """Tells of which output heads a tensor is there."""
    known = set(found)
    names = list(tensor_names(0, is_projected=False, heads=HEADS))
    return tuple(
        head
        for head in HEADS
        if any(key(n) in known for n in names if n.ours.startswith(f"{head}/"))
    )


def check_tensors(
    expected: Mapping[str, Shape], found: Mapping[str, Shape], where: str
) -> None:
    """Compares names and shapes.

    Raises:
        UsageError: They differ; every difference is listed.
    """
    missing, unknown = expected.keys() - found.keys(), found.keys() - expected.keys()
    lines = [f"{name} {expected[name]} is missing" for name in missing]
    lines += [f"{name} {found[name]} is unknown" for name in unknown]
    lines += [
        f"{name} is {found[name]} and not {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if lines:
        raise UsageError(
            f"{where}: {'; '.join(sorted(lines))}",
            expected=f"the {len(expected)} tensors of an ELECTRA of these sizes",
            fix="Check the file and the sizes that are given beside it.",
        )


def _count_layers(found: Iterable[str], key: NameFn) -> int:
    """Counts the blocks up to the last one of which a tensor is there."""
    block = [
        re.escape(key(name)).replace("0", r"(\d+)", 1)
        for name in tensor_names(1, is_projected=False, heads=())
        if name.ours.startswith("encoder/block_0/")
    ]
    pattern = re.compile("|".join(f"{name}$" for name in block))
    matches = (pattern.match(name) for name in found)
    numbers = [int(next(filter(None, match.groups()))) for match in matches if match]
    return max(numbers, default=-1) + 1
