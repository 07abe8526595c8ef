"""AdamW as ELECTRA uses it, exact under data parallelism.

Reads the pretrainer's variables and `TrainConfig`, feeds `run.py`.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from electra_keras.config import TrainConfig


@keras.saving.register_keras_serializable("electra_keras")
class LinearWarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the peak, then linear decay to zero.

    The two phases follow each other. In the reference they overlap
    (`optimization.py:36-45`), so that a short run never reaches its peak.

    Args:
        learning_rate: Peak.
        warmup_steps: Optimizer steps to the peak; 0 starts there.
        train_steps: Optimizer steps in all.
    """

    def __init__(self, learning_rate: float, warmup_steps: int, train_steps: int):
        if not 0 <= warmup_steps < train_steps:
            raise ValueError(
                f"warmup_steps {warmup_steps}; expected 0 <= warmup_steps < "
                f"train_steps {train_steps}."
            )
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.train_steps = train_steps

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        warmup = (step + 1.0) / max(1, self.warmup_steps)
        decay = (self.train_steps - step) / (self.train_steps - self.warmup_steps)
        return self.learning_rate * tf.clip_by_value(
            tf.minimum(warmup, decay), 0.0, 1.0
        )

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "train_steps": self.train_steps,
        }


class ElectraAdamW(keras.optimizers.AdamW):
    """AdamW whose clipping sees the gradient of the whole batch.

    Keras clips on each replica before the sum, which bounds something else;
    here gradients are made dense, summed over replicas, clipped by their
    global norm, then applied.
    """

    def _clip_gradients(self, grads):
        grads = [_densify(gradient) for gradient in grads]
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            grads = replica.all_reduce(tf.distribute.ReduceOp.SUM, grads)
        return super()._clip_gradients(grads)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)  # `_clip_gradients` has summed them.


def _densify(gradient):
    # The norm of IndexedSlices counts repeated rows one by one.
    if isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient)
    return gradient


def make_optimizer(config: TrainConfig, model: keras.Model) -> ElectraAdamW:
    """Makes and builds the optimizer for a model's variables.

    Args:
        config: Rates, schedule, clipping.
        model: Already built; biases and LayerNorm are not decayed.
    """
    optimizer = ElectraAdamW(
        LinearWarmupDecay(
            config.learning_rate, config.effective_warmup_steps, config.train_steps
        ),
        weight_decay=config.weight_decay_rate,
        beta_1=config.adam_beta_1,
        beta_2=config.adam_beta_2,
        epsilon=config.adam_epsilon,
        global_clipnorm=config.clip_norm,
        name="electra_adam_w",  # Else a second one in a process has other paths.
    )
    if config.weight_decay_rate:
        optimizer.exclude_from_weight_decay(var_list=undecayed_variables(model))
    optimizer.build(model.trainable_variables)
    return optimizer


def undecayed_variables(model: keras.Model) -> list[keras.Variable]:
    """Lists biases and LayerNorm weights, by layer type and not by name."""
    undecayed = []
    for layer in model._flatten_layers():
        is_norm = isinstance(layer, keras.layers.LayerNormalization)
        for variable in layer._trainable_variables:
            if is_norm or variable.name.endswith("bias"):
                undecayed.append(variable)
    return undecayed
