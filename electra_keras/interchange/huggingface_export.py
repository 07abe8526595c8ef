"""A model as folders that Transformers loads with `from_pretrained`.

Reads any source's tensors one at a time; `conversion.py` calls it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from electra_keras.interchange.huggingface import WEIGHTS_FILE
from electra_keras.interchange.huggingface_config import CONFIG_FILE, config_json
from electra_keras.interchange.huggingface_tokenizer import tokenizer_files
from electra_keras.interchange.names import TensorName
from electra_keras.interchange.safetensors import write_safetensors
from electra_keras.interchange.sizes import Shape
from electra_keras.interchange.sources import Pretrained
from electra_keras.interchange.weights import Weights
from electra_keras.whole_files import write_text


def write_huggingface(source: Pretrained, folder: Path) -> dict[str, Path]:
    """Writes a folder for each network: weights, sizes and tokenizer.

    Args:
        source: The model.
        folder: Exists and is empty.

    Returns:
        The folder of each network.
    """
    tokenizer = tokenizer_files(
        source.vocabulary, source.tokenizer, source.sequence_length
    )
    folders = {}
    for network, weights in source.networks.items():
        folders[network] = folder / network
        folders[network].mkdir()
        sizes = dataclasses.replace(weights.sizes, num_heads=source.num_heads(network))
        files = {**tokenizer, CONFIG_FILE: config_json(sizes, source.model)}
        for name, text in files.items():
            write_text(folders[network] / name, text)
        _write_weights(folders[network] / WEIGHTS_FILE, weights)
    return folders


def _write_weights(path: Path, weights: Weights) -> None:
    names = {name.hugging_face: name for name in weights.sizes.names()}

    def shape(name: TensorName) -> Shape:
        ours = weights.sizes.shape(name)
        return ours[::-1] if name.is_transposed else ours

    def read(key: str) -> Iterator[np.ndarray]:
        for block in weights.read_blocks(names[key]):
            yield block.T if names[key].is_transposed else block

    write_safetensors(path, {key: shape(name) for key, name in names.items()}, read)
