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
from electra_keras.data.vocabulary import Vocabulary
from electra_keras.errors import UsageError
from electra_keras.models.randomness import noise_key, step_key
from electra_keras.objectives.shared.objective import Batch
from electra_keras.training.monitoring import EvaluationProgress
from electra_keras.training.pretrainer import ElectraPretrainer
from electra_keras.training.saved_run import SavedRun


@dataclasses.dataclass(frozen=True)
class SampleToken:
    """One token on its way through the networks.

    Attributes:
        original: The token of the text.
        masked: What the masked LM was shown.
        is_masked: Whether it had to be filled in.
        corrupted: What the main network was shown. None: the masked row.
        replaced_probability: What the discriminator said. None: there is none.
        guess: What the main network puts at a masked position. None: it
            predicts no tokens, or the position is not masked.
    """

    original: str
    masked: str
    is_masked: bool
    corrupted: str | None = None
    replaced_probability: float | None = None
    guess: str | None = None


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
    samples: list[list[SampleToken]] = []
    dataset = _open_data(run, data, split).unbatch().take(count).batch(count)
    for batch in dataset:
        key = step_key(run.config.train.seed, tf.constant(0), 0)
        with noise_key(key):
            outputs = run.objective.forward(batch, training=False)
        batch = {name: value.numpy() for name, value in batch.items()}
        columns = _sample_columns(batch, outputs, run.vocabulary)
        for row, tokens in enumerate(batch["padding_mask"].sum(axis=1)):
            if tokens:  # The last batch is filled up with padding.
                rows = {name: c[row, :tokens].tolist() for name, c in columns.items()}
                places = zip(*rows.values(), strict=True)
                samples.append(
                    [SampleToken(**dict(zip(rows, v, strict=True))) for v in places]
                )
    return samples


def _sample_columns(
    batch: dict[str, np.ndarray], outputs: Batch, vocabulary: Vocabulary
) -> dict[str, np.ndarray]:
    """What there is to show of each token: (B, S) by attribute of `SampleToken`."""
    entries = np.array(vocabulary.entries, object)
    used = batch["mask_weights"] > 0
    places = (np.nonzero(used)[0], batch["mask_positions"][used])
    is_masked = np.zeros(batch["token_ids"].shape, bool)
    is_masked[places] = True
    columns = {
        "original": entries[batch["token_ids"]],
        "masked": entries[batch["masked_token_ids"]],
        "is_masked": is_masked,
    }
    if "corrupted_token_ids" in outputs:
        columns["corrupted"] = entries[outputs["corrupted_token_ids"].numpy()]
    if "replaced_logits" in outputs:
        probabilities = tf.sigmoid(outputs["replaced_logits"])
        columns["replaced_probability"] = probabilities.numpy()
    if "guessed_ids" in outputs:
        columns["guess"] = np.full(is_masked.shape, None, object)
        columns["guess"][places] = entries[outputs["guessed_ids"].numpy()[used]]
    return columns


def samples_markdown(samples: list[list[SampleToken]]) -> str:
    """Formats samples: the text, then a table of the masked tokens.

    A column stands for what the objective gives: samples of a generator, the
    discriminator's judgement, the main network's guess.
    """
    parts = []
    for number, sample in enumerate(samples, 1):
        parts.append(f"### Sample {number}\n")
        parts.append(join_pieces([token.original for token in sample]) + "\n")
        masked = [_cells(token) for token in sample if token.is_masked]
        if masked:
            parts.append(f"| {' | '.join(masked[0])} |")
            parts.append("|---" * len(masked[0]) + "|")
        parts += [f"| {' | '.join(cells.values())} |" for cells in masked]
        parts.append(f"\n{' '.join(_summaries(sample))}\n")
    return "\n".join(parts)


def _cells(token: SampleToken) -> dict[str, str]:
    """A masked token's line in the table, by column."""
    cells = {"original": _cell(token.original), "masked": _cell(token.masked)}
    if token.corrupted is not None:
        cells["sampled"] = _cell(token.corrupted)
    if token.replaced_probability is not None:
        same = token.original == token.corrupted
        cells["truth"] = "original" if same else "replaced"
        cells["discriminator says"] = f"{token.replaced_probability:.0%} replaced"
    if token.guess is not None:
        cells["guess"] = _cell(token.guess)
    return cells


def _summaries(sample: list[SampleToken]) -> list[str]:
    """Says what a table of the masked tokens leaves out."""
    lines = []
    others = [
        token.replaced_probability
        for token in sample
        if token.replaced_probability is not None and token.original == token.corrupted
    ]
    if sample[0].replaced_probability is not None:
        mean = sum(others) / max(1, len(others))
        lines.append(f"Mean over the {len(others)} original tokens: {mean:.0%}.")
    guesses = [token for token in sample if token.guess is not None]
    if guesses:
        right = sum(token.guess == token.original for token in guesses)
        lines.append(f"Guessed right: {right} of {len(guesses)} masked tokens.")
    return lines


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
