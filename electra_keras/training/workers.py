"""What the workers of a run tell each other beside gradients: a number each.

Reads a strategy, feeds `run.py` and `interruption.py`. With one worker nothing is
sent.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from electra_keras.errors import UsageError


class Workers:
    """All workers of a strategy.

    Args:
        strategy: From `make_strategy`.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        # A process of TPUs drives them all.
        self.are_several = isinstance(
            strategy, tf.distribute.MultiWorkerMirroredStrategy
        )

    def gather(self, number: float) -> list[float]:
        """Waits for all workers and gives what each of them says.

        All must call it, in the same order among their steps.

        Returns:
            A number for each replica; for the one worker there is, its own.
        """
        if not self.are_several:
            return [number]
        return self._gather(tf.constant(number, tf.float32)).numpy().tolist()

    def check_same_step(self, step: int, folder: str | Path) -> None:
        """Checks that all go on from one step.

        Raises:
            UsageError: They do not: the run folder is not one that all of them see.
        """
        steps = sorted({int(value) for value in self.gather(step)})
        if len(steps) > 1:
            raise UsageError(
                f"workers would go on from steps {' and '.join(map(str, steps))}",
                expected=f"one run folder that all workers see: {folder}",
                fix="Give all of them the same --output, on storage that they share.",
            )

    @tf.function(autograph=False)
    def _gather(self, number: tf.Tensor) -> tf.Tensor:
        def put(number: tf.Tensor) -> tf.Tensor:
            replica = tf.distribute.get_replica_context()
            replicas = replica.num_replicas_in_sync
            place = tf.one_hot(replica.replica_id_in_sync_group, replicas)
            return replica.all_reduce("SUM", place * number)

        gathered = self._strategy.run(put, args=(number,))
        return self._strategy.experimental_local_results(gathered)[0]
