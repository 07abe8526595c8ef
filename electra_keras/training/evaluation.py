"""Held-out metrics of a finished run, and samples of what its networks said.

Reads a run folder and a data folder, feeds `electra_keras.evaluate`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import keras
import tensorflow as tf

from electra_keras.data.dataset import make_eval_dataset
from electra_keras.data.info import load_info
from electra_keras.errors import UsageError
from electra_keras.training.monitoring import EvaluationProgress
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.samples import SampleToken, run_quietly, trace_tokens
from electra_keras.training.saved_run import SavedRun


def evaluate_run(
    run: SavedRun, data: str | Path, *, split: str = "validation"
) -> dict[str, float]:
    """Measures a run on one pass over a split.

    Args:
        run: From `load_run`.
        data: Folder made with the run's vocabulary and sequence length.
        split: "validation" or "train".

    Returns:
        The metrics of `ElectraMetrics`, `step`, and
        `most_frequent_token_accuracy`: the masked-LM accuracy of always
        guessing the commonest masked token.

    Raises:
        UsageError: The data were made with another vocabulary.
    """
    dataset = _open_data(run, data, split)
    pretrainer = ElectraPretrainer(run.objective, seed=run.config.train.seed)
    pretrainer.compile(optimizer=keras.optimizers.SGD())
    progress = EvaluationProgress(int(dataset.cardinality()))
    values = pretrainer.evaluate(
        dataset, verbose=0, return_dict=True, callbacks=[progress]
    )
    metrics = {name: float(value) for name, value in values.items()}
    metrics["most_frequent_token_accuracy"] = _most_frequent_rate(dataset)
    metrics["step"] = run.checkpoint.step
    return metrics


def draw_samples(
    run: SavedRun, data: str | Path, *, count: int, split: str = "validation"
) -> list[list[SampleToken]]:
    """Takes rows through the networks and keeps what each of them saw and said."""
    dataset = _open_data(run, data, split).unbatch().take(count).batch(count)
    samples = []
    for batch in dataset:  # The last batch of a split is filled up with padding.
        outputs = run_quietly(run.objective, batch, seed=run.config.train.seed)
        samples += trace_tokens(batch, outputs, run.vocabulary)
    return samples


def _open_data(run: SavedRun, data: str | Path, split: str) -> tf.data.Dataset:
    info = load_info(data)
    if info.vocabulary_sha256 != run.info.vocabulary_sha256:
        raise UsageError(
            f"{data} was made with vocabulary {info.vocabulary_sha256[:12]}",
            expected=f"{run.info.vocabulary_sha256[:12]}, the run's",
            fix=f"Preprocess again with --vocabulary={run.folder}/vocab.txt.",
        )
    return make_eval_dataset(
        data,
        global_batch_size=run.config.train.global_batch_size,
        split=split,
        config=run.config.data,
        seed=run.config.train.seed,
    )


def _most_frequent_rate(dataset: tf.data.Dataset) -> float:
    counts: Counter[int] = Counter()
    for batch in dataset:
        is_used = batch["mask_weights"].numpy() > 0
        counts.update(batch["mask_ids"].numpy()[is_used].tolist())
    commonest = max(itertools.chain(counts.values(), [0]))
    return commonest / max(1, counts.total())
