"""Words in, units to learn merges on out: borders that no merge may cross.

An optional step between `word_counts.py` and `vocabulary.py`. A morphological
analyser cuts each Korean word where morphemes meet, and byte-pair encoding
then merges inside a unit only: 영화를 is learned from as 영화 and 를, so that
neither 화를 nor 영화를 becomes an entry, and the entries read as stems, endings
and particles.

WordPiece has two forms of an entry, "x" at the start of a word and "##x"
inside it. Which one a unit teaches follows from where it stands: the first
unit of a word begins with a space, which sentencepiece turns into its mark of
a word's start; the others have none, so their pieces come out as "##x". Thus
영화를 counts for " 영화" and for "를", and gives the entries "영화" and "##를".

Only counting changes. The tokenizer has no analyser: it takes the longest
entries as ever, in Beam and when served.
"""

from __future__ import annotations

import importlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from beam_pipelines.checks import check_choice
from beam_pipelines.config import MORPHEME_SPLITTERS
from electra_keras.errors import ElectraError, UsageError

# Words in, the parts of each one out; the parts of a word join to the word.
MorphemeSplitter = Callable[[Sequence[str]], list[list[str]]]

_PACKAGES = {"kiwi": "kiwipiepy", "mecab": "python-mecab-ko"}
_HANGUL = re.compile("[가-힣]")


def load_morpheme_splitter(name: str) -> MorphemeSplitter | None:
    """Loads an analyser of Korean.

    Args:
        name: "kiwi" (kiwipiepy) or "mecab" (python-mecab-ko). Both packages
            bring their dictionary, so that nothing is downloaded later.
            "none" for no analyser.

    Returns:
        A splitter of words; one version of a package always gives the same
        parts. None for "none".

    Raises:
        UsageError: Another name, or the package is not installed.
    """
    check_choice("vocabulary.morphemes", name, MORPHEME_SPLITTERS)
    if name == "none":
        return None
    try:
        return _load_kiwi() if name == "kiwi" else _load_mecab()
    except ImportError:
        raise UsageError(
            f"--morphemes={name}, but {_PACKAGES[name]} is not installed",
            expected="the package of the analyser",
            fix=f"Run pip install {_PACKAGES[name]}, or leave --morphemes out.",
        ) from None


def count_units(
    word_counts: Mapping[str, int], split_morphemes: MorphemeSplitter | None
) -> Counter[str]:
    """Cuts words into the units that merges are learned on.

    Args:
        word_counts: Count by word.
        split_morphemes: From `load_morpheme_splitter`; None leaves words whole.

    Returns:
        Count by unit; a unit that starts a word begins with a space.

    Raises:
        ElectraError: The parts of a word do not join to the word.
    """
    units: Counter[str] = Counter()
    korean: list[str] = []
    for word, count in word_counts.items():
        if split_morphemes and len(word) > 1 and _HANGUL.search(word):
            korean.append(word)
        else:
            units[f" {word}"] += count
    if split_morphemes:
        split_words = split_morphemes(korean)
        for word, parts in zip(korean, split_words, strict=True):
            _check_parts(word, parts)
            units[f" {parts[0]}"] += word_counts[word]
            for part in parts[1:]:
                units[part] += word_counts[word]
    return units


def _check_parts(word: str, parts: Sequence[str]) -> None:
    if "".join(parts) != word or "" in parts:
        raise ElectraError(
            f"the analyser cut {word!r} into {list(parts)!r}",
            expected="parts that join to the word",
            fix="Leave --morphemes out, or report the word with the package's version.",
        )


def cut_at_borders(word: str, spans: Iterable[tuple[int, int]]) -> list[str]:
    """Cuts a word where morphemes meet.

    Analysers report contracted morphemes with spans that overlap: in 도와줬다,
    도와주 is [0, 3) and the 었 contracted into it [2, 3). A border counts only
    where no span reaches across it, so the parts are 도와줬 and 다.

    Args:
        word: As written.
        spans: (start, end) of each morpheme in the word, by character.

    Returns:
        The parts; they join to the word.
    """
    spans = list(spans)
    borders = {border for span in spans for border in span} - {0, len(word)}
    crossed = {
        border for start, end in spans for border in borders if start < border < end
    }
    cuts = [0, *sorted(borders - crossed), len(word)]
    return [word[start:end] for start, end in itertools.pairwise(cuts)]


def _load_kiwi() -> MorphemeSplitter:
    kiwi = importlib.import_module("kiwipiepy").Kiwi(num_workers=1)

    def split(words: Sequence[str]) -> list[list[str]]:
        analysed = kiwi.tokenize(words)
        return [
            cut_at_borders(word, ((token.start, token.end) for token in tokens))
            for word, tokens in zip(words, analysed, strict=True)
        ]

    return split


def _load_mecab() -> MorphemeSplitter:
    mecab = importlib.import_module("mecab").MeCab()

    def split(words: Sequence[str]) -> list[list[str]]:
        return [
            cut_at_borders(word, (tuple(token.span) for token in mecab.parse(word)))
            for word in words
        ]

    return split
