"""Our tensors, and what a backbone of KerasHub calls and shapes them.

Feeds `keras_hub.py`. Source: keras_hub 0.32 `models/electra/electra_backbone.py`
and `layers/modeling/transformer_encoder.py`.
"""

from __future__ import annotations

from electra_keras.interchange.names import TensorName
from electra_keras.interchange.sizes import NetworkSizes, Shape

WEIGHTS_FILE = "model.weights.h5"
_ATTENTION = "self_attention_layer"
_QUERY_KEY_VALUE = ("query", "key", "value")
_BLOCK_PARTS = {
    "attention_output": f"{_ATTENTION}/attention_output",
    "attention_layer_norm": "self_attention_layer_norm",
    "intermediate": "feedforward_intermediate_dense",
    "output": "feedforward_output_dense",
    "output_layer_norm": "feedforward_layer_norm",
}


def backbone_tensors(sizes: NetworkSizes) -> dict[str, TensorName]:
    """Lists the tensors that a backbone has too, by the paths of its variables."""
    names = (name for name in sizes.names() if not _is_of_a_head(name))
    return {_variable_path(name): name for name in names}


def backbone_shape(name: TensorName, sizes: NetworkSizes, num_heads: int) -> Shape:
    """Returns the shape that a tensor has there: attention is split into heads."""
    shape = sizes.shape(name)
    split = (num_heads, sizes.hidden_dim // num_heads)
    if name.third is not None:
        return (*shape[:-1], *split)
    if name.ours.endswith("/attention_output/kernel"):
        return (*split, shape[-1])
    return shape


def _is_of_a_head(name: TensorName) -> bool:
    return name.ours.split("/")[0] not in ("embeddings", "encoder")


def _variable_path(name: TensorName) -> str:
    _, part, *rest = name.ours.split("/")
    if part == "layer_norm":
        return f"embeddings_layer_norm/{rest[0]}"
    if part == "embeddings_project":
        return f"embeddings_projection/{rest[0]}"
    if not part.startswith("block_"):
        return f"{part.removesuffix('s')}/embeddings"
    layer, weight = rest
    if name.third is None:
        inner = _BLOCK_PARTS[layer]
    else:
        inner = f"{_ATTENTION}/{_QUERY_KEY_VALUE[name.third]}"
    return f"transformer_layer_{part.removeprefix('block_')}/{inner}/{weight}"
