"""WordPiece with tensorflow-text: the same op in Beam and in the SavedModel.

Reads `vocab.txt` and strings, feeds token ids to packing and to serving.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from electra_keras.data.features import PAD, SPECIAL_TOKENS, UNK
from electra_keras.errors import UsageError


@dataclasses.dataclass(frozen=True)
class TokenizerConfig:
    """How text becomes word pieces; stored in `info.json` and the SavedModel.

    Attributes:
        lower_case: Lower-case and strip accents (NFD). Breaks Hangul into
            jamo, so it is refused for a vocabulary that holds Hangul.
        max_bytes_per_word: UTF-8 bytes; a longer word becomes [UNK]. 300 is
            100 Hangul syllables, Hugging Face's limit; the op's own default
            of 100 turns unspaced Korean words of 34 syllables into [UNK].
    """

    lower_case: bool = False
    max_bytes_per_word: int = 300


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The entries of a `vocab.txt`, in order, with the ids of the specials."""

    entries: tuple[str, ...]

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Reads one entry a line.

        Raises:
            UsageError: The file is missing or not UTF-8, lacks a special
                token, or holds an entry twice.
        """
        path = Path(path)
        if not path.is_file():
            raise UsageError(
                f"no vocabulary file at {path}",
                expected="a text file with one word piece a line",
                fix="Build one with python -m beam_pipelines.build_vocabulary.",
            )
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path} is not UTF-8 at byte {error.start}",
                expected="a text file with one word piece a line",
                fix="Re-encode it or build it again.",
            ) from None
        lines = [line.rstrip("\r") for line in text.split("\n")]
        if not lines[-1]:  # After a final newline, which not every file has.
            lines.pop()
        vocabulary = cls(tuple(lines))
        vocabulary._check(str(path))
        return vocabulary

    def _check(self, name: str) -> None:
        ids = self.ids
        missing = [token for token in SPECIAL_TOKENS if token not in ids]
        if missing:
            raise UsageError(
                f"{name} lacks {', '.join(missing)}",
                expected=f"every one of {', '.join(SPECIAL_TOKENS)}",
                fix="Add them, or build a vocabulary with build_vocabulary.",
            )
        if ids[PAD] != 0 or "" in ids:
            wrong = "an empty line" if "" in ids else f"[PAD] at line {ids[PAD] + 1}"
            raise UsageError(
                f"{name} has {wrong}",
                expected="[PAD] in the first line, and an entry in every line",
                fix="Mend it, or build a vocabulary with build_vocabulary.",
            )
        if len(ids) != len(self.entries):
            twice = next(e for i, e in enumerate(self.entries) if ids[e] != i)
            raise UsageError(
                f"{name} holds {twice!r} twice",
                expected="each entry once, one a line",
                fix="Remove the second one.",
            )

    @property
    def ids(self) -> dict[str, int]:
        """Id by entry."""
        return {entry: index for index, entry in enumerate(self.entries)}

    @property
    def special_token_ids(self) -> dict[str, int]:
        """Id of each of [PAD] [UNK] [CLS] [SEP] [MASK], by name."""
        ids = self.ids
        return {token: ids[token] for token in SPECIAL_TOKENS}

    @property
    def unsampled_token_ids(self) -> tuple[int, ...]:
        """Ids that the generator never samples: specials and [unused…]."""
        return tuple(
            index
            for index, entry in enumerate(self.entries)
            if entry in SPECIAL_TOKENS or entry.startswith("[unused")
        )

    @property
    def sha256(self) -> str:
        """Hash of the entries, whatever the file's line ends."""
        return hashlib.sha256("\n".join(self.entries).encode()).hexdigest()

    def text(self) -> str:
        """Returns what `vocab.txt` holds."""
        return "".join(entry + "\n" for entry in self.entries)

    def __len__(self) -> int:
        return len(self.entries)


class Tokenizer:
    """Text to word piece ids, in a graph or eagerly.

    Text is NFC-normalised, split at white space, punctuation and CJK
    ideographs as BERT does, then into the longest word pieces.

    Args:
        vocabulary: The word pieces.
        config: Casing and limits.

    Raises:
        UsageError: Lower-casing was asked for and the vocabulary is Korean.
    """

    def __init__(
        self, vocabulary: Vocabulary, config: TokenizerConfig | None = None
    ) -> None:
        self.vocabulary = vocabulary
        self.config = config or TokenizerConfig()
        if self.config.lower_case and _holds_hangul(vocabulary):
            raise UsageError(
                "lower_case with a vocabulary that holds Hangul",
                expected="lower_case: false, since stripping accents breaks "
                "every Korean word into jamo and so into [UNK]",
                fix="Leave lower_case off.",
            )
        self._op = tf_text.FastBertTokenizer(
            vocab=list(vocabulary.entries),
            token_out_type=tf.int32,
            unknown_token=UNK,
            max_bytes_per_word=self.config.max_bytes_per_word,
            lower_case_nfd_strip_accents=self.config.lower_case,
        )

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Tokenizes strings.

        Args:
            texts: string (N,). UTF-8; malformed bytes become [UNK] pieces.

        Returns:
            int32 ragged (N, tokens). No special tokens are added, and none
            can come from the text: "[CLS]" splits at its brackets.
        """
        return self._op.tokenize(tf_text.normalize_utf8(texts, "NFC"))


def _holds_hangul(vocabulary: Vocabulary) -> bool:
    return any("가" <= char <= "힣" for entry in vocabulary.entries for char in entry)


class WordSplitter:
    """Splits text into words just as the tokenizer does before word pieces.

    The tokenizer's own op with a vocabulary that knows nothing gives one
    [UNK] per word, and its offsets are the words.
    """

    def __init__(self, config: TokenizerConfig | None = None) -> None:
        config = config or TokenizerConfig()
        self._op = tf_text.FastBertTokenizer(
            vocab=[UNK, "\ue000"],  # One private-use entry: empty is refused.
            token_out_type=tf.int32,
            unknown_token=UNK,
            max_bytes_per_word=config.max_bytes_per_word,
        )

    def split(self, texts: list[bytes]) -> list[bytes]:
        """Returns the words of all texts, in order, as UTF-8."""
        normalized = tf_text.normalize_utf8(tf.constant(texts, tf.string), "NFC")
        _, starts, ends = self._op.tokenize_with_offsets(normalized)
        rows = normalized.numpy()
        # One buffer for all texts: slicing it beats walking ragged rows.
        row_starts = np.cumsum([0, *map(len, rows)])[:-1]
        shifts = np.repeat(row_starts, starts.row_lengths().numpy())
        begins = (starts.flat_values.numpy() + shifts).tolist()
        stops = (ends.flat_values.numpy() + shifts).tolist()
        text = b"".join(rows)
        return [text[a:b] for a, b in zip(begins, stops, strict=True)]
