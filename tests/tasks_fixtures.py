"""Small labelled files and a pre-trained model, for tests of fine-tuning."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from electra_keras.data.tokenizer import Tokenizer
from electra_keras.data.vocabulary import TokenizerConfig
from electra_keras.finetuning.encoding import PieceFinder
from electra_keras.finetuning.task_config import TaskConfig
from electra_keras.finetuning.task_loading import load_task, settle_sequence_length

LETTERS = "다라마바사아자차카타파하bcdefghijklmnop"


def write_texts(path: Path, count: int, seed: int = 0) -> Path:
    """Writes texts of 1 to 8 letters: "good" where 가 is among them, else "bad"."""
    choose = random.Random(seed)
    lines = ["text\tlabel"]
    for number in range(count):
        letters = choose.choices(LETTERS, k=choose.randint(1, 8))
        if number % 2:
            letters[choose.randrange(len(letters))] = "가"
        lines.append(f"{' '.join(letters)}\t{'good' if number % 2 else 'bad'}")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def text_task(folder: Path, *settings: str, tokens: int = 12) -> TaskConfig:
    """A classification of such texts: 96 to learn from, 40 to choose by."""
    train = write_texts(folder / "train.tsv", 96, 1)
    validation = write_texts(folder / "validation.tsv", 40, 2)
    config = load_task(
        None,
        [
            *(f"files.train={train}", f"files.validation={validation}"),
            *("columns.text=text", "columns.label=label"),
            *("training.batch_size=8", "training.learning_rate=3e-3"),
            *settings,
        ],
    )
    return settle_sequence_length(config, tokens)


def make_finder(entries: tuple[str, ...]) -> PieceFinder:
    """A tokenizer of a vocabulary."""
    from electra_keras.data.vocabulary import Vocabulary

    return PieceFinder(Tokenizer(Vocabulary(entries), TokenizerConfig()))


def example(length: int, **features: object) -> dict[str, np.ndarray]:
    """An example of so many tokens, with ids 1, 2, 3..."""
    ids = np.arange(1, length + 1, dtype=np.int32)
    given = {name: np.asarray(value) for name, value in features.items()}
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), **given}
