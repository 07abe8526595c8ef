"""The token embeddings in TensorBoard's projector, in `RUN/logs/projector`.

Written at the end of a run, from the table in memory. The folder is complete by
itself: a checkpoint of our own with the rows, their names, the plugin's
configuration, and an event file, without which TensorBoard does not see it.
"""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from electra_keras.data.vocabulary import SPECIAL_TOKENS, Vocabulary

PROJECTOR_FOLDER = "projector"
# The browser draws and searches so many without delay.
_MOST_ROWS = 4_000
_METADATA_FILE = "metadata.tsv"
_CONFIG_FILE = "projector_config.pbtxt"
# How TensorFlow stores the attribute `embedding` of a checkpoint.
TENSOR_NAME = "embedding/.ATTRIBUTES/VARIABLE_VALUE"
_SCRIPTS = ("HANGUL", "LATIN", "CJK", "HIRAGANA", "KATAKANA", "CYRILLIC", "DIGIT")


def write_projector(
    logs: Path,
    table: keras.Variable | tf.Tensor,
    vocabulary: Vocabulary,
    counts: np.ndarray,
    *,
    step: int,
) -> Path:
    """Writes the rows of the most frequent tokens.

    Args:
        logs: `RUN/logs`.
        table: Token embeddings (V, E); a tensor where they are a sum of two.
        vocabulary: Of the data.
        counts: int (V,), how often each token occurs in held-out text.
        step: Optimizer step, for the event file.

    Returns:
        The folder.
    """
    folder = logs / PROJECTOR_FOLDER
    # What an earlier call of the run wrote is out of date.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ids = choose_tokens(vocabulary, counts)
    rows = tf.gather(tf.convert_to_tensor(table), ids)
    (folder / _METADATA_FILE).write_text(
        describe_tokens(vocabulary, ids, counts), "utf-8"
    )
    (folder / _CONFIG_FILE).write_text(
        f'embeddings {{\n  tensor_name: "{TENSOR_NAME}"\n'
        f'  metadata_path: "{_METADATA_FILE}"\n}}\n',
        "utf-8",
    )
    checkpoint = tf.train.Checkpoint(embedding=tf.Variable(rows))
    # `save`, since it leaves the file in which the plugin looks up the name.
    checkpoint.save(str(folder / "tokens"))
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=step):
        tf.summary.text("about", f"{len(ids):,} token embeddings at step {step:,}")
    writer.close()
    return folder


def choose_tokens(vocabulary: Vocabulary, counts: np.ndarray) -> list[int]:
    """Chooses ids: the most frequent first, [unused…] never."""
    order = np.argsort(-counts, kind="stable")
    entries = vocabulary.entries
    ids = [int(i) for i in order if not entries[i].startswith("[unused")]
    return ids[:_MOST_ROWS]


def describe_tokens(
    vocabulary: Vocabulary, ids: Sequence[int], counts: np.ndarray
) -> str:
    """The names of the rows, with columns to colour them by."""
    lines = ["token\tplace\tscript\tcount"]
    for index in ids:
        token = vocabulary.entries[index]
        place = "start"
        if token in SPECIAL_TOKENS:
            place = "special"
        elif token.startswith("##"):
            place = "continued"
        lines.append(f"{token}\t{place}\t{find_script(token)}\t{counts[index]}")
    return "\n".join(lines) + "\n"


def find_script(token: str) -> str:
    """The script of a token's first letter or digit: "hangul", "latin", "other"."""
    if token in SPECIAL_TOKENS:
        return "special"
    first = next((sign for sign in token if sign.isalnum()), "")
    name = unicodedata.name(first, "") if first else ""
    return next((s.lower() for s in _SCRIPTS if name.startswith(s)), "other")


def count_tokens(dataset: tf.data.Dataset, vocabulary_size: int) -> np.ndarray:
    """Counts the real tokens of masked batches: int64 (V,)."""
    counts = np.zeros([vocabulary_size], np.int64)
    for batch in dataset:
        ids = batch["token_ids"].numpy()[batch["padding_mask"].numpy() > 0]
        counts += np.bincount(ids, minlength=vocabulary_size)
    return counts
