"""python -m pytest tests/test_interchange_names.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf

from electra_keras.errors import UsageError
from electra_keras.interchange.names import (
    HEADS,
    MASKED_LM_HEAD,
    REPLACED_TOKEN_HEAD,
    tensor_names,
)
from electra_keras.interchange.sizes import NetworkSizes, check_tensors, find_sizes

DATA = Path(__file__).parent / "data"
HEAD = {"discriminator": REPLACED_TOKEN_HEAD, "generator": MASKED_LM_HEAD}
SIZES = NetworkSizes(
    vocabulary_size=100,
    max_sequence_length=64,
    num_segments=2,
    embedding_dim=16,
    hidden_dim=32,
    num_layers=3,
    intermediate_dim=64,
    output_heads=(REPLACED_TOKEN_HEAD,),
)


def ours(name) -> str:
    return name.ours if name.third is None else f"{name.ours}[{name.third}]"


@pytest.mark.parametrize("network", HEAD)
def test_names_are_those_that_transformers_writes(network: str) -> None:
    data = (DATA / "hf_electra_tiny" / network / "model.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    names = tensor_names(3, is_projected=True, heads=(HEAD[network],))
    expected = {name.hugging_face for name in names}
    assert header.keys() - {"__metadata__"} == expected


def test_names_are_those_that_the_reference_writes() -> None:
    path = DATA / "google_electra_tiny" / "model.ckpt"
    names = {
        name.in_tf1(embeddings="electra", encoder=scope)
        for scope, layers, network in (
            ("electra", 3, "discriminator"),
            ("generator", 2, "generator"),
        )
        for name in tensor_names(layers, is_projected=True, heads=(HEAD[network],))
    }
    assert {name for name, _ in tf.train.list_variables(str(path))} == names


def test_every_format_has_one_name_for_each_tensor() -> None:
    names = list(tensor_names(2, is_projected=True, heads=HEADS))
    assert len(names) == 5 + 2 + 2 * 16 + 5 + 4
    for kind in (
        ours,
        lambda name: name.hugging_face,
        lambda name: name.in_tf1(embeddings="a", encoder="b"),
    ):
        assert len({kind(name) for name in names}) == len(names)


def test_sizes_are_found_in_shapes() -> None:
    shapes = SIZES.shapes(ours)
    assert find_sizes(shapes, ours, "it") == SIZES
    assert shapes["encoder/block_2/query_key_value/kernel[1]"] == (32, 32)
    assert shapes["encoder/block_2/intermediate/kernel"] == (32, 64)
    assert shapes["encoder/embeddings_project/kernel"] == (16, 32)


def test_without_a_projection_both_widths_are_one() -> None:
    shapes = NetworkSizes(50, 8, 2, 12, 12, 1, 20, (MASKED_LM_HEAD,)).shapes(ours)
    assert "encoder/embeddings_project/kernel" not in shapes
    sizes = find_sizes(shapes, ours, "it")
    assert (sizes.embedding_dim, sizes.hidden_dim) == (12, 12)
    assert sizes.output_heads == (MASKED_LM_HEAD,)


def test_twelve_layers_are_counted_by_their_numbers() -> None:
    shapes = NetworkSizes(50, 8, 2, 4, 8, 12, 16, ()).shapes(ours)
    assert find_sizes(shapes, ours, "it").num_layers == 12


def test_every_difference_is_listed() -> None:
    expected = {"a": (1,), "b": (2, 3), "c": (4,)}
    check_tensors(expected, dict(expected), "it")
    with pytest.raises(UsageError) as error:
        check_tensors(expected, {"b": (3, 2), "c": (4,), "d": (5,)}, "model.ckpt")
    assert error.value.received == (
        "model.ckpt: a (1,) is missing; b is (3, 2) and not (2, 3); d (5,) is unknown"
    )


def test_nothing_of_an_electra_is_refused() -> None:
    with pytest.raises(UsageError, match="it lacks embeddings or blocks"):
        find_sizes({"a": (1,)}, ours, "it")
