"""Weights a run starts from: a run's, an export's, Hugging Face's or a TF1 file's.

`electra_keras.train --init_from=PATH` calls it; the optimizer starts afresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from electra_keras.config import ModelConfig
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.interchange.loading import load_networks
from electra_keras.interchange.sources import Pretrained, open_pretrained
from electra_keras.interchange.vocabularies import check_same_vocabulary
from electra_keras.models.networks import (
    build_embeddings,
    build_generator,
    build_replaced_token_networks,
)


class InitialWeights:
    """Where a run's weights come from; `train` calls it on a fresh run.

    Args:
        source: Path of a run, an export, a Hugging Face folder or a TF1 checkpoint.
    """

    def __init__(self, source: str | Path) -> None:
        self.source = str(source)

    def load(
        self, networks: Mapping[str, keras.Model], vocabulary: Vocabulary
    ) -> dict[str, Any]:
        """Fills the networks.

        Returns:
            What the run folder keeps of it: `source`, `kind`, the `sha256` of
            the weights as they were read, `trained_sequence_length` and `notes`.

        Raises:
            UsageError: As `load_initial_weights`.
        """
        source = open_pretrained(self.source)
        notes = _load(source, networks, vocabulary)
        return {
            "source": self.source,
            "kind": source.kind,
            "sha256": hash_weights(source),
            "trained_sequence_length": source.sequence_length,
            "notes": notes,
        }


def load_initial_weights(
    source: str | Path, networks: Mapping[str, keras.Model], vocabulary: Vocabulary
) -> list[str]:
    """Fills networks from another model.

    What the source lacks keeps its initial weights: a generator, an output
    head, positions that it has not, or that a run of ours has never trained. A
    longer table of positions is cut.

    Args:
        source: A run folder, a version of an export, a Hugging Face folder (or
            one above `discriminator` and `generator`), or a TF1 checkpoint's
            prefix.
        networks: Of the run; built, with initial weights.
        vocabulary: Of the run's data.

    Returns:
        What is not taken over, in words.

    Raises:
        UsageError: There is no model, its vocabulary is another (the first
            lines that differ are shown), or its sizes are (all are).
    """
    return _load(open_pretrained(source), networks, vocabulary)


def import_networks(source: Pretrained, *, seed: int = 1) -> dict[str, keras.Model]:
    """Builds our networks of a source's sizes and fills them.

    Args:
        source: From `open_pretrained`.
        seed: Of what the source lacks, such as a discriminator's head.

    Returns:
        "discriminator", "generator": those that the source has.
    """
    config: ModelConfig = source.model
    if "discriminator" not in source.networks:
        embeddings = build_embeddings(config, seed=seed)
        networks = {"generator": build_generator(config, embeddings, seed=seed)}
    else:
        networks = build_replaced_token_networks(
            config, with_generator="generator" in source.networks, seed=seed
        )
    load_networks(networks, source.networks)
    return networks


def hash_weights(source: Pretrained) -> str:
    """Hashes every tensor: the same for the same weights, whatever the format."""
    digest = hashlib.sha256()
    for network, weights in sorted(source.networks.items()):
        for name in weights.sizes.names():
            digest.update(f"{network}/{name.hugging_face}".encode())
            for block in weights.read_blocks(name):
                digest.update(block.tobytes())
    return digest.hexdigest()


def _load(
    source: Pretrained, networks: Mapping[str, keras.Model], vocabulary: Vocabulary
) -> list[str]:
    check_same_vocabulary(
        source.vocabulary, vocabulary, str(source.path), "the run's data"
    )
    sources = dict(source.networks)
    if not networks.keys() & sources.keys():
        # A masked language model continues a generator.
        sources = {"discriminator": sources["generator"]}
    positions = source.model.max_sequence_length
    if source.run is not None:  # Other formats only tell where texts are cut.
        positions = source.run.trained_sequence_length
    return load_networks(networks, sources, positions=positions)
