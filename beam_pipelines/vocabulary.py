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
from collections.abc import Mapping, Sequence
from pathlib import Path

from beam_pipelines.config import VocabularyConfig
from beam_pipelines.morphemes import (
    MorphemeSplitter,
    count_units,
    load_morpheme_splitter,
)
from beam_pipelines.user_tokens import check_user_tokens, load_user_tokens
from beam_pipelines.vocabulary_report import VocabularyReport, report_vocabulary
from beam_pipelines.word_counts import load_splitter
from electra_keras.data.vocabulary import SPECIAL_TOKENS
from electra_keras.errors import UsageError

_WORD_START = "\u2581"  # sentencepiece's mark of a word's first piece.


@dataclasses.dataclass(frozen=True)
class LearnedVocabulary:
    """What `build_vocabulary` writes and prints.

    Attributes:
        text: Of `vocab.txt`.
        summary: A line on it.
        report: For `vocab.report.json` and `vocab.report.md`.
    """

    text: str
    summary: str
    report: VocabularyReport


def learn_vocabulary(
    word_counts: Mapping[str, int],
    *,
    vocabulary_size: int,
    character_coverage: float = 0.9995,
    max_characters: int = 6000,
    max_bytes_per_word: int = 300,
    unused_tokens: int = 0,
    user_tokens: Sequence[str] = (),
    split_morphemes: MorphemeSplitter | None = None,
) -> tuple[str, ...]:
    """Learns a vocabulary.

    Args:
        word_counts: Count by word.
        vocabulary_size: V, entries of the result, exactly.
        character_coverage: Fraction of all characters that the alphabet
            covers, the most frequent first.
        max_characters: Most characters of the alphabet.
        max_bytes_per_word: As the tokenizer has it.
        unused_tokens: Number of entries [unused0], [unused1], ... to which
            later training may give a meaning.
        user_tokens: Words that become entries whatever their count, such as
            emoji or terms of a field. Each is one word to the tokenizer.
        split_morphemes: Keeps merges inside morphemes, see `morphemes.py`.

    Returns:
        Special tokens at 0 to 4, unused and user tokens, the alphabet ("x"
        sorted, then "##x" for characters that can stand inside a word), then
        pieces as learned.

    Raises:
        UsageError: The words support only a smaller vocabulary, or need a
            larger one for their alphabet; or a user token is not one word.
    """
    check_user_tokens(user_tokens, max_bytes_per_word)
    alphabet = choose_alphabet(word_counts, character_coverage, max_characters)
    inner = _joinable(alphabet, max_bytes_per_word)
    entries = _first_entries(unused_tokens, user_tokens, alphabet, inner)
    if len(entries) > vocabulary_size:
        kept = f"{unused_tokens} unused and {len(user_tokens)} user tokens, "
        raise UsageError(
            f"--vocabulary_size={vocabulary_size}",
            expected=f"at least {len(entries)}, to hold the special tokens, "
            f"{kept if unused_tokens or user_tokens else ''}and the "
            f"{len(alphabet)} characters of the alphabet",
            fix="Raise it, or lower --max_characters.",
        )
    # Whole words become [UNK] for one foreign character: nothing to learn.
    known, kept_whole = set(alphabet), set(user_tokens)
    words = {
        word: count
        for word, count in word_counts.items()
        if known.issuperset(word) and word not in kept_whole
    }
    seen = set(entries)
    units = count_units(words, split_morphemes)
    for piece in _learn_merges(units, vocabulary_size) if units else []:
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


def _first_entries(
    unused_tokens: int,
    user_tokens: Sequence[str],
    alphabet: Sequence[str],
    inner: Sequence[str],
) -> list[str]:
    """Returns the entries that no merging gives, each once."""
    unused = (f"[unused{index}]" for index in range(unused_tokens))
    entries = [*SPECIAL_TOKENS, *unused, *user_tokens]
    entries += [*alphabet, *(f"##{char}" for char in inner)]
    return list(dict.fromkeys(entries))


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


def _learn_merges(units: Mapping[str, int], vocabulary_size: int) -> list[str]:
    """Returns sentencepiece's pieces in the order of merging."""
    import sentencepiece

    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "units.tsv"
        lines = (f"{unit}\t{count}\n" for unit, count in units.items())
        counts.write_bytes("".join(lines).encode("utf-8"))
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            input=str(counts),
            input_format="tsv",
            model_writer=model,
            model_type="bpe",
            # Enough: 5 special tokens and two forms of the alphabet are more
            # than the entries that sentencepiece has and we have not.
            vocab_size=vocabulary_size + len(set().union(*units)),
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",
            # The space of a unit says whether it starts a word.
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
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


def learn_and_report(
    word_counts: Mapping[str, int],
    counts: Counter[str],
    config: VocabularyConfig,
    *,
    max_bytes_per_word: int,
    held_out_counts: Mapping[str, int] | None = None,
) -> LearnedVocabulary:
    """Learns a vocabulary and says how well it fits.

    Args:
        word_counts: Count by word.
        counts: Of the readers.
        config: Of the vocabulary.
        max_bytes_per_word: As the tokenizer has it.
        held_out_counts: Count by word of the documents that nothing is
            learned from; None or empty for none.

    Returns:
        The vocabulary, with a line and a report on it.

    Raises:
        UsageError: No words, or as `learn_vocabulary`.
    """
    if not word_counts:
        raise UsageError(
            f"an empty corpus: {counts['documents']} documents, no words",
            expected="text, its documents separated by blank lines",
            fix="Check --input.",
        )
    path = config.user_tokens_file
    entries = learn_vocabulary(
        word_counts,
        vocabulary_size=config.size,
        character_coverage=config.character_coverage,
        max_characters=config.max_characters,
        max_bytes_per_word=max_bytes_per_word,
        unused_tokens=config.unused_tokens,
        user_tokens=load_user_tokens(path) if path else (),
        split_morphemes=load_morpheme_splitter(config.morphemes),
    )
    report = report_vocabulary(
        entries,
        word_counts,
        held_out_counts=held_out_counts,
        max_bytes_per_word=max_bytes_per_word,
    )
    text = "".join(entry + "\n" for entry in entries)
    return LearnedVocabulary(text, _summarize(report, counts), report)


def _summarize(report: VocabularyReport, counts: Counter[str]) -> str:
    malformed = counts["documents_malformed"]
    note = f" ({malformed:,} had malformed UTF-8, replaced)" if malformed else ""
    fit = report.held_out or report.training
    where = " on held-out text" if report.held_out else ""
    return (
        f"{report.entries:,} entries from {counts['documents']:,} documents{note}, "
        f"{report.training.words:,} words counted "
        f"({counts['distinct_words']:,} different), "
        f"[UNK] rate {fit.unknown_rate:.3%}, "
        f"{fit.pieces_per_word:.2f} pieces per word{where}, "
        f"{counts['documents_dropped']:,} documents dropped"
    )
