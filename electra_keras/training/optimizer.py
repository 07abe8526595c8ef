"""AdamW as ELECTRA uses it, exact under data parallelism.

Reads the pretrainer's variables and `TrainConfig`, feeds `run.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from electra_keras.config import TrainConfig


@keras.saving.register_keras_serializable("electra_keras")
class LinearWarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to the peak, then linear decay to zero.

    The two phases follow each other. In the reference they overlap: there the
    rate is the product of both, 0 in the first step and never at its peak, in
    a short run far from it.

    Args:
        learning_rate: Peak.
        warmup_steps: Optimizer steps to the peak; 0 starts there.
        train_steps: Optimizer steps in all.
        overlapped: As the reference; the warm-up may be longer than the run.

    Raises:
        ValueError: The warm-up does not fit into the run.

    Source: google-research/electra `model/optimization.py:36-45`, where
        0 warm-up steps give NaN.
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int,
        train_steps: int,
        *,
        overlapped: bool = False,
    ):
        if warmup_steps < 0 or (warmup_steps >= train_steps and not overlapped):
            raise ValueError(
                f"warmup_steps {warmup_steps}; expected 0 <= warmup_steps < "
                f"train_steps {train_steps}."
            )
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.train_steps = train_steps
        self.overlapped = overlapped

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        if self.overlapped:
            warmup = step / self.warmup_steps if self.warmup_steps else 1.0
            decay = 1.0 - tf.minimum(step / self.train_steps, 1.0)
            return self.learning_rate * decay * tf.minimum(1.0, warmup)
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
            "overlapped": self.overlapped,
        }


class ElectraAdamW(keras.optimizers.AdamW):
    """AdamW whose clipping sees the gradient of the whole batch.

    Keras clips on each replica before the sum, which bounds something else;
    here gradients are made dense, summed over replicas, clipped by their
    global norm, then applied.

    Args:
        bias_correction: Divide both means by what their start at 0 took. The
            reference does not, so that its first steps are up to 6.6 times as
            long.
        **kwargs: For `keras.optimizers.AdamW`.

    Attributes:
        first_step: Optimizer step at which the training of the present variables
            began, and their means with it; read where a step is traced.
        gradient_norm: float32 (). Of the step that is traced, or was taken last:
            over all replicas, before clipping.
        variable_rates: What the rate of a variable is multiplied by, by its path;
            1 for others. Read where a step is traced.

    Source: google-research/electra `model/optimization.py:99-133`.
    """

    def __init__(self, *args: Any, bias_correction: bool = True, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.bias_correction = bias_correction
        self.first_step = 0
        self.variable_rates: Mapping[str, float] = {}
        self.gradient_norm: tf.Tensor | None = None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bias_correction": self.bias_correction}

    def _clip_gradients(self, grads):
        grads = [densify(gradient) for gradient in grads]
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            grads = replica.all_reduce(tf.distribute.ReduceOp.SUM, grads)
        self.gradient_norm = tf.linalg.global_norm(grads)
        if not self.global_clipnorm:
            return grads
        bound = tf.constant(self.global_clipnorm, tf.float32)
        scale = bound / tf.maximum(self.gradient_norm, bound)
        return [gradient * scale for gradient in grads]

    def _backend_apply_gradients(self, grads, trainable_variables):
        # Keras works out rate and correction for each variable anew; the graph is
        # half as large without that, and one kernel does Adam's nine operations.
        grads = self._clip_gradients(grads)
        learning_rate = tf.cast(self.learning_rate, tf.float32)
        decay_rate = tf.cast(self.weight_decay or 0.0, tf.float32) * learning_rate
        scalars = self._scalars()

        def update_all(distribution, grads):
            for gradient, variable in zip(grads, trainable_variables, strict=True):
                index = self._get_variable_index(variable)
                means = (self._momentums[index].value, self._velocities[index].value)
                rate, decay = self._of_variable(variable, learning_rate, decay_rate)
                if self.weight_decay and self._use_weight_decay(variable):
                    distribution.extended.update(
                        variable.value, _decay, args=(decay,), group=False
                    )
                distribution.extended.update(
                    variable.value,
                    self._update,
                    args=(*means, gradient, rate, *scalars),
                    group=False,
                )

        tf.__internal__.distribute.interim.maybe_merge_call(
            update_all, self._distribution_strategy, grads
        )

    def _of_variable(self, variable: keras.Variable, *rates: tf.Tensor):
        """The rates as they are for a variable; no operation where they are 1."""
        factor = self.variable_rates.get(variable.path, 1.0)
        return rates if factor == 1.0 else tuple(rate * factor for rate in rates)

    def _scalars(self) -> tuple[tf.Tensor, ...]:
        """Both betas, epsilon, and the betas to the power of the steps so far.

        Made once for all variables.
        """
        betas = tf.constant(self.beta_1), tf.constant(self.beta_2)
        if not self.bias_correction:
            return (
                *betas,
                tf.constant(self.epsilon),
                tf.constant(0.0),
                tf.constant(0.0),
            )
        steps = tf.cast(self.iterations - self.first_step + 1, tf.float32)
        powers = [tf.pow(beta, steps) for beta in betas]
        return (*betas, tf.constant(self.epsilon), *powers)

    def _update(self, variable, mean, mean_square, gradient, rate, *scalars):
        beta_1, beta_2, epsilon, power_1, power_2 = scalars
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=mean.handle,
            v=mean_square.handle,
            beta1_power=power_1,
            beta2_power=power_2,
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=gradient,
        )


def _decay(variable: tf.Variable, rate: tf.Tensor) -> None:
    variable.assign_sub(variable * rate)


def densify(gradient: Any) -> Any:
    """Makes a plain tensor; the norm of IndexedSlices counts rows one by one."""
    if isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient)
    return gradient


def make_optimizer(
    config: TrainConfig,
    model: keras.Model,
    *,
    warmup_steps: int | None = None,
    name: str = "electra_adam_w",
) -> ElectraAdamW:
    """Makes and builds the optimizer for a model's variables.

    Args:
        config: Rates, schedule, clipping.
        model: Already built; biases and LayerNorm are not decayed.
        warmup_steps: Of the schedule; None: the effective ones of `config`.
        name: Of the optimizer; without one, a second in a process has other paths.
    """
    if warmup_steps is None:
        warmup_steps = config.effective_warmup_steps
    optimizer = ElectraAdamW(
        LinearWarmupDecay(
            config.learning_rate,
            warmup_steps,
            config.train_steps,
            overlapped=bool(config.overlapped_warmup),
        ),
        weight_decay=config.weight_decay_rate,
        beta_1=config.adam_beta_1,
        beta_2=config.adam_beta_2,
        epsilon=config.adam_epsilon,
        global_clipnorm=config.clip_norm,
        bias_correction=bool(config.adam_bias_correction),
        name=name,
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
