"""The model that `serving.py` serves: ELECTRA-Small of random weights, exported.

The weights say nothing, and take the same time as trained ones. The 30,522 entries
of the vocabulary are made of syllables, so that words fall into pieces as real
words do.
"""

from __future__ import annotations

import random
from pathlib import Path

VOCABULARY_SIZE = 30_522
ROW_TOKENS = 128
LITERT_FORM = "int8"
_KOREAN = "가나다라마바사아자차하고노도로모은는이를에한국어말글저녁친구커피"
_ENGLISH = ("ba", "bi", "co", "de", "er", "fa", "ing", "lo", "ne", "on", "pra", "ter")


def make_entries(special: tuple[str, ...]) -> tuple[str, ...]:
    """Makes a vocabulary: special tokens, single syllables, longer pieces."""
    choose = random.Random(1)
    letters = {*_KOREAN, *"".join(_ENGLISH), "."}
    pieces = sorted(letters) + sorted(f"##{letter}" for letter in letters)
    found = dict.fromkeys(pieces)
    while len(special) + len(found) < VOCABULARY_SIZE:
        syllables = choose.choice((_KOREAN, _ENGLISH))
        piece = "".join(choose.choices(syllables, k=choose.randint(2, 4)))
        found[choose.choice(("", "##")) + piece] = None
    return (*special, *found)


def make_texts(entries: tuple[str, ...], count: int) -> list[str]:
    """Makes texts of at least `ROW_TOKENS` word pieces, of 1 to 3 a word."""
    choose = random.Random(2)
    heads = [entry for entry in entries if entry[0] not in "[#"]
    tails = [entry[2:] for entry in entries if entry.startswith("##")]
    texts = []
    for _ in range(count):
        words, pieces = [], 0
        while pieces < 1.1 * ROW_TOKENS:
            more = choose.choice((0, 0, 1, 1, 2))
            words.append(
                "".join([choose.choice(heads), *choose.choices(tails, k=more)])
            )
            pieces += 1 + more
        texts.append(" ".join(words))
    return texts


def export_model(folder: Path) -> tuple[Path, list[str]]:
    """Exports the model as `electra_keras.export` does.

    Args:
        folder: Empty.

    Returns:
        The version's folder, and 32 texts.
    """
    from electra_keras.config_files import load_config
    from electra_keras.data.info import VOCABULARY_FILE, DatasetInfo
    from electra_keras.data.vocabulary import (
        SPECIAL_TOKENS,
        TokenizerConfig,
        Vocabulary,
    )
    from electra_keras.planning.plan import make_plan
    from electra_keras.serving.export import export_run
    from electra_keras.training.checkpoints import Checkpoint
    from electra_keras.training.run import build_objective
    from electra_keras.training.run_folder import CONFIG_FILE, DATA_INFO_FILE
    from electra_keras.training.saved_run import SavedRun

    vocabulary = Vocabulary(make_entries(SPECIAL_TOKENS))
    settings = [f"model.max_sequence_length={ROW_TOKENS}"]
    plan = make_plan(load_config(None, settings), vocabulary_size=VOCABULARY_SIZE)
    info = DatasetInfo(
        sequence_length=ROW_TOKENS,
        vocabulary_size=VOCABULARY_SIZE,
        vocabulary_sha256=vocabulary.sha256,
        special_token_ids=vocabulary.special_token_ids,
        tokenizer=TokenizerConfig(),
        token_ids_dtype="uint16",
        compression="GZIP",
        splits={"train": (), "validation": ()},
    )
    run = SavedRun(
        folder / "run",
        plan.config,
        info,
        vocabulary,
        Checkpoint(folder / "none", 0, "none", "none"),
        build_objective(plan.config, vocabulary),
    )
    run.folder.mkdir()
    (run.folder / CONFIG_FILE).write_text(plan.config.to_yaml(), "utf-8")
    (run.folder / DATA_INFO_FILE).write_text(info.to_json(), "utf-8")
    (run.folder / VOCABULARY_FILE).write_text(vocabulary.text(), "utf-8")
    version = export_run(run, folder / "model", litert=LITERT_FORM)
    return version, make_texts(vocabulary.entries, 32)
