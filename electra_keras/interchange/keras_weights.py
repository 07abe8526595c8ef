"""Our networks as named tensors: read for other formats, filled from them.

`loading.py` fills them; `sources.py` reads those of a run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.interchange.names import MASKED_LM_HEAD, TensorName
from electra_keras.interchange.sizes import Shape, check_tensors, find_sizes
from electra_keras.interchange.weights import ALL_ROWS, Weights
from electra_keras.models.networks import MAIN_LM_HEAD

# Of `tying.DisentangledEmbeddings`: added to the generator's table.
_DIFFERENCE = "_difference"
# No other format has one.
_COPY_HEAD = "copy_head/"


class KerasWeights(Weights):
    """The weights of a network of ours.

    Args:
        network: Generator or discriminator.

    Attributes:
        variables: By path, whichever network they are of.

    Raises:
        UsageError: It has other variables than an ELECTRA of other formats.
    """

    def __init__(self, network: keras.Model) -> None:
        self.where = f"the {network.name}"
        self.variables = {_common(x.path): x for x in network.variables}
        found = {
            path: _shape(path, variable)
            for path, variable in self.variables.items()
            if not path.endswith(_DIFFERENCE) and not path.startswith(_COPY_HEAD)
        }
        sizes = find_sizes(found, _ours, self.where)
        check_tensors(sizes.shapes(_ours), found, self.where)
        self.sizes = dataclasses.replace(sizes, num_heads=_num_heads(network))

    @property
    def has_copy_head(self) -> bool:
        """Whether there is a head that no other format has."""
        return any(path.startswith(_COPY_HEAD) for path in self.variables)

    def read(self, name: TensorName, rows: slice = ALL_ROWS) -> np.ndarray:
        """Reads a variable, or the third of one, or a sum."""
        variable = self.variables[name.ours]
        if name.third is not None:
            # Of a bias the thirds are rows themselves.
            return self._rows(variable, ALL_ROWS)[..., self._third(name)][rows]
        value = self._rows(variable, rows)
        difference = self.variables.get(name.ours + _DIFFERENCE)
        if difference is not None:
            value = value + self._rows(difference, rows)
        return value

    def _rows(self, variable: keras.Variable, rows: slice) -> np.ndarray:
        """Reads rows of a variable: float32."""
        return np.asarray(variable.value[rows].numpy(), np.float32)

    def place(self, name: TensorName) -> object:
        """Names the variables."""
        difference = self.variables.get(name.ours + _DIFFERENCE)
        return id(self.variables[name.ours]), id(difference), name.third

    def fill(self, name: TensorName, source: Weights, rows: int | None = None) -> None:
        """Takes a tensor over; where ours is a sum, the other table stays as it is.

        Args:
            name: Of the tensor.
            source: Has it too.
            rows: Only the first so many are taken; None: all.
        """
        variable = self.variables[name.ours]
        rows = variable.shape[0] if rows is None else rows
        difference = self.variables.get(name.ours + _DIFFERENCE)
        is_plain = not isinstance(variable.value, tf.distribute.DistributedValues)
        if name.third is not None and is_plain:
            array = source.read(name)
            columns = self._third(name).start
            _assign_at(variable, (*(0 for _ in array.shape[1:]), columns), array)
        elif difference is None and is_plain:
            first = 0
            for block in source.read_blocks(name):
                block = block[: rows - first]
                _assign_at(variable, (first, *(0 for _ in block.shape[1:])), block)
                first += len(block)
        else:  # Of what has replicas no slice can be assigned.
            array = source.read(name)[:rows]
            if difference is not None:
                array = array - np.asarray(variable)[: len(array)]
                variable = difference
            whole = np.array(variable)
            if name.third is None:
                whole[: len(array)] = array
            else:
                whole[..., self._third(name)] = array
            variable.assign(whole)

    def _third(self, name: TensorName) -> slice:
        width, third = self.sizes.hidden_dim, name.third or 0
        return slice(third * width, (third + 1) * width)


def find_keras_weights(
    networks: Mapping[str, keras.Model],
    open_network: Callable[[keras.Model], KerasWeights] = KerasWeights,
) -> tuple[dict[str, KerasWeights], list[str]]:
    """Finds the networks that other formats know.

    Args:
        networks: By name.
        open_network: Makes named tensors of one.

    Returns:
        Their weights; names of the networks that other formats do not know,
        such as two towers.

    Raises:
        UsageError: The discriminator is none that they know.
    """
    known, others = {}, []
    for name, network in networks.items():
        try:
            known[name] = open_network(network)
        except UsageError:
            if name == "discriminator":
                raise
            others.append(name)
    return known, others


def _assign_at(
    variable: keras.Variable, start: tuple[int, ...], array: np.ndarray
) -> None:
    """Fills a part in place; `variable.value[...].assign` copies the whole."""
    tf.raw_ops.ResourceStridedSliceAssign(
        ref=variable.value.handle,
        begin=start,
        end=[a + b for a, b in zip(start, array.shape, strict=True)],
        strides=[1] * len(start),
        value=tf.constant(array, variable.dtype),
    )


def _ours(name: TensorName) -> str:
    return name.ours


def _common(path: str) -> str:
    """Drops which network a layer is of: "generator_encoder/…" to "encoder/…"."""
    path = re.sub(r"^(generator|discriminator)_(encoder|embeddings)/", r"\2/", path)
    return re.sub(f"^{MAIN_LM_HEAD}/", f"{MASKED_LM_HEAD}/", path)


def _shape(path: str, variable: keras.Variable) -> Shape:
    """The shape of a variable, or of its thirds."""
    shape = tuple(variable.shape)
    return (*shape[:-1], shape[-1] // 3) if "query_key_value" in path else shape


def _num_heads(network: keras.Model) -> int:
    (num_heads,) = {
        layer.arguments["num_heads"]
        for layer in network.layers
        if "num_heads" in getattr(layer, "arguments", {})
    }
    return num_heads
