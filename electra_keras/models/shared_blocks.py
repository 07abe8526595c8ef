"""The blocks of an encoder run by one function: traced and compiled once.

Used by `encoder.py`; `training/pretrainer.py` opens it for its steps. An encoder's
blocks differ in their weights only. Twelve copies of a block in a graph take
TensorFlow a minute to differentiate and optimise, XLA longer; a function that is
given the weights is worked on once. Outside of the scope, as in an export, blocks
are plain layers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.randomness import open_key
from electra_keras.models.transformer_block import Kept, TransformerBlock

_open = threading.local()


@dataclasses.dataclass(frozen=True)
class BlockMode:
    """How blocks are run.

    Attributes:
        jit_compile: By XLA.
        recompute: Gradient checkpointing: of a block its input is kept, and the
            rest computed once more when the gradient is due.
    """

    jit_compile: bool = False
    recompute: bool = False


@contextlib.contextmanager
def shared_blocks(mode: BlockMode) -> Iterator[None]:
    """Shares the blocks of all encoders that are called inside, in this thread."""
    previous = getattr(_open, "mode", None)
    _open.mode = mode
    try:
        yield
    finally:
        _open.mode = previous


class BlockRunner:
    """Runs blocks that differ in their weights only.

    Args:
        pattern: One of them.
    """

    def __init__(self, pattern: TransformerBlock):
        self._pattern = pattern
        self._functions: dict[BlockMode, Callable[..., tf.Tensor]] = {}

    def __call__(
        self,
        block: TransformerBlock,
        hidden: tf.Tensor,
        attention_bias: tf.Tensor,
        training: bool,
    ) -> tf.Tensor:
        """Runs a block on (B x S, H), in the way that is open."""
        mode = getattr(_open, "mode", None)
        if mode is None:
            return block(hidden, attention_bias, training=training)
        if mode not in self._functions:
            self._functions[mode] = self._make_function(mode)
        # Not `value`, which mixed precision would have cast for another layer.
        weights = [tf.convert_to_tensor(v._value) for v in block.variables]
        noise = None
        if training and block.draw_ids:
            noise = open_key(block.path), tf.constant(block.draw_ids, tf.int32)
        return self._functions[mode](weights, hidden, attention_bias, noise)

    def _make_function(self, mode: BlockMode) -> Callable[..., tf.Tensor]:
        """Makes the function of weights, hidden states, attention bias and noise."""
        run: Callable[..., Any] = self._run
        differentiate: Callable[..., Any] = self._differentiate
        if mode.jit_compile:
            run = tf.function(run, autograph=False, jit_compile=True)
            differentiate = tf.function(
                differentiate, autograph=False, jit_compile=True
            )

        @_kept_apart
        def run_with_noise(weights, hidden, attention_bias, noise):
            kept = self._draw(attention_bias, noise)
            return run(weights, hidden, attention_bias, kept)

        @_kept_apart
        def recompute(weights, hidden, attention_bias, noise, upstream):
            kept = self._draw(attention_bias, noise)
            return differentiate(weights, hidden, attention_bias, kept, upstream)

        if not mode.recompute:
            return run_with_noise

        def run_and_recompute(weights, hidden, attention_bias, noise):
            @tf.custom_gradient
            def call(weights, hidden):
                def gradient(upstream):
                    return recompute(weights, hidden, attention_bias, noise, upstream)

                return run_with_noise(weights, hidden, attention_bias, noise), gradient

            return call(weights, hidden)

        return run_and_recompute

    def _draw(self, attention_bias, noise) -> Kept:
        if noise is None:
            return {}
        return self._pattern.draw_kept(attention_bias, *noise)

    def _run(self, weights, hidden, attention_bias, kept):
        values = zip(self._pattern.variables, weights, strict=True)
        with keras.StatelessScope(state_mapping=list(values)):
            return self._pattern(hidden, attention_bias, kept)

    def _differentiate(self, weights, hidden, attention_bias, kept, upstream):
        with tf.GradientTape() as tape:
            tape.watch([*weights, hidden])
            output = self._run(weights, hidden, attention_bias, kept)
        return tape.gradient(output, [weights, hidden], upstream)


def _kept_apart(run: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose body TensorFlow does not put in the place of each call."""
    return tf.function(
        run, autograph=False, experimental_attributes={"_noinline": True}
    )
