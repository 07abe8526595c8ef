"""The training step: the networks of an objective joined in one Keras model.

Reads masked batches from `data/dataset.py`, feeds `run.py` and plain scripts:
`ElectraPretrainer(objective).compile(...)`, then `.fit(...)`.

Stock Keras stepping is wrong or broken with more than one replica (several
steps per execution, clipping, noise, means of means); the overrides below are
what makes it right, and `tests/test_pretrainer.py` holds them to it.
"""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import tensorflow as tf

from electra_keras.models.randomness import BatchRows, fold_in, noise_key, step_key
from electra_keras.models.shared_blocks import BlockMode, shared_blocks
from electra_keras.objectives.shared.objective import Batch, Trainable, row_shape
from electra_keras.training.metrics import ElectraMetrics
from electra_keras.training.micro_batches import sum_over_parts
from electra_keras.training.optimizer import ElectraAdamW

# Keeps the noise of evaluation apart from every training step's.
_EVALUATION_STEP = -1


class ElectraPretrainer(keras.Model):
    """Trains the networks of an objective.

    Args:
        objective: Such as one of `objectives/`; its networks are built inside the
            strategy's scope.
        seed: Of dropout and sampling.

    Example:
        pretrainer = ElectraPretrainer(ElectraObjective.build(ModelConfig(...)))
        pretrainer.compile(optimizer=make_optimizer(config, pretrainer))
        pretrainer.fit(make_train_dataset(...), steps_per_epoch=100)
    """

    def __init__(self, objective: Trainable, *, seed: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.objective = objective
        self.networks = list(objective.networks.values())  # For Keras to find.
        self.seed = seed
        self._electra_metrics = ElectraMetrics(objective)
        self.steps_per_execution: int = 1
        self.micro_batches: int = 1
        self.train_function: Any = None
        self.test_function: Any = None
        self._block_mode = BlockMode()
        self.built = True

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        *,
        jit_compile: bool | None = None,
        gradient_checkpointing: bool = False,
        steps_per_execution: int = 1,
        micro_batches: int = 1,
        **kwargs: Any,
    ) -> None:
        """Sets the optimizer.

        Args:
            optimizer: From `training/optimizer.py`.
            jit_compile: Compile the Transformer blocks with XLA. Reduction over
                replicas and the update stay outside, where they must be. None:
                where there is a GPU; on a CPU it gains nothing and takes seconds.
            gradient_checkpointing: Keep of each block its input only, and compute
                it once more when its gradient is due. Takes less memory and
                about a third more time.
            steps_per_execution: Optimizer steps per call of the graph.
            micro_batches: Parts in which a replica works through its share of
                a batch, one after the other, so that less memory is taken; their
                gradients are summed up for one optimizer step.
            **kwargs: For `keras.Model.compile`.
        """
        super().compile(
            optimizer=optimizer,
            jit_compile=False,
            steps_per_execution=steps_per_execution,
            **kwargs,
        )
        if jit_compile is None:
            jit_compile = bool(tf.config.list_logical_devices("GPU"))
        self._block_mode = BlockMode(jit_compile, recompute=gradient_checkpointing)
        self.micro_batches = micro_batches

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Keras' `fit`; the dataset has its own order and is not shuffled."""
        starter = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self._start(self.global_step)
        )
        kwargs["callbacks"] = [starter, *(kwargs.get("callbacks") or ())]
        return super().fit(*args, **{"shuffle": False, **kwargs})

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Keras' `evaluate`, one batch at a time.

        Several steps per execution would leave out the batches of a held-out
        set that is no multiple of them, also in the one that `fit` caches.
        """
        kwargs.pop("_use_cached_eval_dataset", None)
        steps, self.steps_per_execution = self.steps_per_execution, 1
        try:
            values = super().evaluate(*args, **kwargs)
        finally:
            self.steps_per_execution = steps
        if isinstance(values, dict):
            for name in ElectraMetrics.of_training:
                values.pop(name)
        return values

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return self._electra_metrics.all

    @property
    def global_step(self) -> int:
        """Optimizer steps so far."""
        return int(self.optimizer.iterations.numpy())

    def _start(self, step: int) -> None:
        """Lets the objective change what is trained and measured from a step on."""
        if not self.optimizer.built:  # On all variables, while all are trainable.
            self.optimizer.build(self.trainable_variables)
        if self.objective.start(step):
            if isinstance(self.optimizer, ElectraAdamW):
                self.optimizer.first_step = self.objective.first_step
            with self.distribute_strategy.scope():
                self._electra_metrics = ElectraMetrics(self.objective)
            self.make_train_function(force=True)
            self.make_test_function(force=True)

    def train_step(self, batch: Batch, waited_secs: tf.Tensor | float = 0.0) -> None:
        """One optimizer step on one replica's share of a batch.

        Args:
            batch: The share.
            waited_secs: Until the batch came; it is told with the metrics.
        """
        counts = self._count(batch)
        key = step_key(self.seed, self.optimizer.iterations)
        first_part = self._replica_id() * self.micro_batches

        def learn(part: Batch, index: tf.Tensor | int) -> list[Any]:
            losses, outputs, gradients = self._losses_and_gradients(
                part, counts, key, first_part + index
            )
            parts = self._parts(self.micro_batches)
            self._electra_metrics.update(part, outputs, losses, counts, parts)
            return gradients

        gradients = sum_over_parts(
            learn, batch, self.micro_batches, self.trainable_variables
        )
        self.optimizer.apply(gradients, self.trainable_variables)
        norm = getattr(self.optimizer, "gradient_norm", None)
        self._electra_metrics.update_step(waited_secs, norm)

    def test_step(self, batch: Batch, waited_secs: tf.Tensor | float = 0.0) -> None:
        """Measures one batch; its own ids key the sampling noise."""
        counts = self._count(batch)
        replica = tf.distribute.get_replica_context()
        ids = replica.all_reduce("SUM", tf.reduce_sum(batch["token_ids"]))
        key = fold_in(step_key(self.seed, tf.constant(_EVALUATION_STEP)), ids)
        noise = self._noise(key, self._replica_id(), batch, self._parts(1))
        with noise, shared_blocks(self._block_mode):
            outputs = self.objective.forward(batch, training=False)
        losses = self.objective.losses(batch, outputs, counts)
        self._electra_metrics.update(batch, outputs, losses, counts, self._parts(1))

    def _losses_and_gradients(
        self, batch: Batch, counts: Batch, key: tf.Tensor, part: tf.Tensor
    ):
        parts = self._parts(self.micro_batches)
        noise = self._noise(key, part, batch, parts)
        with tf.GradientTape() as tape, noise, shared_blocks(self._block_mode):
            outputs = self.objective.forward(batch, training=True)
            losses = self.objective.losses(batch, outputs, counts)
        variables = [variable.value for variable in self.trainable_variables]
        return losses, outputs, tape.gradient(losses["loss"], variables)

    def _count(self, batch: Batch) -> Batch:
        """Counts of the whole batch, on all replicas."""
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce("SUM", self.objective.counts(batch))

    def _replica_id(self) -> tf.Tensor | int:
        return tf.distribute.get_replica_context().replica_id_in_sync_group

    def _parts(self, micro_batches: int) -> int:
        """Parts that a batch is worked through in, on all replicas."""
        return self.distribute_strategy.num_replicas_in_sync * micro_batches

    def _noise(
        self, key: tf.Tensor, part: tf.Tensor | int, batch: Batch, parts: int
    ) -> contextlib.AbstractContextManager[None]:
        """Opens what is drawn from in one part of a batch, of so many."""
        rows, _ = row_shape(batch["token_ids"])
        place = BatchRows(fold_in(key, 0), part * rows, parts * rows)
        return noise_key(fold_in(key, part), place)

    def _results(self) -> dict[str, tf.Tensor]:
        return {metric.name: metric.result() for metric in self.metrics}

    def _maybe_symbolic_build(self, iterator=None, data_batch=None) -> None:
        """Does nothing: both networks are built when they come in."""

    def make_train_function(self, force: bool = False):
        if self.train_function is None or force:
            self.train_function = self._stepping(
                self.train_step, self.steps_per_execution
            )
        return self.train_function

    def make_test_function(self, force: bool = False):
        if self.test_function is None or force:
            self.test_function = self._stepping(self.test_step, 1)
        return self.test_function

    def _stepping(self, step, steps: int):
        """Runs `step` on every replica, `steps` times, in one graph."""
        strategy = self.distribute_strategy

        # Autograph would rewrite all that is called below, which takes seconds.
        @tf.function(autograph=False)
        def run(iterator):
            def run_one(index):
                batch, waited_secs = _take(iterator)
                strategy.run(step, args=(batch, waited_secs))
                return (index + 1,)

            if steps == 1:
                run_one(0)
            else:  # Traced once, however many they are.
                start = (tf.constant(0),)
                tf.while_loop(lambda index: index < steps, run_one, start)
            return {
                name: strategy.reduce("MEAN", value, axis=None)
                for name, value in strategy.run(self._results).items()
            }

        return run


def _take(iterator) -> tuple[Any, tf.Tensor]:
    """Takes a batch, and the seconds until it came: float32 ()."""
    start = tf.timestamp()
    with tf.control_dependencies([start]):
        batch = next(iterator)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        return batch, tf.cast(tf.timestamp() - start, tf.float32)
