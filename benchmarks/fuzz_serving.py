"""Whether a served model keeps its word for strings that nobody expects.

    python benchmarks/fuzz_serving.py --model=models/reviews/1 --strings=100000

Asks for many odd strings, in batches, and checks every answer: nothing fails,
every number is finite, offsets lie in the text and never decrease, ids are those
that preprocessing gives, and in each batch one string is asked again alone.
Prints a table by kind of string; ends with 1 if anything is wrong. The same
--seed gives the same strings. `tests/test_serving_fuzz.py` runs a short form.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from beam_pipelines.cleaning.normalization import (
    decode,
    join_documents,
    normalize_text,
    tidy_lines,
)
from electra_keras.command_line import import_tensorflow_quietly
from electra_keras.data.info import VOCABULARY_FILE, DatasetInfo
from electra_keras.data.vocabulary import Vocabulary

BATCH_STRINGS = 64
# Numbers of a row change in the last digits with the batch that it is in.
TOLERANCE = 1e-4
_EMOJI = ["👍", "👨", "👩", "👧", "❤", "🏴", "🏽", "🇰", "🇷", "1", "#"]
_JOINERS = ["\u200d", "\ufe0f", "\u20e3", "\U000e0067", "\U000e007f"]
_KOREAN = "저녁에 친구랑 커피를 마셨어. 배송이 빨라요! ㅋㅋㅋ 가나다라마바사 각힣"
_RIGHT_TO_LEFT = "שלום עולם مرحبا بالعالم ١٢٣"
_BIDI = ["\u202a", "\u202b", "\u202c", "\u202e", "\u2066", "\u2069", "\u200f"]
_MARKS = ["\u0301", "\u0316", "\u0344", "\u0345", "\u1161", "\u11ab", "\u3099"]
_CONTROLS = ["\0", "\x01", "\x07", "\x1b", "\x7f", "\x85", "\u2028", "\ufffe", "\ufeff"]
_SPACES = [" ", "\t", "\n", "\r\n", "\n\n", "\u3000", "\xa0", "\u200b", "\u3164"]
_SPECIAL = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "##가", "[unused0]"]


def make_string(kind: str, draw: random.Random) -> bytes:
    """Makes a string of a kind.

    Args:
        kind: One of `KINDS`.
        draw: Decides on everything.
    """
    return KINDS[kind](draw)


def make_strings(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Makes pairs of kind and string, all kinds in turn."""
    draw = random.Random(seed)
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        yield kind, make_string(kind, draw)


def _mix(pieces: Sequence[str], most: int) -> Callable[[random.Random], bytes]:
    def make(draw: random.Random) -> bytes:
        return "".join(draw.choices(pieces, k=draw.randint(0, most))).encode()

    return make


def _any_characters(draw: random.Random) -> bytes:
    codes = (draw.randrange(0x110000) for _ in range(draw.randint(0, 40)))
    return "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000).encode()


def _decomposed(draw: random.Random) -> bytes:
    form = draw.choice(["NFD", "NFKD"])
    text = "".join(draw.choices(_KOREAN + "éñÅắ", k=draw.randint(0, 60)))
    return unicodedata.normalize(form, text).encode()


def _malformed(draw: random.Random) -> bytes:
    text = bytearray(
        "".join(draw.choices(_KOREAN + "👍ab", k=draw.randint(1, 40))), "utf-8"
    )
    for _ in range(draw.randint(1, 6)):
        place = draw.randrange(len(text) + 1)
        text[place : place + draw.randint(0, 2)] = draw.randbytes(draw.randint(0, 3))
    return bytes(text)


def _long_run(draw: random.Random) -> bytes:
    piece = draw.choice(["a", "가", "!", " ", "\u0301", "\u200d", "👍", "a ", "각"])
    return (piece * draw.choice([300, 301, 1000, 5000])).encode()


KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "korean": _mix([*_KOREAN, " "], 60),
    "decomposed": _decomposed,
    "emoji": _mix([*_EMOJI, *_JOINERS, "가", " "], 30),
    "right to left": _mix([*_RIGHT_TO_LEFT, *_BIDI], 40),
    "marks": _mix(["a", "e", "가", "\u1112", " ", *_MARKS], 40),
    "controls": _mix(["a", "가", *_CONTROLS], 30),
    "spaces": _mix(["a", "나", *_SPACES], 40),
    "special tokens": _mix([*_SPECIAL, " ", "가"], 12),
    "malformed": _malformed,
    "bytes": lambda draw: draw.randbytes(draw.randint(0, 40)),
    "any characters": _any_characters,
    "long runs": _long_run,
}


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """An exported version, and what its texts should become.

    Attributes:
        signatures: Of the loaded SavedModel.
        tokenizer: Of `electra_keras.data.tokenizer`.
        sequence_length: At which rows are cut.
    """

    signatures: Any
    tokenizer: Any
    sequence_length: int

    def ids_of_training(self, text: bytes) -> list[int]:
        """The ids that `beam_pipelines.preprocess` gives a text, framed and cut."""
        import tensorflow as tf

        (decoded,), _ = decode([text], "replace")
        lines = tidy_lines(normalize_text(join_documents([decoded or ""]))).split("\n")
        pieces = self.tokenizer.tokenize_normalized(tf.constant(lines)).flat_values
        ids = self.tokenizer.vocabulary.special_token_ids
        kept = pieces.numpy()[: self.sequence_length - 2].tolist()
        return [ids["[CLS]"], *kept, ids["[SEP]"]]


def open_model(version: Path) -> ServedModel:
    """Loads an exported version."""
    import json

    import_tensorflow_quietly()
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  Registers the ops of the SavedModel.

    from electra_keras.data.tokenizer import Tokenizer

    extra = version / "assets.extra"
    info = DatasetInfo.from_json((extra / "data_info.json").read_text("utf-8"))
    return ServedModel(
        tf.saved_model.load(str(version)).signatures,
        Tokenizer(Vocabulary.load(extra / VOCABULARY_FILE), info.tokenizer),
        json.loads((extra / "export.json").read_text())["sequence_length"],
    )


def find_faults(model: ServedModel, texts: list[bytes], alone: int) -> list[list[str]]:
    """Asks for a batch and says what is wrong with each answer.

    Args:
        model: From `open_model`.
        texts: A batch.
        alone: Which of them is asked again alone.

    Returns:
        Names of faults, a list for each text.
    """
    answer = _ask(model, texts)
    again = _ask(model, [texts[alone]])
    faults = []
    for place, text in enumerate(texts):
        row = {name: value[place] for name, value in answer.items()}
        found = _faults_of_row(row, text, model.ids_of_training(text))
        if place == alone and not _is_same({k: v[0] for k, v in again.items()}, row):
            found.append("differs alone")
        faults.append(found)
    return faults


def _ask(model: ServedModel, texts: list[bytes]) -> dict[str, np.ndarray]:
    import tensorflow as tf

    answer = {}
    for name in ("serving_default", "tokenize", "score"):
        if name in model.signatures:
            answer |= model.signatures[name](text=tf.constant(texts, tf.string))
    return {name: value.numpy() for name, value in answer.items()}


def _faults_of_row(row: dict[str, Any], text: bytes, ids: list[int]) -> list[str]:
    found = []
    length = int(row["padding_mask"].sum())
    if row["token_ids"][:length].tolist() != ids:
        found.append("other ids")
    starts, ends = row["token_starts"], row["token_ends"]
    is_valid = (starts >= 0) & (starts <= ends)
    is_valid &= ends <= len(text.decode("utf-8", "replace"))
    if not is_valid.all() or (np.diff(starts) < 0).any() or (np.diff(ends) < 0).any():
        found.append("offsets")
    numbers = [v for v in row.values() if getattr(v, "dtype", None) == np.float32]
    if not all(np.isfinite(value).all() for value in numbers):
        found.append("not finite")
    if any(row["tokens"][length:]) or not all(row["tokens"][:length]):
        found.append("tokens and mask")
    if "replaced_probability" in row and row["replaced_probability"][length:].any():
        found.append("probability of padding")
    return found


def _is_same(alone: dict[str, Any], together: dict[str, Any]) -> bool:
    for name, value in alone.items():
        other = together[name]
        if value.ndim and len(value) != len(other):
            other = other[: len(value)]
        if value.dtype == np.float32:
            if not np.allclose(value, other, atol=TOLERANCE):
                return False
        elif np.asarray(value).tolist() != np.asarray(other).tolist():
            return False
    return True


@dataclasses.dataclass
class Report:
    """What came of the strings, by kind."""

    strings: Counter[str] = dataclasses.field(default_factory=Counter)
    faulty: Counter[str] = dataclasses.field(default_factory=Counter)
    examples: list[str] = dataclasses.field(default_factory=list)
    secs: float = 0.0


def fuzz(model: ServedModel, count: int, seed: int) -> Report:
    """Asks for `count` strings and checks the answers."""
    report = Report()
    start = time.perf_counter()
    pairs = list(make_strings(count, seed))
    for first in range(0, len(pairs), BATCH_STRINGS):
        batch = pairs[first : first + BATCH_STRINGS]
        alone = (first // BATCH_STRINGS) % len(batch)
        faults = find_faults(model, [text for _, text in batch], alone)
        for (kind, text), found in zip(batch, faults, strict=True):
            report.strings[kind] += 1
            if found:
                report.faulty[kind] += 1
                report.examples.append(f"{', '.join(found)}: {text[:80]!r}")
    report.secs = time.perf_counter() - start
    return report


def main() -> int:
    """Fuzzes and prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(
        "fuzz_serving.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=Path, required=True, help="version folder")
    parser.add_argument("--strings", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report = fuzz(open_model(options.model), options.strings, options.seed)
    table = Table(title=f"{options.strings:,} strings, seed {options.seed}")
    for name in ("kind", "strings", "faulty"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind, strings in report.strings.items():
        table.add_row(kind, f"{strings:,}", f"{report.faulty[kind]:,}")
    console = Console()
    console.print(table)
    console.print(f"{report.secs:.0f} s, {options.strings / report.secs:.0f} a second")
    for example in report.examples[:20]:
        console.print(example, markup=False)
    return 1 if report.faulty else 0


if __name__ == "__main__":
    sys.exit(main())
