"""A model in any known format, opened: weights, sizes, vocabulary, provenance.

Tells the format from the files; feeds `conversion.py` and `initial_weights.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from electra_keras.data.info import VOCABULARY_FILE
from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import TokenizerConfig, Vocabulary
from electra_keras.errors import UsageError
from electra_keras.interchange.exported_weights import (
    VersionVariables,
    is_export,
    open_exported_weights,
    read_export,
)
from electra_keras.interchange.huggingface import is_huggingface, open_huggingface
from electra_keras.interchange.huggingface_tokenizer import (
    read_tokenizer_config,
    read_vocabulary,
)
from electra_keras.interchange.keras_weights import KerasWeights
from electra_keras.interchange.run_weights import find_copies, open_run_weights
from electra_keras.interchange.tf1 import find_prefix, open_tf1
from electra_keras.interchange.tf1_hparams import read_hparams
from electra_keras.interchange.vocabularies import check_same_vocabulary
from electra_keras.interchange.weights import Weights, find_tied_weights
from electra_keras.model_config import ModelConfig
from electra_keras.training.run_folder import CONFIG_FILE
from electra_keras.training.saved_run import RunRecord, read_run

# What our networks share, and what each has for itself.
_SHARED = ("vocabulary_size", "max_sequence_length", "num_segments", "embedding_dim")
_OWN = ("hidden_dim", "num_layers", "intermediate_dim", "num_heads")


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A model that is open for reading.

    Attributes:
        kind: "run", "export", "huggingface" or "tf1".
        path: Where it lies.
        networks: "discriminator", "generator", or one of them.
        model: Sizes, and dropout where the format tells it.
        vocabulary: The word pieces.
        tokenizer: How text becomes word pieces.
        sequence_length: Tokens of the longest rows that were trained.
        run: What a run of ours says of itself, or an export of its run.
        notes: What was left out or taken for granted, in words.
    """

    kind: str
    path: Path
    networks: Mapping[str, Weights]
    model: ModelConfig
    vocabulary: Vocabulary
    tokenizer: TokenizerConfig
    sequence_length: int
    run: RunRecord | None = None
    notes: tuple[str, ...] = ()

    def num_heads(self, network: str) -> int:
        """Attention heads of a network."""
        is_generator = network == "generator" and "discriminator" in self.networks
        model = self.model
        heads = model.generator_num_heads if is_generator else model.num_heads
        if heads is None:
            raise ValueError("ModelConfig leaves no heads open")
        return heads


def open_pretrained(
    path: str | Path,
    *,
    num_heads: Mapping[str, int] | None = None,
    lower_case: bool = False,
    checkpoint: str = "latest",
) -> Pretrained:
    """Opens a run folder, an export, a Hugging Face folder or a TF1 checkpoint.

    Args:
        path: A folder, of an export that of a version; of a TF1 checkpoint also
            the path without ".index".
        num_heads: Attention heads by network, which a TF1 checkpoint without
            `config.json` does not tell.
        lower_case: The tokenizer lower-cases and strips accents, even where
            the source does not say so.
        checkpoint: Of a run: "latest", "best" or a step.

    Raises:
        UsageError: It is none of these, or not whole; see `open_huggingface`,
            `open_tf1`, `read_run` and `read_export`. Or something is given that it
            says itself.
    """
    path = Path(path)
    if (path / CONFIG_FILE).is_file():
        found = _open_run(path, checkpoint)
    elif is_export(path):
        found = _open_export(path)
    elif is_huggingface(path) and find_prefix(path) is None:
        found = _open_huggingface(path)
    elif (prefix := find_prefix(path)) is not None:
        found = _open_tf1(prefix, num_heads or {})
    else:
        raise UsageError(
            f"no model at {path}",
            expected="a run folder of electra_keras.train, a version of "
            "electra_keras.export, a folder with config.json and model.safetensors "
            "(or the folders discriminator and generator), or a TF1 checkpoint "
            "PREFIX.index",
            fix=_find_fix(path),
        )
    is_ours = found.run is not None
    if (num_heads and found.kind != "tf1") or (lower_case and is_ours):
        raise UsageError(
            f"attention heads or casing of {path}",
            expected="neither, since its own files tell them",
            fix="Remove --num_heads, --generator_num_heads and --lower_case.",
        )
    if checkpoint != "latest" and found.kind != "run":
        raise UsageError(
            f"--checkpoint={checkpoint} of {path}",
            expected="a run folder of electra_keras.train, which has several",
            fix="Remove --checkpoint.",
        )
    _check_vocabulary_size(found)
    return _set_casing(found, lower_case or found.tokenizer.lower_case)


def _set_casing(source: Pretrained, lower_case: bool) -> Pretrained:
    tokenizer = dataclasses.replace(source.tokenizer, lower_case=lower_case)
    if lower_case:
        Tokenizer(source.vocabulary, tokenizer)  # Refuses it with Hangul.
    return dataclasses.replace(source, tokenizer=tokenizer)


def _find_fix(path: Path) -> str:
    """Says which version may be meant where a folder of versions is given."""
    below = path.iterdir() if path.is_dir() else ()
    numbers = [int(p.name) for p in below if p.name.isdecimal() and is_export(p)]
    if numbers:
        return f"The version number belongs to it: {path / str(max(numbers))}."
    return "Check the path."


def _open_run(path: Path, checkpoint: str) -> Pretrained:
    run = read_run(path, checkpoint)
    return _join("run", path, run, *open_run_weights(run))


def _open_export(path: Path) -> Pretrained:
    run, exported = read_export(path), VersionVariables(path)
    found = _join("export", path, run, *open_exported_weights(run, exported))
    if not exported.is_rounded:
        return found
    note = "weights were rounded to bfloat16 when they were exported"
    return dataclasses.replace(found, notes=(*found.notes, note))


def _join(
    kind: str,
    path: Path,
    run: RunRecord,
    networks: Mapping[str, KerasWeights],
    others: Sequence[str],
) -> Pretrained:
    """A model of ours, and what of it other formats do not know."""
    left_out = [f"the {name}" for name in others]
    for name, weights in networks.items():
        weights.where = f"the {name} of {path}"
        if weights.has_copy_head:
            left_out.append(f"the copy head of the {name}")
    notes = [f"{what} is left out; other formats know no such" for what in left_out]
    notes += [
        f"the {copy} is not trained yet at step {run.checkpoint.step:,}: it has "
        f"embeddings and encoder of the {original}, as at the start of its training, "
        "and a head with initial weights"
        for copy, original in find_copies(run).items()
    ]
    return Pretrained(
        kind,
        path,
        networks,
        run.config.model,
        run.vocabulary,
        run.info.tokenizer,
        run.trained_sequence_length,
        run,
        tuple(notes),
    )


def _open_huggingface(path: Path) -> Pretrained:
    networks = open_huggingface(path)
    first, *others = networks.values()
    vocabulary = read_vocabulary(first.folder)
    for other in others:
        check_same_vocabulary(
            read_vocabulary(other.folder), vocabulary, other.where, first.where
        )
    tokenizer, length = read_tokenizer_config(first.folder)
    positions = first.sizes.max_sequence_length
    return Pretrained(
        "huggingface",
        path,
        networks,
        make_model_config(networks, first.config.rates),
        vocabulary,
        tokenizer,
        min(length or positions, positions),
    )


def _open_tf1(prefix: Path, num_heads: Mapping[str, int]) -> Pretrained:
    vocabulary_file = prefix.with_name(VOCABULARY_FILE)
    if not vocabulary_file.is_file():
        raise UsageError(
            f"no {VOCABULARY_FILE} beside {prefix}",
            expected="the vocabulary of the checkpoint, since it holds numbers alone",
            fix="Copy it there.",
        )
    hparams = read_hparams(prefix)
    networks = open_tf1(prefix, {**hparams.num_heads, **num_heads})
    model = make_model_config(networks)
    positions = model.max_sequence_length
    found = Pretrained(
        "tf1",
        prefix,
        networks,
        model,
        Vocabulary.load(vocabulary_file),
        TokenizerConfig(lower_case=hparams.lower_case),
        min(hparams.sequence_length or positions, positions),
    )
    notes = [
        f"attention heads of the {name}: {found.num_heads(name)}, hidden / 64"
        for name, weights in networks.items()
        if weights.sizes.num_heads is None
    ]
    return dataclasses.replace(found, notes=tuple(notes))


def make_model_config(
    networks: Mapping[str, Weights], rates: Mapping[str, float] | None = None
) -> ModelConfig:
    """Derives our configuration from the sizes of a source.

    Args:
        networks: "discriminator", "generator", or one of them.
        rates: Dropout and others, by the names of `ModelConfig`.

    Raises:
        UsageError: The networks differ in what ours share.
    """
    main, *others = [
        networks[n] for n in ("discriminator", "generator") if n in networks
    ]
    values: dict[str, Any] = {
        name: getattr(main.sizes, name) for name in (*_SHARED, *_OWN)
    }
    if "discriminator" not in networks:
        # No network of ours has the others of these sizes.
        values |= {f"generator_{name}": values[name] for name in _OWN}
    for other in others:
        differing = [n for n in _SHARED if getattr(other.sizes, n) != values[n]]
        if differing:
            raise UsageError(
                f"{main.where} and {other.where} differ in {', '.join(differing)}",
                expected="a generator and a discriminator that were trained together",
                fix="Use one of them alone.",
            )
        values |= {f"generator_{name}": getattr(other.sizes, name) for name in _OWN}
        values["tied_weights"] = find_tied_weights(main, other)
    return ModelConfig(**values | dict(rates or {}))


def _check_vocabulary_size(source: Pretrained) -> None:
    entries = len(source.vocabulary)
    for weights in source.networks.values():
        rows = weights.sizes.vocabulary_size
        if rows != entries:
            raise UsageError(
                f"{weights.where} has {rows:,} rows of token embeddings and a "
                f"vocabulary of {entries:,} entries",
                expected="a row for each entry",
                fix=f"Put the right {VOCABULARY_FILE} there; rows without an entry can "
                "be named [unused0], [unused1]…",
            )
