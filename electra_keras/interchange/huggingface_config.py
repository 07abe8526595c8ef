"""`config.json` of Transformers' ELECTRA: read, checked and written.

Feeds `huggingface.py` and `huggingface_export.py`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from electra_keras.errors import UsageError
from electra_keras.interchange.names import MASKED_LM_HEAD, REPLACED_TOKEN_HEAD
from electra_keras.interchange.sizes import NetworkSizes
from electra_keras.model_config import ModelConfig

CONFIG_FILE = "config.json"
ARCHITECTURES = {
    (REPLACED_TOKEN_HEAD,): "ElectraForPreTraining",
    (MASKED_LM_HEAD,): "ElectraForMaskedLM",
    (): "ElectraModel",
}
# Ours, theirs, and what they take where a file says nothing.
_SIZES = (
    ("vocabulary_size", "vocab_size", 30522),
    ("max_sequence_length", "max_position_embeddings", 512),
    ("num_segments", "type_vocab_size", 2),
    ("embedding_dim", "embedding_size", 128),
    ("hidden_dim", "hidden_size", 256),
    ("num_layers", "num_hidden_layers", 12),
    ("intermediate_dim", "intermediate_size", 1024),
    ("num_heads", "num_attention_heads", 4),
)
_NUMBERS = (
    ("dropout_rate", "hidden_dropout_prob", 0.1),
    ("attention_dropout_rate", "attention_probs_dropout_prob", 0.1),
    ("initializer_range", "initializer_range", 0.02),
)
# What our networks do; a file that wants something else is refused.
_FIXED: dict[str, Any] = {
    "model_type": "electra",
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}


@dataclasses.dataclass(frozen=True)
class HuggingFaceConfig:
    """What a `config.json` says of one network.

    Attributes:
        sizes: With the output head that its architecture has.
        rates: Dropout and `initializer_range`, by the names of `ModelConfig`.
    """

    sizes: NetworkSizes
    rates: dict[str, float]


def read_config(path: Path) -> HuggingFaceConfig:
    """Reads a `config.json`.

    Raises:
        UsageError: It is no ELECTRA that our networks can be, or a number is
            missing or none; every difference is listed.
    """
    values = read_json(path)
    lines = [
        f"{key} is {values[key]!r} and not {wanted!r}"
        for key, wanted in _FIXED.items()
        if values.get(key, wanted) != wanted
    ]
    found: dict[str, Any] = {}
    for ours, theirs, default in (*_SIZES, *_NUMBERS):
        value = values.get(theirs, default)
        kinds = (int, float) if isinstance(default, float) else (int,)
        if type(value) not in kinds or value < 0 or (value == 0 and kinds == (int,)):
            lines.append(f"{theirs} is {value!r}")
        found[ours] = value
    if not lines and found["hidden_dim"] % found["num_heads"]:
        heads = found["num_heads"]
        lines.append(f"{heads} heads do not divide hidden_size {found['hidden_dim']}")
    if lines:
        raise UsageError(
            f"{path}: {'; '.join(lines)}",
            expected="an ELECTRA with exact GELU, learnt absolute positions and "
            "LayerNorm's epsilon 1e-12, as the reference's",
            fix="Our networks cannot be such a model; choose another.",
        )
    named = values.get("architectures") or []
    heads = {
        head for key, name in ARCHITECTURES.items() if name in named for head in key
    }
    return HuggingFaceConfig(
        NetworkSizes(
            **{ours: found[ours] for ours, _, _ in _SIZES},
            output_heads=tuple(sorted(heads)),
        ),
        {ours: float(found[ours]) for ours, _, _ in _NUMBERS},
    )


def config_json(sizes: NetworkSizes, model: ModelConfig) -> str:
    """Returns the text of the `config.json` of one network.

    Args:
        sizes: With attention heads.
        model: Its rates are taken.
    """
    values: dict[str, Any] = {
        "architectures": [ARCHITECTURES[sizes.output_heads]],
        **_FIXED,
        **{theirs: getattr(sizes, ours) for ours, theirs, _ in _SIZES},
        **{theirs: getattr(model, ours) for ours, theirs, _ in _NUMBERS},
        "pad_token_id": 0,
        "tie_word_embeddings": True,
        # Transformers 5 reads the first name, 4 the second.
        "dtype": "float32",
        "torch_dtype": "float32",
    }
    return json.dumps(values, indent=2) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        UsageError: There is none in the file.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} cannot be read ({error})",
            expected="a JSON file",
            fix="Check the path and the file.",
        ) from None
    if not isinstance(values, dict):
        raise UsageError(
            f"{path} holds a {type(values).__name__}",
            expected="a JSON object",
            fix="Check the file.",
        )
    return values
