"""Word counts in, a WordPiece vocabulary out.

Reads what `word_counts.py` counted, feeds `vocab.txt`. The merges are learned
by sentencepiece's byte-pair encoding, which takes counts, is deterministic and
needs a second or two, then written in WordPiece's form.
"""

from __future__ import annotations

import dataclasses
import io
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from beam_pipelines.options import VocabularyOptions
from beam_pipelines.word_counts import load_splitter
from electra_keras.errors import UsageError

_WORD_START = "\u2581"  # sentencepiece's mark of a word's first piece.
_SAMPLE_WORDS = 100_000


@dataclasses.dataclass(frozen=True)
class VocabularyReport:
    """How well a vocabulary fits the words it was learned from.

    Attributes:
        words: Words sampled, by count.
        unknown_rate: Fraction of them that is [UNK].
        pieces_per_word: Mean; the fertility.
    """

    words: int
    unknown_rate: float
    pieces_per_word: float


def learn_vocabulary(
    word_counts: Mapping[str, int],
    *,
    vocabulary_size: int,
    character_coverage: float = 0.9995,
    max_characters: int = 6000,
    max_bytes_per_word: int = 300,
) -> tuple[str, ...]:
    """Learns a vocabulary.

    Args:
        word_counts: Count by word.
        vocabulary_size: V, entries of the result, exactly.
        character_coverage: Fraction of all characters that the alphabet
            covers, the most frequent first.
        max_characters: Most characters of the alphabet.
        max_bytes_per_word: As the tokenizer has it.

    Returns:
        Special tokens at 0 to 4, the alphabet ("x" sorted, then "##x" for
        characters that can stand inside a word), then pieces as learned.

    Raises:
        UsageError: The words support only a smaller vocabulary, or need a
            larger one for their alphabet.
    """
    from electra_keras.data.features import SPECIAL_TOKENS

    alphabet = choose_alphabet(word_counts, character_coverage, max_characters)
    inner = _joinable(alphabet, max_bytes_per_word)
    entries = [*SPECIAL_TOKENS, *alphabet, *(f"##{char}" for char in inner)]
    if len(entries) > vocabulary_size:
        raise UsageError(
            f"--vocabulary_size={vocabulary_size}",
            expected=f"at least {len(entries)}, to hold the special tokens and the "
            f"{len(alphabet)} characters of the alphabet",
            fix="Raise it, or lower --max_characters.",
        )
    # Whole words become [UNK] for one foreign character: nothing to learn.
    known = set(alphabet)
    words = {word: n for word, n in word_counts.items() if known.issuperset(word)}
    seen = set(entries)
    for piece in _learn_merges(words, vocabulary_size) if words else []:
        entry = _to_word_piece(piece)
        if len(entries) < vocabulary_size and entry and entry not in seen:
            seen.add(entry)
            entries.append(entry)
    if len(entries) < vocabulary_size:
        raise UsageError(
            f"--vocabulary_size={vocabulary_size}",
            expected=f"at most {len(entries)}, all that this corpus supports",
            fix="Lower it, or give more text.",
        )
    return tuple(entries)


def choose_alphabet(
    word_counts: Mapping[str, int], coverage: float, max_characters: int
) -> list[str]:
    """Returns the most frequent characters, sorted by code point."""
    characters: Counter[str] = Counter()
    for word, count in word_counts.items():
        for char in word:
            characters[char] += count
    # It is sentencepiece's own mark and cannot be told from it.
    characters.pop(_WORD_START, None)
    ranked = sorted(characters.items(), key=lambda item: (-item[1], item[0]))
    wanted = coverage * sum(characters.values())
    chosen: list[str] = []
    covered = 0
    for char, count in ranked[:max_characters]:
        if covered >= wanted:
            break
        chosen.append(char)
        covered += count
    return sorted(chosen)


def _joinable(alphabet: list[str], max_bytes_per_word: int) -> list[str]:
    """Characters that the splitter does not isolate, as it does "!" and "字"."""
    if not alphabet:
        return []
    splitter = load_splitter(max_bytes_per_word)
    pairs = [(char + char).encode("utf-8") for char in alphabet]
    kept_whole = set(splitter.split(pairs))
    return [
        char for char, pair in zip(alphabet, pairs, strict=True) if pair in kept_whole
    ]


def _learn_merges(words: Mapping[str, int], vocabulary_size: int) -> list[str]:
    """Returns sentencepiece's pieces in the order of merging."""
    import sentencepiece

    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "words.tsv"
        lines = (f"{word}\t{count}\n" for word, count in words.items())
        counts.write_bytes("".join(lines).encode("utf-8"))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            input=str(counts),
            input_format="tsv",
            model_writer=model,
            model_type="bpe",
            # Enough: 5 special tokens and two forms of the alphabet are more
            # than the entries that sentencepiece has and we have not.
            vocab_size=vocabulary_size + len(set().union(*words)),
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",
            split_by_unicode_script=False,
            split_by_number=False,
            split_digits=False,
            bos_id=-1,
            eos_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return [processor.id_to_piece(i) for i in range(1, len(processor))]


def _to_word_piece(piece: str) -> str:
    return piece[1:] if piece.startswith(_WORD_START) else f"##{piece}"


def report_vocabulary(
    entries: tuple[str, ...],
    word_counts: Mapping[str, int],
    *,
    max_bytes_per_word: int,
) -> VocabularyReport:
    """Measures a vocabulary on words drawn evenly along their counts."""
    import tensorflow as tf

    from electra_keras.data.tokenizer import Tokenizer, TokenizerConfig, Vocabulary

    vocabulary = Vocabulary(entries)
    config = TokenizerConfig(max_bytes_per_word=max_bytes_per_word)
    words = list(word_counts)
    ends = np.cumsum(np.fromiter(word_counts.values(), np.int64))
    sampled = int(min(_SAMPLE_WORDS, ends[-1]))
    draws = (np.arange(sampled) * ends[-1]) // sampled
    texts = [words[i] for i in np.searchsorted(ends, draws, side="right")]
    pieces = Tokenizer(vocabulary, config).tokenize(tf.constant(texts, tf.string))
    ids = pieces.flat_values.numpy()
    unknown = np.count_nonzero(ids == vocabulary.special_token_ids["[UNK]"])
    return VocabularyReport(sampled, unknown / sampled, len(ids) / sampled)


def learn_and_report(
    word_counts: Mapping[str, int], counts: Counter[str], options: VocabularyOptions
) -> tuple[str, str]:
    """Learns a vocabulary and says how well it fits.

    Args:
        word_counts: Count by word.
        counts: Of the readers.
        options: Of the command.

    Returns:
        The text of `vocab.txt`, and a line on it.

    Raises:
        UsageError: No words, or as `learn_vocabulary`.
    """
    if not word_counts:
        raise UsageError(
            f"an empty corpus: {counts['documents']} documents, no words",
            expected="text, its documents separated by blank lines",
            fix="Check --input.",
        )
    entries = learn_vocabulary(
        word_counts,
        vocabulary_size=options.vocabulary_size,
        character_coverage=options.character_coverage,
        max_characters=options.max_characters,
        max_bytes_per_word=options.max_bytes_per_word,
    )
    report = report_vocabulary(
        entries, word_counts, max_bytes_per_word=options.max_bytes_per_word
    )
    malformed = counts["documents_malformed"]
    note = f" ({malformed:,} had malformed UTF-8, replaced)" if malformed else ""
    summary = (
        f"{len(entries):,} entries from {counts['documents']:,} documents{note}, "
        f"{sum(word_counts.values()):,} words counted "
        f"({counts['distinct_words']:,} different), "
        f"[UNK] rate {report.unknown_rate:.3%}, "
        f"{report.pieces_per_word:.2f} pieces per word, "
        f"{counts['documents_empty']:,} documents dropped"
    )
    return "".join(entry + "\n" for entry in entries), summary
