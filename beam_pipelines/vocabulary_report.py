"""A vocabulary and word counts in, a report on how well they fit out.

Reads what `vocabulary.py` learned; `to_json` and `to_markdown` are written
beside `vocab.txt`. Each distinct word is tokenized once and weighs what it
counts, so a report of a million distinct words takes some seconds.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from electra_keras.data.vocabulary import (
    SPECIAL_TOKENS,
    TokenizerConfig,
    Vocabulary,
)
from electra_keras.errors import UsageError

if TYPE_CHECKING:
    from electra_keras.data.tokenizer import Tokenizer

LISTED_ENTRIES = 50
_BATCH_WORDS = 16_384
_CODE_POINTS = 0x110000


@dataclasses.dataclass(frozen=True)
class TextFit:
    """How well a vocabulary fits one text.

    Attributes:
        words: Words of the text.
        distinct_words: Different ones.
        unknown_rate: Fraction of words that become [UNK].
        pieces_per_word: Mean; the fertility. An [UNK] is one piece.
        whole_word_rate: Fraction of words that are one entry.
        known_character_rate: Fraction of characters that entries are made of.
    """

    words: int
    distinct_words: int
    unknown_rate: float
    pieces_per_word: float
    whole_word_rate: float
    known_character_rate: float


@dataclasses.dataclass(frozen=True)
class EntryCount:
    """An entry and how often the training text uses it."""

    entry: str
    count: int


@dataclasses.dataclass(frozen=True)
class VocabularyReport:
    """What there is to know on a vocabulary before training with it.

    Attributes:
        entries: Number of entries.
        training: On the text that the vocabulary was learned from.
        held_out: On text that it was not learned from; None without any.
        unused_rate: Fraction of the entries that the training text never
            uses; special tokens and [unused] slots, which no text can use,
            are left out.
        longest: Entries of the most characters, "##" not counted.
        rarest: Entries used least by the training text, at least once.
    """

    entries: int
    training: TextFit
    held_out: TextFit | None
    unused_rate: float
    longest: tuple[EntryCount, ...]
    rarest: tuple[EntryCount, ...]

    def to_json(self) -> str:
        """Returns what `vocab.report.json` holds."""
        fields = dataclasses.asdict(self)
        return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"

    def to_markdown(self) -> str:
        """Returns what `vocab.report.md` holds."""
        lines = [f"# Vocabulary of {self.entries:,} entries", ""]
        lines += _fit_table(self.training, self.held_out)
        unused = f"The training text never uses {self.unused_rate:.2%} of the entries"
        lines += ["", f"{unused} that text can use."]
        lines += ["", f"## The {len(self.longest)} longest", ""]
        lines += _entry_table(self.longest)
        lines += ["", f"## The {len(self.rarest)} rarest of those used", ""]
        lines += _entry_table(self.rarest)
        return "\n".join(lines) + "\n"


def report_vocabulary(
    entries: Sequence[str],
    word_counts: Mapping[str, int],
    *,
    held_out_counts: Mapping[str, int] | None = None,
    max_bytes_per_word: int,
) -> VocabularyReport:
    """Measures a vocabulary.

    Args:
        entries: V, in order.
        word_counts: Count by word of the text it was learned from.
        held_out_counts: Count by word of other text; none if empty.
        max_bytes_per_word: As the tokenizer has it.

    Returns:
        The report.

    Raises:
        UsageError: `word_counts` is empty.
    """
    from electra_keras.data.tokenizer import Tokenizer

    if not word_counts:
        raise UsageError(
            "a report without words",
            expected="the word counts that the vocabulary was learned from",
            fix="Check --input.",
        )
    config = TokenizerConfig(max_bytes_per_word=max_bytes_per_word)
    tokenizer = Tokenizer(Vocabulary(tuple(entries)), config)
    training, uses = _fit(tokenizer, word_counts)
    held_out = _fit(tokenizer, held_out_counts)[0] if held_out_counts else None
    countable = [
        index
        for index, entry in enumerate(entries)
        if entry not in SPECIAL_TOKENS and not entry.startswith("[unused")
    ]
    by_length = sorted(countable, key=lambda i: (-_length(entries[i]), i))
    by_use = sorted((i for i in countable if uses[i]), key=lambda i: (uses[i], i))
    unused = sum(not uses[i] for i in countable)
    return VocabularyReport(
        entries=len(entries),
        training=training,
        held_out=held_out,
        unused_rate=unused / max(1, len(countable)),
        longest=tuple(
            EntryCount(entries[i], int(uses[i])) for i in by_length[:LISTED_ENTRIES]
        ),
        rarest=tuple(
            EntryCount(entries[i], int(uses[i])) for i in by_use[:LISTED_ENTRIES]
        ),
    )


def _fit(
    tokenizer: Tokenizer, word_counts: Mapping[str, int]
) -> tuple[TextFit, np.ndarray]:
    """Measures one text; returns beside it the uses of each entry (V,)."""
    import tensorflow as tf

    vocabulary = tokenizer.vocabulary
    unknown_id = vocabulary.special_token_ids["[UNK]"]
    words = list(word_counts)
    counts = np.fromiter(word_counts.values(), np.int64, len(words))
    # Exact: float64 counts to 2**53.
    uses = np.zeros(len(vocabulary))
    unknown = whole = 0
    for start in range(0, len(words), _BATCH_WORDS):
        weights = counts[start : start + _BATCH_WORDS]
        batch = tf.constant(words[start : start + _BATCH_WORDS], tf.string)
        pieces = tokenizer.tokenize(batch)
        ids = pieces.flat_values.numpy()
        lengths = pieces.row_lengths().numpy()
        piece_weights = np.repeat(weights, lengths)
        uses += np.bincount(ids, piece_weights, minlength=len(vocabulary))
        # A word is unknown as a whole: [UNK] is then its only piece.
        unknown += int(piece_weights[ids == unknown_id].sum())
        whole += int(weights[lengths == 1].sum())
    total = int(counts.sum())
    fit = TextFit(
        words=total,
        distinct_words=len(words),
        unknown_rate=unknown / total,
        pieces_per_word=float(uses.sum()) / total,
        whole_word_rate=(whole - unknown) / total,
        known_character_rate=_known_character_rate(vocabulary.entries, words, counts),
    )
    return fit, uses


def _known_character_rate(
    entries: Sequence[str], words: Sequence[str], counts: np.ndarray
) -> float:
    known = np.zeros(_CODE_POINTS, bool)
    known[_code_points("".join(map(_bare, entries)))] = True
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    weights = np.repeat(counts, lengths)
    characters = _code_points("".join(words))
    return float(weights[known[characters]].sum() / max(1, weights.sum()))


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _bare(entry: str) -> str:
    """An entry without its "##"; "" for those that no text gives."""
    if entry in SPECIAL_TOKENS or entry.startswith("[unused"):
        return ""
    return entry.removeprefix("##") or entry


def _length(entry: str) -> int:
    return len(_bare(entry))


def _fit_table(training: TextFit, held_out: TextFit | None) -> list[str]:
    fits = [training] if held_out is None else [training, held_out]
    columns = ["training", "held out"][: len(fits)]
    rows = [
        ("words", [f"{fit.words:,}" for fit in fits]),
        ("different words", [f"{fit.distinct_words:,}" for fit in fits]),
        ("[UNK] rate", [f"{fit.unknown_rate:.4%}" for fit in fits]),
        ("pieces per word", [f"{fit.pieces_per_word:.3f}" for fit in fits]),
        ("words that are one entry", [f"{fit.whole_word_rate:.2%}" for fit in fits]),
        ("characters covered", [f"{fit.known_character_rate:.4%}" for fit in fits]),
    ]
    header = f"| | {' | '.join(columns)} |"
    return [header, f"|---|{'---:|' * len(fits)}"] + [
        f"| {name} | {' | '.join(values)} |" for name, values in rows
    ]


def _entry_table(counted: Sequence[EntryCount]) -> list[str]:
    """Two pairs of columns, since there are many short rows."""
    rows = math.ceil(len(counted) / 2)
    lines = ["| entry | uses | entry | uses |", "|---|---:|---|---:|"]
    for index in range(rows):
        cells = [*_cells(counted[index])]
        if index + rows < len(counted):
            cells += _cells(counted[index + rows])
        lines.append(f"| {' | '.join([*cells, '', ''][:4])} |")
    return lines


def _cells(item: EntryCount) -> tuple[str, str]:
    # As HTML, since a backtick or a bar in an entry would end the code or cell.
    escaped = "".join(
        char if char.isalnum() or char == "#" else f"&#{ord(char)};"
        for char in item.entry
    )
    return f"<code>{escaped}</code>", f"{item.count:,}"
