"""The encoder of a pre-trained model that gives each text a vector of length 1.

Reads any model that `interchange/sources.py` opens, feeds `retrieval_trial.py` and
`chatbot.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from electra_keras.finetuning.batches import BatchMaker
from electra_keras.finetuning.task_network import INPUTS
from electra_keras.finetuning.tasks.task_kind import Batch
from electra_keras.model_config import ModelConfig
from electra_keras.models.networks import Network, build_encoder_network
from electra_keras.models.shared_blocks import BlockMode, shared_blocks

VECTORS = "vectors"
VectorFn = Callable[[Batch], tf.Tensor]


class UnitMean(keras.layers.Layer):
    """The mean of hidden states over tokens and layers, scaled to length 1.

    Call arguments:
        layers: list of float (B, S, H), each layer's hidden states.
        padding_mask: int32 (B, S), 1 real token, 0 padding.

    Returns: float32 (B, H).
    """

    def call(self, layers, padding_mask):
        weight = tf.cast(padding_mask, tf.float32)
        means = [
            tf.einsum("bs,bsh->bh", weight, tf.cast(layer, tf.float32))
            for layer in layers
        ]
        # What else they would be divided by changes no direction.
        return tf.math.l2_normalize(tf.add_n(means), axis=-1)

    def compute_output_shape(self, layers_shape, padding_mask_shape=None):
        return (layers_shape[0][0], layers_shape[0][-1])


def build_vector_network(model: ModelConfig, *, seed: int) -> keras.Model:
    """Builds a network of random weights, the same for questions and answers.

    Inputs, by name: `token_ids`, `segment_ids`, `padding_mask` int32 (B, S).
    Outputs, by name: `vectors` float32 (B, H) of length 1, and `hidden_states`
    float (B, S, H), the last ones, so that `fill_encoder` can fill it.

    The vector is the mean over all layers, as `mean_states.py` has it; it has no
    weights of its own.

    Args:
        model: Sizes and dropout.
        seed: Of the initial weights.
    """
    encoder = build_encoder_network(model, every_layer=True, seed=seed)
    inputs, layers = encoder.input, encoder.output["layers"]
    vectors = UnitMean(name="unit_mean")(layers, inputs["padding_mask"])
    outputs = {VECTORS: vectors, "hidden_states": layers[-1]}
    return Network(inputs, outputs, name="retrieval")


def make_vector_function(network: keras.Model) -> VectorFn:
    """Makes a graph: a batch of `BatchMaker` to vectors, float32 (B, H)."""

    @tf.function(reduce_retracing=True, autograph=False)
    def give(batch: Batch) -> tf.Tensor:
        with shared_blocks(BlockMode(False)):
            outputs = network({name: batch[name] for name in INPUTS}, training=False)
        return outputs[VECTORS]

    return give


def find_vectors(give: VectorFn, maker: BatchMaker) -> np.ndarray:
    """Gives every example its vector: float32 (N, H), in their order."""
    found: np.ndarray | None = None
    for places in maker.sorted_order():
        batch = maker.make(places)
        vectors = give({name: tf.constant(batch[name]) for name in INPUTS}).numpy()
        if found is None:
            found = np.empty((len(maker.examples), vectors.shape[1]), np.float32)
        found[places] = vectors[: len(places)]
    if found is None:
        raise ValueError("no examples")
    return found
