"""One table: our variables, and what Hugging Face and TF1 call the same tensors.

Read by everything in this room. Sources: `ElectraForPreTraining` and
`ElectraForMaskedLM` of Transformers; google-research/electra `modeling.py` and
`run_pretraining.py`, whose names KoELECTRA and others keep.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

MASKED_LM_HEAD = "masked_lm_head"
REPLACED_TOKEN_HEAD = "replaced_token_head"
HEADS = (MASKED_LM_HEAD, REPLACED_TOKEN_HEAD)

# Ours, Hugging Face, TF1, shape. Letters of shapes: V vocabulary, P positions,
# S segments, E embedding, H hidden, I intermediate, 1. A dense layer is named
# by the shape of its kernel, (in, out). {} is the number of a layer.
_EMBEDDINGS = (
    ("token_embeddings", "word_embeddings", "word_embeddings", "VE"),
    ("position_embeddings", "position_embeddings", "position_embeddings", "PE"),
    ("segment_embeddings", "token_type_embeddings", "token_type_embeddings", "SE"),
)
_QUERY_KEY_VALUE = ("query", "key", "value")
_BLOCK_DENSE = (
    ("attention_output", "attention.output.dense", "HH"),
    ("intermediate", "intermediate.dense", "HI"),
    ("output", "output.dense", "IH"),
)
_BLOCK_NORMS = (
    ("attention_layer_norm", "attention.output.LayerNorm"),
    ("output_layer_norm", "output.LayerNorm"),
)


@dataclasses.dataclass(frozen=True)
class TensorName:
    """What the formats call one tensor.

    Attributes:
        ours: Path of the Keras variable without the network's name, such as
            "encoder/block_0/output/kernel".
        hugging_face: Key in `model.safetensors`.
        tf1: Name in a checkpoint; {embeddings} and {encoder} stand for scopes.
        shape: A letter per axis of ours, see above.
        third: Which third of our fused projection's last axis; None: all.
        is_transposed: Hugging Face stores (out, in), as PyTorch's Linear.
    """

    ours: str
    hugging_face: str
    tf1: str
    shape: str
    third: int | None = None
    is_transposed: bool = False

    def in_tf1(self, *, embeddings: str, encoder: str) -> str:
        """Fills in the scopes: "electra", or "generator"."""
        return self.tf1.format(embeddings=embeddings, encoder=encoder)


def tensor_names(
    num_layers: int, *, is_projected: bool, heads: tuple[str, ...]
) -> Iterator[TensorName]:
    """Yields the tensors of one network.

    Args:
        num_layers: Transformer blocks.
        is_projected: E and H differ, so there is a projection.
        heads: Of `HEADS`, those that the network has.
    """
    for ours, hugging_face, tf1, shape in _EMBEDDINGS:
        yield TensorName(
            f"embeddings/{ours}",
            f"electra.embeddings.{hugging_face}.weight",
            f"{{embeddings}}/embeddings/{tf1}",
            shape,
        )
    scope = "{embeddings}/embeddings/LayerNorm"
    yield from _norm("embeddings/layer_norm", "electra.embeddings.LayerNorm", scope)
    if is_projected:
        name = "embeddings_project"
        yield from _dense(
            f"encoder/{name}", f"electra.{name}", f"{{encoder}}/{name}", "EH"
        )
    for layer in range(num_layers):
        yield from _block(layer)
    if MASKED_LM_HEAD in heads:
        yield from _masked_lm_head()
    if REPLACED_TOKEN_HEAD in heads:
        yield from _replaced_token_head()


def _block(layer: int) -> Iterator[TensorName]:
    block = f"encoder/block_{layer}"
    hugging_face = f"electra.encoder.layer.{layer}"
    tf1 = f"{{encoder}}/encoder/layer_{layer}"
    for third, part in enumerate(_QUERY_KEY_VALUE):
        yield from _dense(
            f"{block}/query_key_value",
            f"{hugging_face}.attention.self.{part}",
            f"{tf1}/attention/self/{part}",
            "HH",
            third,
        )
    for ours, theirs, shape in _BLOCK_DENSE:
        scope = f"{tf1}/{theirs.replace('.', '/')}"
        yield from _dense(f"{block}/{ours}", f"{hugging_face}.{theirs}", scope, shape)
    for ours, theirs in _BLOCK_NORMS:
        scope = f"{tf1}/{theirs.replace('.', '/')}"
        yield from _norm(f"{block}/{ours}", f"{hugging_face}.{theirs}", scope, "H")


def _masked_lm_head() -> Iterator[TensorName]:
    ours, theirs = MASKED_LM_HEAD, "generator_predictions"
    yield from _dense(f"{ours}/transform", f"{theirs}.dense", f"{theirs}/dense", "HE")
    norm = (f"{ours}/layer_norm", f"{theirs}.LayerNorm", f"{theirs}/LayerNorm")
    yield from _norm(*norm)
    # The projection itself is the table of the tokens.
    bias = (f"{ours}/output_bias", "generator_lm_head.bias", f"{theirs}/output_bias")
    yield TensorName(*bias, "V")


def _replaced_token_head() -> Iterator[TensorName]:
    ours, theirs = REPLACED_TOKEN_HEAD, "discriminator_predictions"
    yield from _dense(f"{ours}/transform", f"{theirs}.dense", f"{theirs}/dense", "HH")
    name = f"{theirs}.dense_prediction"
    yield from _dense(f"{ours}/prediction", name, f"{theirs}/dense_1", "H1")


def _dense(
    ours: str, hugging_face: str, tf1: str, shape: str, third: int | None = None
) -> Iterator[TensorName]:
    kernel = (f"{ours}/kernel", f"{hugging_face}.weight", f"{tf1}/kernel", shape)
    yield TensorName(*kernel, third=third, is_transposed=True)
    bias = (f"{ours}/bias", f"{hugging_face}.bias", f"{tf1}/bias", shape[1])
    yield TensorName(*bias, third=third)


def _norm(
    ours: str, hugging_face: str, tf1: str, width: str = "E"
) -> Iterator[TensorName]:
    gamma = (f"{ours}/gamma", f"{hugging_face}.weight", f"{tf1}/gamma", width)
    yield TensorName(*gamma)
    beta = (f"{ours}/beta", f"{hugging_face}.bias", f"{tf1}/beta", width)
    yield TensorName(*beta)
