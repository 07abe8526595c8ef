"""Folders of Transformers' ELECTRA, opened: weights that are read one at a time.

Feeds `sources.py`. A folder holds one network, or the folders `discriminator`
and `generator`; weights come from `model.safetensors` alone, never from pickle.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np

from electra_keras.errors import UsageError
from electra_keras.interchange.huggingface_config import (
    CONFIG_FILE,
    HuggingFaceConfig,
    read_config,
)
from electra_keras.interchange.keras_hub_names import (
    WEIGHTS_FILE as PRESET_WEIGHTS_FILE,
)
from electra_keras.interchange.names import HEADS, MASKED_LM_HEAD, TensorName
from electra_keras.interchange.safetensors import SafetensorsFile
from electra_keras.interchange.sizes import Shape, check_tensors, find_heads
from electra_keras.interchange.weights import ALL_ROWS, Weights

WEIGHTS_FILE = "model.safetensors"
NETWORKS = ("discriminator", "generator")
_BACKBONE = "electra."
_TABLE = "electra.embeddings.word_embeddings.weight"
_TIED = "generator_lm_head.weight"
# Constants that older versions of Transformers saved.
_CONSTANTS = re.compile(r"(electra\.)?embeddings\.(position_ids|token_type_ids)$")


class HuggingFaceWeights(Weights):
    """One network of Transformers.

    Args:
        folder: With `config.json` and `model.safetensors`.

    Attributes:
        config: What `config.json` says.

    Raises:
        UsageError: A file is missing or not whole, or tensors are missing,
            unknown or misshaped; all of them are listed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = str(folder)
        self.config: HuggingFaceConfig = read_config(folder / CONFIG_FILE)
        self.file = SafetensorsFile(_weights_file(folder), _is_constant)
        # `ElectraModel` saved by itself leaves out the prefix.
        has_prefix = any(name.startswith(_BACKBONE) for name in self.file.shapes)
        self.prefix = "" if has_prefix else _BACKBONE
        found = {self._full_name(k): v for k, v in self.file.shapes.items()}
        tied_shape = found.pop(_TIED, None)
        announced = self.config.sizes.output_heads
        heads = {*announced, *find_heads(found, _key)}
        self.sizes = dataclasses.replace(
            self.config.sizes, output_heads=tuple(h for h in HEADS if h in heads)
        )
        expected = {_key(name): self._stored_shape(name) for name in self.sizes.names()}
        check_tensors(expected, found, str(self.file.path))
        if tied_shape is not None and MASKED_LM_HEAD in heads:
            self._check_tied(tied_shape)

    def read(self, name: TensorName, rows: slice = ALL_ROWS) -> np.ndarray:
        """Reads a tensor; a kernel is turned into (in, out)."""
        key = _key(name).removeprefix(self.prefix)
        if name.is_transposed:
            return self.file.read(key).T[rows]
        return self.file.read(key, rows)

    def place(self, name: TensorName) -> object:
        """Names file and tensor."""
        return self.file.path, name

    def _full_name(self, key: str) -> str:
        is_backbone = key.startswith(("embeddings", "encoder."))
        return self.prefix + key if is_backbone else key

    def _stored_shape(self, name: TensorName) -> Shape:
        shape = self.sizes.shape(name)
        return shape[::-1] if name.is_transposed else shape

    def _check_tied(self, shape: Shape) -> None:
        table = self.file.shapes[_TABLE.removeprefix(self.prefix)]
        if shape != table or not np.array_equal(
            self.file.read(_TIED), self.file.read(_TABLE)
        ):
            raise UsageError(
                f"{_TIED} in {self.file.path} is not {_TABLE}",
                expected="a generator whose output is tied to its embeddings",
                fix="Our networks cannot be such a model; choose another.",
            )


def is_huggingface(folder: Path) -> bool:
    """Whether a folder says that it holds a model of Transformers."""
    return bool(_folders(folder))


def open_huggingface(folder: Path) -> dict[str, HuggingFaceWeights]:
    """Opens the networks of a folder.

    Args:
        folder: With `config.json`, or above `discriminator` and `generator`.

    Returns:
        By network: "discriminator", "generator". In a folder of another name
        a network is a generator if it has a masked-LM head alone.

    Raises:
        UsageError: As `HuggingFaceWeights`, or the vocabularies differ.
    """
    networks = {}
    for path in _folders(folder):
        weights = HuggingFaceWeights(path)
        network = path.name
        if network not in NETWORKS:
            is_generator = weights.sizes.output_heads == (MASKED_LM_HEAD,)
            network = "generator" if is_generator else "discriminator"
        networks[network] = weights
    return networks


def _folders(folder: Path) -> list[Path]:
    if (folder / CONFIG_FILE).is_file():
        return [folder]
    below = [folder / name for name in NETWORKS]
    return [path for path in below if (path / CONFIG_FILE).is_file()]


def _weights_file(folder: Path) -> Path:
    path = folder / WEIGHTS_FILE
    if path.is_file():
        return path
    if (folder / PRESET_WEIGHTS_FILE).is_file():
        raise UsageError(
            f"{folder} is a preset of KerasHub",
            expected="a format that is read; of a preset the heads are missing",
            fix="Convert the model that it was made from.",
        )
    others = sorted(p.name for p in folder.iterdir() if p.suffix in (".bin", ".h5"))
    if others:
        raise UsageError(
            f"{folder} has {', '.join(others)} and no {WEIGHTS_FILE}",
            expected=f"{WEIGHTS_FILE}; a pickle, as in pytorch_model.bin, may run "
            "any program when it is read, so it is never read here",
            fix="Where you trust it, load it with Transformers' from_pretrained and "
            "save it with save_pretrained.",
        )
    raise UsageError(
        f"no {WEIGHTS_FILE} in {folder}",
        expected="a folder written by Transformers' save_pretrained",
        fix="Check the path.",
    )


def _key(name: TensorName) -> str:
    return name.hugging_face


def _is_constant(name: str) -> bool:
    return bool(_CONSTANTS.match(name))
