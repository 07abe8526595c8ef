"""TF1 checkpoints with the names of google-research/electra, read and written.

Reads `PREFIX.index` and its data files tensor by tensor; feeds `sources.py`
and `conversion.py`. KoELECTRA and other forks keep these names.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.interchange.loading import load_networks
from electra_keras.interchange.names import TensorName
from electra_keras.interchange.sizes import (
    NetworkSizes,
    Shape,
    check_tensors,
    find_sizes,
)
from electra_keras.interchange.tf1_hparams import read_hparams
from electra_keras.interchange.weights import ALL_ROWS, Weights

_DISCRIMINATOR, _GENERATOR = "electra", "generator"
_INDEX = ".index"
_HEADS = ("generator_predictions/", "discriminator_predictions/")
# What training leaves beside the weights.
_OF_TRAINING = re.compile(r".*/(adam|lamb)_[mv]$|global_step$|loss_scale/")


@dataclasses.dataclass(frozen=True)
class Scopes:
    """Under which names one network lies."""

    encoder: str
    embeddings: str

    def key(self, name: TensorName) -> str:
        """Returns the name of a tensor."""
        return name.in_tf1(embeddings=self.embeddings, encoder=self.encoder)


class Tf1Weights(Weights):
    """One network of a TF1 checkpoint; `open_tf1` checks it."""

    def __init__(
        self,
        checkpoint: tf.train.CheckpointReader,
        scopes: Scopes,
        sizes: NetworkSizes,
        where: str,
    ) -> None:
        self.checkpoint = checkpoint
        self.scopes = scopes
        self.sizes = sizes
        self.where = where

    def read(self, name: TensorName, rows: slice = ALL_ROWS) -> np.ndarray:
        """Reads a tensor."""
        array = self.checkpoint.get_tensor(self.scopes.key(name))
        return np.asarray(array, np.float32)[rows]

    def read_blocks(self, name: TensorName) -> Iterator[np.ndarray]:
        """Yields a tensor by rows; TensorFlow reads it whole all the same."""
        array = self.read(name)
        for rows in self.block_rows(name):
            yield array[rows]

    def place(self, name: TensorName) -> object:
        """Names checkpoint and tensor."""
        return id(self.checkpoint), self.scopes.key(name)


def load_tf1_checkpoint(
    prefix: str | Path, networks: Mapping[str, keras.Model]
) -> list[str]:
    """Fills our networks from a TF1 checkpoint, whatever the vocabulary.

    Args:
        prefix: Path without ".index".
        networks: "discriminator", and "generator" where there is one.

    Returns:
        What is not taken over, in words.

    Raises:
        UsageError: As `open_tf1` and `load_networks`.
    """
    num_heads = read_hparams(Path(prefix)).num_heads
    return load_networks(networks, open_tf1(prefix, num_heads))


def open_tf1(
    prefix: str | Path, num_heads: Mapping[str, int] | None = None
) -> dict[str, Tf1Weights]:
    """Opens a checkpoint and checks what is in it; slots of Adam do not count.

    Args:
        prefix: Path without ".index".
        num_heads: Attention heads by network, which no shape tells.

    Returns:
        "discriminator", and "generator" where there is one. A plain masked
        language model is called discriminator too.

    Raises:
        UsageError: There is no checkpoint, or tensors are missing, unknown or
            misshaped; all of them are listed.
    """
    try:
        checkpoint = tf.train.load_checkpoint(str(prefix))
    except (tf.errors.OpError, ValueError) as error:
        raise UsageError(
            f"{prefix} is no TF1 checkpoint ({' '.join(str(error).split())})",
            expected="the path of a file PREFIX.index, without .index",
            fix="Check the path.",
        ) from None
    found = {
        name: tuple(shape)
        for name, shape in checkpoint.get_variable_to_shape_map().items()
        if not _OF_TRAINING.match(name)
    }
    networks: dict[str, Tf1Weights] = {}
    expected: dict[str, Shape] = {}
    for network, (scopes, left_out) in _find_networks(found).items():
        own = {k: v for k, v in found.items() if not k.startswith(left_out)}
        where = f"the {network} of {prefix}"
        sizes = find_sizes(own, scopes.key, where)
        # With all weights tied there is one encoder.
        own_heads = "discriminator" if scopes.encoder == _DISCRIMINATOR else network
        sizes = dataclasses.replace(sizes, num_heads=(num_heads or {}).get(own_heads))
        networks[network] = Tf1Weights(checkpoint, scopes, sizes, where)
        expected |= sizes.shapes(scopes.key)
    check_tensors(expected, found, str(prefix))
    return networks


def find_prefix(path: Path) -> Path | None:
    """Finds the checkpoint that a path names: a prefix, or the one in a folder."""
    if Path(f"{path}{_INDEX}").is_file():
        return path
    if path.name.endswith(_INDEX) and path.is_file():
        return Path(str(path).removesuffix(_INDEX))
    if not path.is_dir():
        return None
    newest = tf.train.latest_checkpoint(str(path))
    if newest is not None:
        return Path(newest)
    found = list(path.glob(f"*{_INDEX}"))
    return found[0].with_suffix("") if len(found) == 1 else None


def _find_networks(
    found: Mapping[str, Shape],
) -> dict[str, tuple[Scopes, tuple[str, ...]]]:
    """Finds scopes, and the output heads that are the other network's."""
    masked_lm, replaced_token = _HEADS
    shared = Scopes(_DISCRIMINATOR, _DISCRIMINATOR)
    if any(name.startswith(f"{_GENERATOR}/") for name in found):
        has_own = any(name.startswith(f"{_GENERATOR}/embeddings/") for name in found)
        embeddings = _GENERATOR if has_own else _DISCRIMINATOR
        scopes = Scopes(_GENERATOR, embeddings)
    elif all(any(name.startswith(head) for name in found) for head in _HEADS):
        scopes = shared  # All weights are tied.
    else:
        return {"discriminator": (shared, ())}
    return {
        "discriminator": (shared, (masked_lm,)),
        "generator": (scopes, (replaced_token,)),
    }
