"""Held-out metrics of a finished run, and samples a person can read.

Reads a run folder and a data folder, feeds `electra_keras.evaluate`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from electra_keras.data.dataset import make_eval_dataset
from electra_keras.data.info import load_info
from electra_keras.errors import UsageError
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.training.monitoring import EvaluationProgress
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.saved_run import SavedRun


@dataclasses.dataclass(frozen=True)
class SampleToken:
    """One token on its way through both networks.

    Attributes:
        original: The token of the text.
        masked: What the generator was shown.
        corrupted: What the discriminator was shown.
        is_masked: Whether the generator had to fill it in.
        replaced_probability: What the discriminator said.
    """

    original: str
    masked: str
    corrupted: str
    is_masked: bool
    replaced_probability: float


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
    """Takes rows through both networks and keeps what each of them saw."""
    entries = run.vocabulary.entries
    samples: list[list[SampleToken]] = []
    dataset = _open_data(run, data, split).unbatch().take(count).batch(count)
    for batch in dataset:
        key = step_key(run.config.train.seed, tf.constant(0), 0)
        with noise_key(key):
            outputs = run.objective.forward(batch, training=False)
        probabilities = tf.sigmoid(outputs["replaced_logits"]).numpy()
        is_masked = np.zeros(batch["token_ids"].shape, bool)
        positions = batch["mask_positions"].numpy()
        for row, weights in enumerate(batch["mask_weights"].numpy()):
            is_masked[row, positions[row][weights > 0]] = True
        columns = (
            batch["token_ids"].numpy(),
            batch["masked_token_ids"].numpy(),
            outputs["corrupted_token_ids"].numpy(),
        )
        for row, tokens in enumerate(batch["padding_mask"].numpy().sum(axis=1)):
            if not tokens:  # The last batch is filled up with padding.
                continue
            samples.append(
                [
                    SampleToken(
                        original=entries[columns[0][row, place]],
                        masked=entries[columns[1][row, place]],
                        corrupted=entries[columns[2][row, place]],
                        is_masked=bool(is_masked[row, place]),
                        replaced_probability=float(probabilities[row, place]),
                    )
                    for place in range(tokens)
                ]
            )
    return samples


def samples_markdown(samples: list[list[SampleToken]]) -> str:
    """Formats samples: the text, then a table of the masked tokens."""
    parts = []
    for number, sample in enumerate(samples, 1):
        others = [t.replaced_probability for t in sample if t.original == t.corrupted]
        parts.append(f"### Sample {number}\n")
        parts.append(join_pieces([t.original for t in sample]) + "\n")
        parts.append("| original | masked | sampled | truth | discriminator says |")
        parts.append("|---|---|---|---|---|")
        for token in sample:
            if token.is_masked:
                same = token.original == token.corrupted
                cells = (
                    _cell(token.original),
                    _cell(token.masked),
                    _cell(token.corrupted),
                    "original" if same else "replaced",
                    f"{token.replaced_probability:.0%} replaced",
                )
                parts.append(f"| {' | '.join(cells)} |")
        mean = sum(others) / max(1, len(others))
        parts.append(f"\nMean over the {len(others)} original tokens: {mean:.0%}.\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def join_pieces(pieces: list[str]) -> str:
    """Joins word pieces to readable text."""
    text = ""
    for piece in pieces:
        text += piece.removeprefix("##") if piece.startswith("##") else " " + piece
    return text.strip()


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
