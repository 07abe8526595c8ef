"""A model as a TF1 checkpoint that google-research/electra and its forks read.

Reads any source's tensors one at a time; `conversion.py` calls it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf

from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.errors import UsageError
from electra_keras.interchange.names import MASKED_LM_HEAD, TensorName
from electra_keras.interchange.sources import Pretrained
from electra_keras.interchange.tf1 import Scopes
from electra_keras.interchange.tf1_hparams import HPARAMS_FILE, hparams_json
from electra_keras.interchange.weights import Weights, find_tied_weights
from electra_keras.whole_files import sync, write_text

CHECKPOINT_NAME = "model.ckpt"
# Tensors are written in files of about so much, so that no more is in memory.
_SHARD_BYTES = 2**26

_Tensors = list[tuple[str, Weights, TensorName]]


def write_tf1(source: Pretrained, folder: Path) -> dict[str, Path]:
    """Writes checkpoint, vocabulary and sizes into a folder.

    Args:
        source: The model.
        folder: Exists and is empty.

    Returns:
        The folder of each network.
    """
    write_checkpoint(folder / CHECKPOINT_NAME, source.networks)
    sizes = {
        name: dataclasses.replace(weights.sizes, num_heads=source.num_heads(name))
        for name, weights in source.networks.items()
    }
    hparams = hparams_json(
        sizes,
        lower_case=source.tokenizer.lower_case,
        sequence_length=source.sequence_length,
    )
    write_text(folder / HPARAMS_FILE, hparams)
    write_text(folder / VOCABULARY_FILE, source.vocabulary.text())
    # Where TF1 looks for the newest one.
    pointer = f'model_checkpoint_path: "{CHECKPOINT_NAME}"\n'
    write_text(folder / "checkpoint", pointer)
    return dict.fromkeys(source.networks, folder)


def write_checkpoint(prefix: Path, networks: Mapping[str, Weights]) -> None:
    """Writes the weights of networks under the names of google-research/electra.

    What generator and discriminator share is written once, as there.

    Args:
        prefix: Path of the new checkpoint, without ".index".
        networks: "discriminator", "generator", or one of them.

    Raises:
        UsageError: Both have a masked-LM head, for which there is one name.
    """
    heads = [weights.sizes.output_heads for weights in networks.values()]
    if sum(MASKED_LM_HEAD in names for names in heads) > 1:
        raise UsageError(
            "two networks that predict tokens",
            expected="one, since the reference has names for one such head",
            fix="Convert them to another format, such as --to=huggingface.",
        )
    parts: list[str] = []
    for tensors in _in_shards(_name_tensors(networks)):
        parts.append(str(prefix.with_name(f"{prefix.name}-part-{len(parts)}")))
        tf.raw_ops.SaveV2(
            prefix=parts[-1],
            tensor_names=[key for key, _, _ in tensors],
            shape_and_slices=[""] * len(tensors),
            tensors=[tf.constant(weights.read(name)) for _, weights, name in tensors],
        )
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=parts, destination_prefix=str(prefix), delete_old_dirs=False
    )
    for path in prefix.parent.glob(f"{prefix.name}.*"):
        sync(path)


def _name_tensors(networks: Mapping[str, Weights]) -> _Tensors:
    """Names every tensor once."""
    named = {}
    for network, weights in networks.items():
        scopes = _scopes(network, networks)
        for name in weights.sizes.names():
            key = scopes.key(name)
            named[key] = (key, weights, name)
    return list(named.values())


def _scopes(network: str, networks: Mapping[str, Weights]) -> Scopes:
    if network == "discriminator" or len(networks) == 1:
        return Scopes("electra", "electra")
    tied = find_tied_weights(networks["discriminator"], networks[network])
    return Scopes(
        "electra" if tied == "all" else "generator",
        "electra" if tied in ("all", "embeddings") else "generator",
    )


def _in_shards(
    tensors: Iterable[tuple[str, Weights, TensorName]],
) -> Iterator[_Tensors]:
    shard: _Tensors = []
    shard_bytes = 0
    for key, weights, name in tensors:
        tensor_bytes = 4 * math.prod(weights.sizes.shape(name))
        if shard and shard_bytes + tensor_bytes > _SHARD_BYTES:
            yield shard
            shard, shard_bytes = [], 0
        shard.append((key, weights, name))
        shard_bytes += tensor_bytes
    if shard:
        yield shard
