"""`config.json` beside a TF1 checkpoint: what the shapes do not tell.

A TF1 checkpoint holds arrays alone. Feeds `sources.py` and `tf1_export.py`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from electra_keras.errors import UsageError
from electra_keras.interchange.huggingface_config import read_json
from electra_keras.interchange.sizes import NetworkSizes

HPARAMS_FILE = "config.json"
_SIZES = (
    ("hidden_dim", "hidden_size", "generator_hidden_size"),
    ("num_layers", "num_hidden_layers", "generator_layers"),
    ("num_heads", "num_attention_heads", "generator_attention_heads"),
    ("intermediate_dim", "intermediate_size", "generator_intermediate_size"),
)
_SHARED = (
    ("vocabulary_size", "vocab_size"),
    ("embedding_dim", "embedding_size"),
    ("max_sequence_length", "max_position_embeddings"),
    ("num_segments", "type_vocab_size"),
)


@dataclasses.dataclass(frozen=True)
class Tf1Hparams:
    """What a file beside a checkpoint says.

    Attributes:
        num_heads: Attention heads by network, where they are said.
        lower_case: The tokenizer lower-cases and strips accents.
        sequence_length: Tokens of the rows that were trained; None: not said.
    """

    num_heads: dict[str, int] = dataclasses.field(default_factory=dict)
    lower_case: bool = False
    sequence_length: int | None = None


def read_hparams(prefix: Path) -> Tf1Hparams:
    """Reads the file beside a checkpoint, if there is one.

    `model_hparam_overrides` in it count, as in the reference.

    Raises:
        UsageError: It is no JSON, or a number is none.
    """
    path = prefix.with_name(HPARAMS_FILE)
    if not path.is_file():
        return Tf1Hparams()
    values = read_json(path)
    overrides = values.get("model_hparam_overrides")
    values |= overrides if isinstance(overrides, dict) else {}
    _, heads, generator_heads = _SIZES[2]
    num_heads = {
        network: _positive(path, key, values[key])
        for network, key in (("discriminator", heads), ("generator", generator_heads))
        if key in values
    }
    length = values.get("max_seq_length")
    return Tf1Hparams(
        num_heads,
        bool(values.get("do_lower_case", False)),
        None if length is None else _positive(path, "max_seq_length", length),
    )


def hparams_json(
    networks: dict[str, NetworkSizes], *, lower_case: bool, sequence_length: int
) -> str:
    """Returns the text of the file for networks whose attention heads are known."""
    main = next(iter(networks.values()))
    values: dict[str, Any] = {theirs: getattr(main, ours) for ours, theirs in _SHARED}
    for network, sizes in networks.items():
        for ours, theirs, generators in _SIZES:
            is_second = network == "generator" and len(networks) > 1
            values[generators if is_second else theirs] = getattr(sizes, ours)
    values |= {"max_seq_length": sequence_length, "do_lower_case": lower_case}
    return json.dumps(values, indent=2) + "\n"


def _positive(path: Path, key: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise UsageError(
            f"{key} in {path} is {value!r}",
            expected="a whole number above 0",
            fix="Mend the file.",
        )
    return value
