"""A model as presets that KerasHub loads with `from_preset`.

Reads any source's tensors one at a time; `conversion.py` calls it. KerasHub
itself writes an outline: a preset of an `ElectraBackbone` with the model's blocks,
but all widths as small as can be. Its files are then given the sizes and the
tensors of the model, so that a model never lies in memory twice, and the layout
of the files stays KerasHub's own affair.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from electra_keras.errors import UsageError
from electra_keras.interchange.huggingface_config import read_json
from electra_keras.interchange.keras_hub_names import (
    WEIGHTS_FILE,
    backbone_shape,
    backbone_tensors,
)
from electra_keras.interchange.sources import Pretrained
from electra_keras.interchange.weights import Weights
from electra_keras.whole_files import sync, write_text

CONFIG_FILE = "config.json"
METADATA_FILE = "metadata.json"
# A backbone's layer of its own, for its pooled output of the first token.
_POOLER = ("pooled_dense/kernel", "pooled_dense/bias")


def write_keras_hub(source: Pretrained, folder: Path) -> dict[str, Path]:
    """Writes a preset for each network: backbone and tokenizer.

    The heads are left out, since a backbone has none. The dense layer of its
    pooled output, which no ELECTRA is trained with, becomes the identity: the
    output is tanh of the last hidden state of [CLS].

    Args:
        source: The model.
        folder: Exists and is empty.

    Returns:
        The folder of each network.

    Raises:
        UsageError: The installed KerasHub has another backbone, or its file of
            word pieces cannot hold one of the model's.
    """
    _check_vocabulary(source)
    folders = {}
    for network, weights in source.networks.items():
        folders[network] = folder / network
        num_heads = source.num_heads(network)
        arguments = _backbone_arguments(weights, num_heads, source)
        paths = _write_outline(folders[network], arguments)
        file = folders[network] / WEIGHTS_FILE
        parameters = _write_weights(file, paths, weights, num_heads)
        _set(folders[network] / CONFIG_FILE, {"config": arguments})
        _set(folders[network] / METADATA_FILE, {"parameter_count": parameters})
        _write_tokenizer(folders[network], source)
        for path in folders[network].rglob("*"):
            sync(path)
    return folders


def _check_vocabulary(source: Pretrained) -> None:
    # It is read back line by line, without what is white at the end of a line;
    # the ids of all later pieces could shift.
    entries = source.vocabulary.entries
    lost = [entry for entry in entries if entry != entry.rstrip() or "\r" in entry]
    if lost:
        raise UsageError(
            f"the word pieces {', '.join(map(ascii, lost[:5]))} of {source.path}",
            expected="none that ends in white space or holds a carriage return, "
            "which KerasHub's vocabulary file would lose",
            fix="Convert the model to another format, such as --to=huggingface.",
        )


def _backbone_arguments(
    weights: Weights, num_heads: int, source: Pretrained
) -> dict[str, Any]:
    sizes = weights.sizes
    return {
        "vocab_size": sizes.vocabulary_size,
        "num_layers": sizes.num_layers,
        "num_heads": num_heads,
        "hidden_dim": sizes.hidden_dim,
        "embedding_dim": sizes.embedding_dim,
        "intermediate_dim": sizes.intermediate_dim,
        "max_sequence_length": sizes.max_sequence_length,
        "num_segments": sizes.num_segments,
        "dropout": source.model.dropout_rate,
    }


def _write_outline(folder: Path, arguments: dict[str, Any]) -> list[str]:
    """Writes a preset of the same layers, its n-th variable full of n.

    Returns:
        The paths of the variables, in their order.
    """
    from keras_hub.models import ElectraBackbone

    is_projected = arguments["embedding_dim"] != arguments["hidden_dim"]
    heads = arguments["num_heads"]
    backbone = ElectraBackbone(
        vocab_size=1,
        num_layers=arguments["num_layers"],
        num_heads=heads,
        hidden_dim=heads,
        embedding_dim=heads + 1 if is_projected else heads,
        intermediate_dim=1,
        max_sequence_length=1,
        num_segments=1,
        dtype="float32",
        name="electra_backbone",
    )
    for number, variable in enumerate(backbone.weights):
        variable.assign(np.full(variable.shape, number, np.float32))
    backbone.save_to_preset(str(folder))
    return [variable.path for variable in backbone.weights]


def _write_weights(
    file: Path, paths: Sequence[str], weights: Weights, num_heads: int
) -> int:
    """Puts the tensors into an outline's file; returns how many numbers they have."""
    names = backbone_tensors(weights.sizes)
    if {*names, *_POOLER} != set(paths):
        differing = {*names, *_POOLER} ^ set(paths)
        raise UsageError(
            f"a backbone of KerasHub with other variables: {', '.join(differing)}",
            expected="those of keras-hub 0.32",
            fix="Install that version.",
        )
    parameters = 0
    with h5py.File(file, "r+") as stored:
        for key in _find_datasets(stored):
            path = paths[int(stored[key][...].flat[0])]
            if path in _POOLER:
                identity = _identity(path, weights)
                blocks: Iterable[np.ndarray] = [identity]
                shape = identity.shape
            else:
                blocks = weights.read_blocks(names[path])
                shape = backbone_shape(names[path], weights.sizes, num_heads)
            del stored[key]
            _fill(stored.create_dataset(key, shape, np.float32), blocks)
            parameters += math.prod(shape)
    return parameters


def _find_datasets(file: h5py.File) -> list[str]:
    keys: list[str] = []
    file.visititems(
        lambda key, found: keys.append(key) if isinstance(found, h5py.Dataset) else None
    )
    return keys


def _identity(path: str, weights: Weights) -> np.ndarray:
    width = weights.sizes.hidden_dim
    if path.endswith("bias"):
        return np.zeros(width, np.float32)
    return np.eye(width, dtype=np.float32)


def _fill(dataset: h5py.Dataset, blocks: Iterable[np.ndarray]) -> None:
    """Writes blocks of rows; one whole block may have to be cut otherwise."""
    first = 0
    for block in blocks:
        if block.size == dataset.size:
            block = block.reshape(dataset.shape)
        dataset[first : first + len(block)] = block
        first += len(block)


def _set(path: Path, changes: dict[str, Any]) -> None:
    """Changes entries of a JSON file, one level down too."""
    values = read_json(path)
    for key, value in changes.items():
        values[key] = {**values[key], **value} if isinstance(value, dict) else value
    write_text(path, json.dumps(values, indent=4) + "\n")


def _write_tokenizer(folder: Path, source: Pretrained) -> None:
    from keras_hub.models import ElectraTokenizer

    lower_case = source.tokenizer.lower_case
    tokenizer = ElectraTokenizer(
        vocabulary=list(source.vocabulary.entries),
        lowercase=lower_case,
        strip_accents=lower_case,
        name="electra_tokenizer",
    )
    tokenizer.save_to_preset(str(folder))
